"""The keyboard among the cards: arrows, Home, End and the page keys lead from a card to another one, whether
that exists already or not, and the focus is never lost when its card leaves the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from listing import Listing
from pyscript import document, when

if TYPE_CHECKING:
    from grid import Grid


class Keyboard:
    """The focus in the grid `root`: on a card's button, or on `root` itself while the card is elsewhere."""

    def __init__(self, root: Any, grid: Grid, listing: Listing) -> None:
        self.aim: str | None = None
        """The file whose card gets the focus as soon as it exists."""
        self._root = root
        self._grid = grid
        self._listing = listing
        self._last = ("", "")
        """The file and the action of the button that has the focus, or had it last."""
        when("keydown", root)(self._on_key)
        when("focusin", root)(self._on_focus)

    @contextmanager
    def keeping_its_place(self) -> Iterator[None]:
        """Cards may leave the page inside; when the one with the focus does, it goes to the grid, or to the
        card behind one that was deleted."""
        focused = document.activeElement
        held = focused.closest(".card") if self._root.contains(focused) else None
        place = self._grid.place(held.dataset.fileId) if held else None
        yield
        if held and not self._root.contains(held):
            if self._listing.place(self._last[0]) is not None:
                self._root.focus(preventScroll=True)
            elif self._grid.count:
                self._aim_at(min(place or 0, self._grid.count - 1))
            else:
                document.getElementById("file-input").focus()

    def reach_aim(self) -> None:
        """Give the focus to the card that it is to go to, if that is there now."""
        if self.aim is not None and (card := self._grid.cards.get(self.aim)):
            self.aim = None
            card.focus(self._last[1])

    def go_to(self, file_id: str, action: str) -> None:
        """Have the focus on a button of a file's card; on the grid, when the file is not listed."""
        place = self._listing.place(file_id)
        if place is None:
            self._root.focus(preventScroll=True)
        else:
            self._last = (file_id, action)
            self._go(place)

    def _aim_at(self, place: int) -> None:
        """Have the card at this place of the list get the focus once it exists."""
        for entry in self._listing.page(range(place, place + 1)):
            self.aim = entry.record.id
            self._last = (entry.record.id, self._last[1])

    def _go(self, place: int) -> None:
        """Have the focus on the card at this place of the list, and the card on the screen."""
        self._aim_at(place)
        self.reach_aim()
        if self.aim is not None:
            self._grid.scroll_to(place)

    def _on_focus(self, event: Any) -> None:
        card = event.target.closest(".card")
        if card:
            self._last = (card.dataset.fileId, event.target.dataset.action or "")

    def _on_key(self, event: Any) -> None:
        if event.altKey or event.ctrlKey or event.metaKey or event.shiftKey or not self._grid.count:
            return
        place = self._listing.place(self._last[0])
        to = self._grid.layout.reached(place or 0, event.key, self._grid.count)
        if to is not None:
            event.preventDefault()
            self._go(to)
