"""A clock that stands still until the test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools

_TURNS = 50


async def settle(turns: int = _TURNS) -> None:
    """Let every task that can go on without time, threads or input go on: give the event loop `turns` turns.

    A chain of awaits takes one turn for each link, so that 50 are plenty for code that waits for fakes only.
    """
    for _ in range(turns):
        await asyncio.sleep(0)


class ManualClock:
    """The `Clock` port with time that only the test moves: `advance` lets it pass, `oversleep` lets it pass
    without anybody running, `shift_wall_clock` only sets the wall clock. `start` is the wall clock's time."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = 1_000.0  # monotonic
        self._wall_offset = start - self._now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        """Seconds since the epoch, as the test has set them."""
        return self._now + self._wall_offset

    def monotonic(self) -> float:
        """Seconds since some moment; no `shift_wall_clock` changes them."""
        return self._now

    @property
    def sleepers(self) -> int:
        """How many calls of `sleep` have not returned yet."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Return when the test has advanced the clock by that many seconds; after a turn for none."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        entry = (self._now + seconds, next(self._order), wake)
        heapq.heappush(self._sleepers, entry)
        try:
            await wake
        except asyncio.CancelledError:
            self._sleepers = [other for other in self._sleepers if other is not entry]
            heapq.heapify(self._sleepers)
            raise

    async def advance(self, seconds: float) -> None:
        """Move time on, waking the sleepers in the order of their time and letting each do what it does.

        A sleeper that goes to sleep again within the span is woken again, at its exact time.
        """
        await settle()
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, wake = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            if not wake.done():
                wake.set_result(None)
            await settle()
        self._now = end
        await settle()

    def oversleep(self, seconds: float) -> None:
        """Let time pass in which nobody runs, as in a frozen tab: who sleeps wakes late, by `advance`."""
        self._now += seconds

    def shift_wall_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back when negative, as a user or a time server does."""
        self._wall_offset += seconds

    @property
    def wake_times(self) -> list[float]:
        """When the present sleepers wake, by the wall clock of now, earliest first."""
        return sorted(when + self._wall_offset for when, _, wake in self._sleepers if not wake.done())
