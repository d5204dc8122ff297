"""The places of cards on the page: an element for each file of the window, and empty space around them."""

from __future__ import annotations

from typing import Any

from layout import Layout
from pyscript import document


class Places:
    """The elements in `root`. A place has a blank until its card is put there."""

    def __init__(self, root: Any) -> None:
        self.window = range(0)
        """Which of the list the places are for."""
        self._root = root
        self._ids: list[str] = []
        self._at: dict[str, int] = {}
        self._elements: dict[str, Any] = {}
        self._blank = document.createElement("li")
        self._blank.className = "card blank"
        self._blank.ariaHidden = "true"

    def __contains__(self, file_id: str) -> bool:
        return file_id in self._elements

    def set(self, window: range, ids: list[str], layout: Layout, count: int) -> None:
        """Have places for these files, which are the part `window` of a list of `count`."""
        wanted = set(ids)
        for file_id in [file_id for file_id in self._ids if file_id not in wanted]:
            self._elements.pop(file_id).remove()
        kept = [file_id for file_id in self._ids if file_id in wanted]
        is_reordered = kept != [file_id for file_id in ids if file_id in self._elements]
        following = None
        for file_id in reversed(ids):
            element = self._elements.get(file_id)
            if element is None or is_reordered:
                element = element or self._blank.cloneNode(True)
                self._root.insertBefore(element, following)
            self._elements[file_id] = following = element
        self._ids, self.window = ids, window
        self._at = {file_id: place for place, file_id in enumerate(ids, window.start)}
        self._root.style.paddingTop = f"{layout.top(window.start):.1f}px"
        self._root.style.paddingBottom = f"{layout.below(window, count):.1f}px"

    def put(self, file_id: str, element: Any) -> None:
        """Put a card where its blank is."""
        self._elements[file_id].replaceWith(element)
        self._elements[file_id] = element

    def place(self, file_id: str) -> int:
        """Which of the list a file of the window is."""
        return self._at[file_id]

    def ids(self, places: range) -> list[str]:
        """The files at those of these places that are in the window."""
        first = self.window.start
        return self._ids[max(0, places.start - first) : max(0, places.stop - first)]

    def top(self, file_id: str) -> float:
        """How far below the screen's top a place begins."""
        return float(self._elements[file_id].getBoundingClientRect().top)
