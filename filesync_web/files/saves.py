"""The saves of this tab that are under way: what can wait gives way to them, and many end sooner."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock

BETWEEN = 0.05
"""Seconds at most between two saves of one series."""


class Saves:
    """Knows which saves are under way, and since when there have been some or none.

    Saves that follow each other closely are a series: what gives way does so for all of it, and for no series
    longer than for one long save.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: Counter[str] = Counter()
        self._began = self._ended = clock.monotonic() - BETWEEN  # the series
        self._are_over = asyncio.Event()
        self._are_over.set()

    @contextmanager
    def one_more(self, file_id: str) -> Iterator[None]:
        """Inside, that file is saved."""
        if self.over_for >= BETWEEN:
            self._began = self._clock.monotonic()
        self._are_over.clear()
        self._under_way[file_id] += 1
        try:
            yield
        finally:
            self._under_way[file_id] -= 1
            if not self._under_way[file_id]:
                del self._under_way[file_id]
            if not self._under_way:
                self._ended = self._clock.monotonic()
                self._are_over.set()

    def is_saving(self, file_id: str) -> bool:
        """Whether a save of that file is under way."""
        return file_id in self._under_way

    @property
    def over_for(self) -> float:
        """Seconds for which there has been none; 0 when there is one."""
        return self._clock.monotonic() - self._ended if self._are_over.is_set() else 0.0

    async def give_way(self, at_most: float) -> None:
        """Wait for the end of a series, until it has gone on for `at_most` seconds."""
        while (left := self._began + at_most - self._clock.monotonic()) > 0:
            if not self._are_over.is_set():
                await first_of(self._clock.sleep(left), self._are_over.wait())
            if self.over_for < BETWEEN:
                await asyncio.sleep(0)  # a turn in which a loop of saves begins the next
            if self._are_over.is_set():
                return
