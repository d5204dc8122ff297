"""Waiting for the first of several things, or for the end of one whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from filesync_web.aio.futures import new_task


async def first_of(*waits: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run all until one is done, cancel the others, and return the one's task (the earliest given, when
    several are).

    When this is cancelled itself, all of them are.
    """
    tasks = [new_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do work that must not be left half done, a clean-up say: when this is cancelled, however often, it
    still waits for the work to end before it raises `asyncio.CancelledError`."""
    task = new_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise
