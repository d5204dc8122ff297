"""The real clock, the same on CPython and in the browser; `testing.ManualClock` stands in for it."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's clocks, and waiting by the running event loop."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment, by a clock that nobody sets."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)
