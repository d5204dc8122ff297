"""A gate through which only so many may be at a time: of those who wait, the most urgent goes first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filesync_web.aio.futures import new_future


class Gate:
    """Lets `room` in at a time. Of those who wait the highest priority goes first, then who came first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def inside(self, priority: float = 0) -> AsyncIterator[None]:
        """Inside the context no more than the others that have room are inside as well."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: float) -> None:
        if self._room > 0:
            self._room -= 1
            return
        turn: asyncio.Future[None] = new_future()
        heapq.heappush(self._waiting, (-priority, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was ours already
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._room += 1
