"""The saves of this tab that are under way: what can wait gives way to them, and many end sooner."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock

BETWEEN = 0.05
"""Seconds at most between two saves of one series."""

GIVING_WAY = 1.0
"""Seconds for which a series goes before all that gives way, and after which a save is one that lasts."""

PACE = 0.1
"""Seconds between two beginnings of what gives way, while a series goes on."""

LONG_SERIES = 10.0
"""Seconds after which a series has less and less precedence."""


class Saves:
    """Knows which saves are under way, and since when there have been some or none.

    Saves that follow each other closely are a series. Nobody gives way to a save that lasts, such as that of
    a recording.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: Counter[str] = Counter()  # with saves under way
        self._begun: dict[int, float] = {}  # saves under way, by number, the youngest last: when it began
        self._numbers = count()
        self._series_began = self._ended = self._let_go = clock.monotonic() - BETWEEN
        self._is_calm = asyncio.Event()  # set when the last save to give way to has ended
        self._turns = asyncio.Lock()  # of those who give way
        self._waiting = 0  # of those, who have not gone on yet

    @contextmanager
    def one_more(self, file_id: str) -> Iterator[None]:
        """Inside, that file is saved."""
        now, number = self._clock.monotonic(), next(self._numbers)
        # Who still waits had no turn in what would be a pause: it was work that let nobody else run.
        if not self._waiting and max(self._ended, self._busy_until) + BETWEEN <= now:
            self._series_began = now
        self._is_calm.clear()
        self._begun[number] = now
        self._files[file_id] += 1
        try:
            yield
        finally:
            self._files[file_id] -= 1
            if not self._files[file_id]:
                del self._files[file_id]
            del self._begun[number]
            self._ended = self._clock.monotonic()
            if self._busy_until <= self._ended:
                self._is_calm.set()

    def is_saving(self, file_id: str) -> bool:
        """Whether a save of that file is under way."""
        return file_id in self._files

    @property
    def over_for(self) -> float:
        """Seconds for which there has been none; 0 when there is one."""
        return 0.0 if self._begun else self._clock.monotonic() - self._ended

    async def give_way(self) -> None:
        """Wait until nothing is being saved.

        While a series goes on, those who wait go on one by one: from its second second on, and the longer it
        lasts the faster, so that it never holds them up for good.
        """
        asked = self._clock.monotonic()
        self._waiting += 1
        try:
            async with self._turns:
                lasted = self._clock.monotonic() - self._series_began
                pace = PACE * LONG_SERIES / max(LONG_SERIES, lasted)
                due = max(asked, self._series_began + GIVING_WAY, self._let_go + pace)
                await self._calm(due)
                # Not the time at which a slow timer woke it: those behind it would be late as well.
                self._let_go = min(due, self._clock.monotonic())
        finally:
            self._waiting -= 1

    async def calm(self) -> None:
        """Wait until nothing is being saved, for a second at most."""
        await self._calm(self._clock.monotonic() + GIVING_WAY)

    async def _calm(self, until: float) -> None:
        if self._clock.monotonic() - self._ended < BETWEEN:
            await asyncio.sleep(0)  # a turn in which a loop of saves begins the next
        while (left := min(until, self._busy_until) - self._clock.monotonic()) > 0:
            await first_of(self._clock.sleep(left), self._is_calm.wait())
            await asyncio.sleep(0)

    @property
    def _busy_until(self) -> float:
        """When the youngest save that is under way is one that lasts."""
        return next(reversed(self._begun.values()), -math.inf) + GIVING_WAY
