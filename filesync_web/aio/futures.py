"""Futures and tasks that cost no further turn of the event loop.

Pyodide's loop counts what is under way: a future of `loop.create_future()`, and a task of
`asyncio.create_task()`, has a callback from the start, which has a turn of its own before whoever waits goes
on. A turn takes 0.03 to 0.1 ms in a page, and a save or a transfer would have some ten more of them. Nobody
needs the count but a host that runs Python until there is nothing left to do, and a page is no such host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_future() -> asyncio.Future[Any]:
    """A future of the running loop."""
    return asyncio.Future(loop=asyncio.get_running_loop())


def new_task(work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
    """A task of the running loop; keep it, and see to its errors: `Tasks` does both."""
    return asyncio.Task(work, loop=asyncio.get_running_loop(), name=name)
