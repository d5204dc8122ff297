"""The full view of one picture: a dialog with keys and buttons for the previous and the next one."""

from __future__ import annotations

from typing import Any

import wording
from cards import Grid
from pyscript import when

KEYS = {"ArrowLeft": -1, "ArrowRight": 1}
STEPS = {"back": -1, "next": 1}


class Viewer:
    """Shows the pictures of a grid, one at a time."""

    def __init__(self, page: Any, grid: Grid) -> None:
        self._dialog = page["viewer"]
        self._image = page["viewer-image"]
        self._caption = page["viewer-caption"]
        self._grid = grid
        self._file_id = ""
        when("click", self._dialog)(self._on_click)
        when("keydown", self._dialog)(self._on_key)
        when("close", self._dialog)(self._on_close)

    def open(self, file_id: str) -> None:
        """Show the picture; does nothing for a file that cannot be shown."""
        card = self._grid.cards.get(file_id)
        if card is None or not card.is_viewable:
            return
        self._file_id = file_id
        self._image.src = card.url
        self._image.alt = card.metadata.name or "Picture"
        metadata = card.metadata
        facts = (metadata.name, wording.dimensions(metadata), wording.size(metadata.size_bytes))
        self._caption.textContent = " · ".join(fact for fact in facts if fact)
        if not self._dialog.open:
            self._dialog.showModal()

    def _step(self, change: int) -> None:
        cards = self._grid.cards
        shown = [file_id for file_id in self._grid.order if cards[file_id].is_viewable]
        if change and self._file_id in shown:
            self.open(shown[(shown.index(self._file_id) + change) % len(shown)])

    def _on_key(self, event: Any) -> None:
        self._step(KEYS.get(event.key, 0))

    def _on_close(self, _event: Any) -> None:
        self._image.removeAttribute("src")

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("[data-action]")
        action = button.dataset.action if button else ""
        if action in STEPS:
            self._step(STEPS[action])
        elif action == "close" or event.target.tagName in {"DIALOG", "FIGURE"}:
            self._dialog.close()
