"""How often the page reads again what has changed: soon, but so that everything else has its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

REST = 6.0
LONGEST_REST = 0.5
"""Seconds."""


class Pace:
    """Calls `work` soon after `ask`, once for all that was asked for until then.

    A rest is `rest` times as long as the work before it, and at most `longest` seconds.
    """

    def __init__(self, work: Callable[[], None], rest: float = REST, longest: float = LONGEST_REST) -> None:
        self._work = work
        self._rest = rest
        self._longest = longest
        self._due: asyncio.TimerHandle | None = None
        self._pause = 0.0

    def ask(self) -> None:
        """Have the work done."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._pause, self._run)

    def took(self, seconds: float) -> None:
        """The work, and what followed from it, took so long: the next rest is in proportion."""
        self._pause = min(self._longest, self._rest * seconds)

    def _run(self) -> None:
        self._due = None
        self._work()
