"""The saves of this tab that are under way: what can wait gives way to them, and many end sooner."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock


class Saves:
    """Knows which saves are under way, and for how long there has been one or none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: Counter[str] = Counter()
        self._since = clock.monotonic()
        self._are_over = asyncio.Event()
        self._are_over.set()

    @contextmanager
    def one_more(self, file_id: str) -> Iterator[None]:
        """Inside, that file is saved."""
        if not self._under_way:
            self._since = self._clock.monotonic()
            self._are_over.clear()
        self._under_way[file_id] += 1
        try:
            yield
        finally:
            self._under_way[file_id] -= 1
            if not self._under_way[file_id]:
                del self._under_way[file_id]
            if not self._under_way:
                self._since = self._clock.monotonic()
                self._are_over.set()

    def is_saving(self, file_id: str) -> bool:
        """Whether a save of that file is under way."""
        return file_id in self._under_way

    @property
    def over_for(self) -> float:
        """Seconds for which there has been none; 0 when there is one."""
        return self._clock.monotonic() - self._since if self._are_over.is_set() else 0.0

    async def give_way(self, at_most: float) -> None:
        """Wait for a moment in which there is none, until there has been one for `at_most` seconds."""
        left = self._since + at_most - self._clock.monotonic()
        if left > 0 and not self._are_over.is_set():
            await first_of(self._clock.sleep(left), self._are_over.wait())
