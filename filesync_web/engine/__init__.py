"""Decisions about transfers, pure: facts in, effects out; no I/O, no clock, no randomness.

Begin to read at `engine.py`.
"""
