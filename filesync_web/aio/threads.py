"""Blocking calls in a thread; in a browser, where Python has no threads, they just run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short blocking call in a thread.

    A thread cannot be stopped: when the waiting is cancelled, however often, this waits for the call to end
    before it raises `asyncio.CancelledError`, so that what the call uses (a file descriptor) may be closed
    after it. What the call returns is lost then: one that opens something has to hand it over by itself.
    """
    if sys.platform == "emscripten":
        return call(*args, **kwargs)
    # No task, which the end of `asyncio.run` would cancel while the thread goes on.
    running = asyncio.get_running_loop().run_in_executor(
        None, partial(copy_context().run, call, *args, **kwargs)
    )
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise


async def to_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call that may wait for ever, as on a pipe; a cancelled one is left alone."""
    if sys.platform == "emscripten":
        return call(*args, **kwargs)
    return await asyncio.to_thread(call, *args, **kwargs)
