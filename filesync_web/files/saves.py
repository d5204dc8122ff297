"""The saves of this tab that are under way: what can wait gives way to them, and many end sooner."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock


class Saves:
    """Knows whether a save is under way, and for how long there has been one or none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way = 0
        self._since = clock.monotonic()
        self._are_over = asyncio.Event()
        self._are_over.set()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Inside, something is saved."""
        if not self._under_way:
            self._since = self._clock.monotonic()
            self._are_over.clear()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._since = self._clock.monotonic()
                self._are_over.set()

    @property
    def over_for(self) -> float:
        """Seconds for which there has been none; 0 when there is one."""
        return self._clock.monotonic() - self._since if self._are_over.is_set() else 0.0

    async def give_way(self, at_most: float) -> None:
        """Wait for a moment in which there is none, until there has been one for `at_most` seconds."""
        left = self._since + at_most - self._clock.monotonic()
        if left > 0 and not self._are_over.is_set():
            await first_of(self._clock.sleep(left), self._are_over.wait())
