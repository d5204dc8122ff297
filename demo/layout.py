"""Where the cards of a long list are, and which of them have to exist. Pure arithmetic in CSS pixels.

Cards stand in equal rows. *In view* are those that the screen shows; the *window* is those and some more
above and below, so that scrolling a little finds them there. What lies outside is only empty space of the
right height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALL_SHOWN = 200
"""Up to so many cards, all exist."""
STEPS = {"ArrowLeft": -1, "ArrowRight": 1}


@dataclass(frozen=True)
class Layout:
    """Rows of `columns` cards, each `pitch` pixels below the last one, seen through a screen of `height`."""

    columns: int = 1
    pitch: float = 320.0
    height: float = 800.0

    @property
    def rows_in_view(self) -> int:
        """How many whole rows the screen has room for; at least one."""
        return max(1, int(self.height / self.pitch))

    def in_view(self, offset: float, count: int) -> range:
        """The cards in view when the grid's top is `offset` pixels above the screen's; whole rows."""
        first = max(0, int(offset / self.pitch))
        last = max(0, math.ceil((offset + self.height) / self.pitch))
        first = min(first, max(0, self._rows(count) - 1))  # the list may have become shorter
        return range(first * self.columns, max(0, min(count, last * self.columns)))

    def around(self, in_view: range, count: int) -> range:
        """The window around the cards in view: all cards, or as much as another screen each way."""
        if count <= ALL_SHOWN:
            return range(count)
        margin = math.ceil(self.height / self.pitch) * self.columns
        first, last = self._row_start(max(0, in_view.start - margin)), in_view.stop + margin
        return range(first, min(count, self._row_end(last)))

    def is_outgrown(self, window: range, in_view: range, count: int) -> bool:
        """Whether the view comes so close to an end of the window that there should be another one."""
        near = math.ceil(self.height / self.pitch / 2) * self.columns
        begins_late = window.start > 0 and in_view.start - near < window.start
        ends_early = window.stop < count and in_view.stop + near > window.stop
        return begins_late or ends_early

    def top(self, index: int) -> float:
        """How far below the grid's top the row of a card begins."""
        return index // self.columns * self.pitch

    def below(self, window: range, count: int) -> float:
        """The height of the rows behind the window."""
        return (self._rows(count) - self._rows(window.stop)) * self.pitch

    def reached(self, index: int, key: str, count: int) -> int | None:
        """The card that a key leads to from another one; None when the key means nothing here."""
        page = self.rows_in_view * self.columns
        steps = {
            "ArrowUp": -self.columns,
            "ArrowDown": self.columns,
            "PageUp": -page,
            "PageDown": page,
            **STEPS,
        }
        if key not in steps:
            return {"Home": 0, "End": count - 1}.get(key)
        to = index + steps[key]
        if to < 0:
            return index % self.columns
        if to >= count:
            return index if index >= self._row_start(count - 1) else count - 1
        return to

    def _rows(self, count: int) -> int:
        return math.ceil(count / self.columns)

    def _row_start(self, index: int) -> int:
        return index // self.columns * self.columns

    def _row_end(self, index: int) -> int:
        return self._rows(index) * self.columns
