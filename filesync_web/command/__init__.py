"""The command `filesync` (extra `cli`): a store of files from the shell, on CPython.

It is one more client of the store: it keeps a folder of its own, works offline, and may run beside others
on the same folder. `main` is the entry point; `docs/command-line.md` is the manual.
"""
