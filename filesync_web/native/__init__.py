"""The adapters for CPython on a POSIX system: a directory of files, httpx, lock files.

They need the extra packages of `pip install filesync-web[native]`, except for local-only use of the blob
store.
"""
