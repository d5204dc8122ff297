"""Undo of deletions: a deleted picture is in the trash, and for a few seconds a toast offers to have it back.

Then it is purged, unless deleted pictures are to be kept. Not before the backend has confirmed the deletion,
though: until then somebody's edit may come before it, which the purge would take along.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import past_words
from background import Start
from purges import Memory, Purges

UNDO_TIME = 3.5
"""Seconds; with them a remote object that nobody needs is gone within five."""
SLACK = 0.1
"""Seconds by which a timer may be ahead of the clock."""
KEPT_UNDO_TIME = 8.0
"""Where deleted pictures are kept there is no hurry."""
TOAST = "undo"


class Trash(Protocol):
    """What is asked of the kit."""

    @property
    def is_confirmed(self) -> bool:
        """Whether the backend knows of everything that was done here."""

    async def restore(self, file_ids: Sequence[str]) -> None:
        """Bring deleted files back."""

    async def purge_undisputed(self, file_ids: Sequence[str]) -> None:
        """Delete for good those of the files that are deleted, and that nobody has edited unseen."""


class Offers(Protocol):
    """Where the toast is shown."""

    def offer(self, key: str, text: str, label: str, accept: Callable[[], None]) -> None: ...

    def withdraw(self, key: str) -> None: ...

    def has_focus(self, key: str) -> bool: ...


class Undo:
    """The deletions that can be undone now.

    `planned` and `keeps` are what the device remembers. `start` runs what takes a while; `on_back` is told
    the ids and the names of what is back.
    """

    def __init__(
        self,
        trash: Trash,
        offers: Offers,
        *,
        planned: Memory,
        keeps: Memory,
        start: Start,
        on_back: Callable[[list[str], list[str]], None],
    ) -> None:
        self.purges = Purges(planned)
        self._trash = trash
        self._offers = offers
        self._keeps = keeps
        self._start = start
        self._on_back = on_back
        self._names: dict[str, str] = {}
        self._is_held = self._is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._wait_for_next()  # the page was closed meanwhile, or another tab is at it

    @property
    def keeps_deleted(self) -> bool:
        """Whether deleted pictures stay in the trash, as long as the store's policy has it."""
        return self._keeps.read() == "yes"

    @keeps_deleted.setter
    def keeps_deleted(self, keeps: bool) -> None:
        self._keeps.write("yes" if keeps else "")
        if keeps:
            self.purges.cancel_all()

    def deleted(self, file_id: str, name: str) -> None:
        """A file was deleted: offer to undo it, together with those of which it is offered already."""
        self._names[file_id] = name
        text = past_words.deleted(list(self._names.values()))
        self._offers.offer(TOAST, text, "Undo", self.undo)
        self._delay()

    def undo(self) -> None:
        """Have back what the toast tells of; nothing when there is none."""
        if self._names:
            names, self._names = self._names, {}
            self._offers.withdraw(TOAST)
            self.purges.cancel(names)
            self._start(self._restore(names))

    def hold(self) -> None:
        """Purge nothing while somebody looks through what was deleted."""
        self._is_held = True

    def release(self) -> None:
        """Go on."""
        self._is_held = False
        self.check()

    def check(self) -> None:
        """Something has changed: what was to be purged may be confirmed now."""
        if self._is_due and not self._is_held and self._trash.is_confirmed:
            self._is_due = False
            self._start(self._purge())

    async def _restore(self, names: dict[str, str]) -> None:
        await self._trash.restore(list(names))
        self._on_back(list(names), list(names.values()))

    def _delay(self) -> None:
        """From now on the time to undo runs anew."""
        if self.keeps_deleted:
            self._wait(KEPT_UNDO_TIME)
        else:
            self.purges.plan(self._names, time.time() + UNDO_TIME)
            self._wait(UNDO_TIME)

    def _wait_for_next(self) -> None:
        if (next_at := self.purges.next_at) is not None:
            self._wait(max(0.0, next_at - time.time()))

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def _end(self) -> None:
        """The time to undo is over, unless the keyboard is at the toast."""
        if self._offers.has_focus(TOAST):
            self._delay()
            return
        self._offers.withdraw(TOAST)
        self._names.clear()
        self._is_due = True
        self.check()

    async def _purge(self) -> None:
        due = self.purges.due(time.time() + SLACK)
        await self._trash.purge_undisputed(due)
        self.purges.cancel(due)
        if not self._names:
            self._wait_for_next()
