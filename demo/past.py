"""What pictures were before, on the page: deletions and their undo, versions, and conflicts.

The views are loaded when they are opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import past_words
import trouble
from background import Start
from grid import Grid
from kept import Kept
from messages import Toasts
from pace import Pace
from parts import Parts
from pyscript import document, when
from remembered import Remembered
from undo import Undo

import filesync_web as fs

if TYPE_CHECKING:
    from sheet import Sheet

NEWS = "conflicts"


class View(Protocol):
    """Something in the sheet."""

    async def refresh(self) -> None:
        """Show what is so now."""


class Past:
    """`start` runs what takes a while, and tells when it fails."""

    def __init__(self, kept: Kept, store_id: str, grid: Grid, toasts: Toasts, start: Start) -> None:
        self._kept = kept
        self._grid = grid
        self._toasts = toasts
        self._start = start
        self._parts = Parts(document.getElementById("past"))
        self._sheet: Sheet | None = None
        self._view: View | None = None
        self._news: set[str] = set()
        self._is_news = self._is_due = False
        self._reading: asyncio.Task[None] | None = None
        self._pace = Pace(self._read)
        planned, keeps = Remembered(f"{store_id}:purges"), Remembered("keeps-deleted")
        self._undo = Undo(kept, toasts, planned=planned, keeps=keeps, start=start, on_back=self._on_back)
        when("click", self._parts["conflicts"])(lambda _event: self.open_conflicts())
        when("click", self._parts["deleted"])(lambda _event: self._open_deleted())
        when("keydown", document)(self._on_key)
        self.changed()

    # --- what the kit says ---

    def changed(self) -> None:
        """Files, their versions, or what the backend has confirmed may be others than before."""
        self._undo.check()
        self._pace.ask()

    def tell(self, file_id: str) -> None:
        """A conflict has come up."""
        self._news.add(file_id)
        self._is_news = True
        self._pace.ask()

    def _read(self) -> None:
        """Read what is so now, or once more after the reading that goes on."""
        self._is_due = True
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read_all())

    async def _read_all(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                self._show(await self._kept.conflicts())
        finally:
            self._reading = None

    def _show(self, found: list[fs.FileVersion]) -> None:
        self._grid.mark({one.file_id: past_words.conflict_badge(one.conflict) for one in found})
        self._parts.write("conflicts", past_words.conflicts(len(found)))
        self._parts.write("conflicts", not found, "hidden")
        self._tell_news(found)
        if self._view is not None and self._sheet is not None and self._sheet.is_open:
            self._start_in_sheet(self._view.refresh())

    def _tell_news(self, found: list[fs.FileVersion]) -> None:
        new = [one for one in found if one.file_id in self._news]
        self._news = {one.file_id for one in new}
        if not new:
            self._toasts.withdraw(NEWS)
        elif self._is_news:
            text = past_words.conflict_news([one.conflict for one in new], new[0].name or "")
            self._toasts.offer(NEWS, text, "Choose", self.open_conflicts)
        self._is_news = False

    # --- what the user asks for ---

    async def delete(self, file_id: str, name: str) -> None:
        """Move a file to the trash, and offer to undo that."""
        await self._kept.delete(file_id)
        self._undo.deleted(file_id, name)

    def open_versions(self, file_id: str, on_close: Callable[[], None]) -> None:
        """Show what a file had."""
        from versions import VersionsView

        self._open(VersionsView(self._the_sheet(), self._kept, file_id, self._start_in_sheet, on_close))

    def open_conflicts(self, file_id: str | None = None) -> None:
        """Show the conflicts of a file, or of all."""
        from conflict import ConflictView

        self._news.clear()
        self._toasts.withdraw(NEWS)
        self._open(ConflictView(self._the_sheet(), self._kept, file_id, self._start_in_sheet))

    def open(self, make: Callable[[Sheet, Start], View]) -> None:
        """Show another view: `make` gets the sheet, and what runs work whose errors are told in there."""
        self._open(make(self._the_sheet(), self._start_in_sheet))

    def _open_deleted(self) -> None:
        from deleted import DeletedView

        self._open(DeletedView(self._the_sheet(), self._kept, self._undo, self._start_in_sheet))

    def _the_sheet(self) -> Sheet:
        from sheet import Sheet

        if self._sheet is None:
            self._sheet = Sheet()
        return self._sheet

    def _start_in_sheet(self, work: Coroutine[Any, Any, None]) -> None:
        """What goes wrong is told in the sheet, which covers the toasts."""

        async def told() -> None:
            try:
                await work
            except fs.FileSyncError as error:
                self._the_sheet().say(trouble.plain(error), is_bad=True)

        self._start(told())

    def _open(self, view: View) -> None:
        self._view = view
        self._start_in_sheet(view.refresh())

    def _on_key(self, event: Any) -> None:
        """Control-Z takes back a deletion, where it is not for what is typed."""
        is_undo = event.key == "z" and (event.ctrlKey or event.metaKey) and not event.shiftKey
        if is_undo and event.target.id != "find" and not document.querySelector("dialog[open]"):
            self._undo.undo()

    def _on_back(self, file_ids: list[str], names: list[str]) -> None:
        """Deletions were undone: the keyboard goes to the last one of the pictures."""
        document.getElementById("past-said").textContent = past_words.brought_back(names)
        self._grid.focus(file_ids[-1])
