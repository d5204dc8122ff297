"""How often the page reads again what has changed: soon, but so that everything else has its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

REST = 6
"""A rest is so many times as long as the work before it."""
LONGEST_REST = 0.5
"""Seconds."""


class Pace:
    """Calls `work` soon after `ask`, once for all that was asked for until then."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._due: asyncio.TimerHandle | None = None
        self._pause = 0.0

    def ask(self) -> None:
        """Have the work done."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._pause, self._run)

    def took(self, seconds: float) -> None:
        """The work, and what followed from it, took so long: the next rest is in proportion."""
        self._pause = min(LONGEST_REST, REST * seconds)

    def _run(self) -> None:
        self._due = None
        self._work()
