"""Waiting without `await`: Python is suspended while the browser goes on (JavaScript Promise Integration).

It works where the browser has it and Python was entered by a call that can be suspended; in a callback of the
browser, for one, it does not. Other tasks run meanwhile.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from pyodide.ffi import can_run_sync, run_sync

T = TypeVar("T")


def can_suspend() -> bool:
    """Whether Python can be suspended here and now."""
    return bool(can_run_sync())


def suspend(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine returns."""
    value: T = run_sync(coroutine)
    return value
