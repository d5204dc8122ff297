"""What is on the screen stays where it is there, when the list changes above it."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from layout import Layout
from places import Places
from pyscript import window

HEADER = 64.0
"""Pixels; what is above them on the screen is behind the page's header."""


class Anchors:
    """Files in the first rows on the screen."""

    def __init__(self, places: Places) -> None:
        self.tops: dict[str, float] = {}
        """How far below the screen's top they are; none while the grid begins on the screen."""
        self._places = places

    def find(self, offset: float, layout: Layout) -> None:
        """Note where files are now, with the grid's top `offset` pixels above the screen's."""
        seen: dict[str, float] = {}
        if offset > 0:
            columns, first = layout.columns, ceil((offset + HEADER) / layout.pitch)
            for row in (first, first + 1):
                if ids := self._places.ids(range(row * columns, (row + 1) * columns)):
                    seen |= dict.fromkeys(ids, self._places.top(ids[0]))
        chosen = self._chosen(seen, layout.columns) if seen else None
        self.tops = seen if chosen is None else {chosen: seen[chosen], **seen}

    def hold_still(self, offset: Callable[[], float], layout: Layout) -> None:
        """Scroll by as much as they have been moved since; `offset` is that of the grid, at any time."""
        if not self.tops:
            return  # the grid begins on the screen; to ask where it is would lay it out once more
        anchor = next((file_id for file_id in self.tops if file_id in self._places), None)
        if anchor is not None:
            moved = self._places.top(anchor) - self.tops[anchor]
            if abs(moved) >= 1:
                window.scrollBy(0, moved)
        self.find(offset(), layout)

    def _chosen(self, seen: dict[str, float], columns: int) -> str:
        """The first one to go by: the same as last time, or the others would drift away from it; at first one
        that stays in its row, whether a card above comes or goes."""
        last = next(iter(self.tops), "")
        return last if last in seen else list(seen)[min(columns, len(seen)) // 2]
