"""Decisions, pure: no JavaScript, asyncio, SQL, clock or randomness. Runs the same under CPython and
Pyodide."""
