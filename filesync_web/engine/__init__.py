"""Decisions about transfers, pure: facts in, effects out; no I/O, no clock. Begin at `engine.py`."""
