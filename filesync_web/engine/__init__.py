"""Decisions about transfers, pure: facts in, effects out; no I/O, no clock, no randomness. Begin at `engine.py`."""
