"""Pools of threads for work that blocks.

asyncio's own pool has a handful of threads for a whole process: a few slow calls (a large upload that is
joined, a disk that hangs) would use them up, and everything else would wait, the answer to whether the server
is well too. So each kind of work has a pool of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from anyio import CancelScope

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `size` threads for one kind of work; more of it waits in order."""

    def __init__(self, name: str, size: int) -> None:
        """The threads are made when they are needed. `name` is in their names, for who looks at the
        process."""
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=f"filesync-{name}")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread. When the caller is cancelled, what has begun goes on."""
        future = self._pool.submit(work, *args, **kwargs)
        return await asyncio.wrap_future(future)

    async def finish(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, and when the caller is cancelled it waits for the end: what the work uses is free
        then."""
        task = asyncio.ensure_future(self.run(work, *args, **kwargs))
        try:
            with CancelScope(shield=True):  # starlette cancels by anyio, again and again
                await asyncio.wait([task])
        except asyncio.CancelledError:
            await asyncio.wait([task])
            task.exception()  # nobody else asks for it
            raise
        return task.result()

    def close(self) -> None:
        """Take no more work. What has begun goes on."""
        self._pool.shutdown(wait=False)
