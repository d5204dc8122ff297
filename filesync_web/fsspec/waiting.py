"""How a synchronous method waits for its coroutine.

On CPython the caller's thread waits while the event loop, in another thread, does the work. In a browser
Python has one thread: there it is suspended, where the browser can do that. What needs no waiting, such as a
look-up in an open store, works anywhere in a browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from filesync_web.environment import IN_BROWSER
from filesync_web.fsspec.errors import CannotWaitError

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]


def wait_for(work: Work[T], loop: asyncio.AbstractEventLoop | None, instead: str) -> T:
    """What the coroutine returns. `instead`: what to do where this cannot wait; for `CannotWaitError`."""
    if IN_BROWSER:
        from filesync_web.browser.suspending import can_suspend, suspend

        if not can_suspend():
            raise CannotWaitError(f"Python cannot wait here: {instead}")
        return suspend(work())
    if loop is None or not loop.is_running():
        raise CannotWaitError(f"no event loop runs that could do it: {instead}")
    if is_own_thread(loop):
        raise CannotWaitError(f"this would block its own event loop: {instead}, or call it in another thread")
    future = asyncio.run_coroutine_threadsafe(work(), loop)
    try:
        return future.result()
    except BaseException:  # Ctrl-C, too
        future.cancel()
        raise


def look_up(work: Work[T], loop: asyncio.AbstractEventLoop | None, instead: str) -> T:
    """The same for a coroutine that changes nothing, and has to wait only until a store is open."""
    if IN_BROWSER:
        coroutine = work()
        try:
            coroutine.send(None)
        except StopIteration as end:
            value: T = end.value
            return value
        coroutine.close()
    return wait_for(work, loop, instead)


def begin(work: Work[object], loop: asyncio.AbstractEventLoop) -> None:
    """Do it soon, in the loop's own thread; not at all, when the loop has ended."""
    if loop.is_running():
        asyncio.run_coroutine_threadsafe(work(), loop)


def is_own_thread(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether it is this thread that runs the loop."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
