"""Saves from their source to the log: so many store bytes at a time, and several are recorded together.

A commit takes about as long for one file as for ten. So who has stored its bytes while many others still
store theirs waits for some of them, for a moment at most: databases do the same (PostgreSQL calls it
`commit_delay` and `commit_siblings`). A save of which there are few waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from filesync_web.aio.futures import new_future
from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock

MAX_CONCURRENT_IMPORTS = 16
"""Sources that are stored at a time: each has files open, and buffers."""

SIBLINGS = 4
"""Others that have to be storing bytes, for one that is done to wait for them."""

LARGEST_GROUP = 16
LONGEST_DELAY = 0.05
"""Seconds."""


class SaveGroups:
    """Those of one store, in this tab."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_IMPORTS)
        self._storing = 0
        self._group: list[asyncio.Future[None]] = []  # those who wait

    @asynccontextmanager
    async def storing(self) -> AsyncIterator[None]:
        """Inside, bytes are stored; waits until there is room for one more."""
        async with self._slots:
            self._storing += 1
            try:
                yield
            finally:
                self._storing -= 1
                if self._storing < SIBLINGS:
                    self._go()

    async def turn(self) -> None:
        """Return when who has stored its bytes is to record them; a group goes in one turn of the loop."""
        if self._storing < SIBLINGS:
            return
        if len(self._group) + 1 == LARGEST_GROUP:
            self._go()
            return
        group, gone = self._group, new_future()
        group.append(gone)
        if len(group) > 1:
            await gone
            return
        try:
            await first_of(self._clock.sleep(LONGEST_DELAY), _until(gone))
        finally:
            if self._group is group:
                self._go()

    def _go(self) -> None:
        group, self._group = self._group, []
        for gone in group:
            if not gone.done():  # cancelled
                gone.set_result(None)


async def _until(gone: asyncio.Future[None]) -> None:
    await gone
