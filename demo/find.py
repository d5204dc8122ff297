"""The field that finds pictures by their name: the browser's own search sees those on the page only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import wording
from listing import Listing
from pyscript import when

SHOWN_FROM = 25
"""Pictures; fewer can be looked through."""


class Find:
    """Narrows a listing to what is typed. `on_found` is called after each search, with whether it was for
    something else than the one before."""

    def __init__(self, page: Any, listing: Listing, on_found: Callable[[bool], None]) -> None:
        self._field = page["find"]
        self._label = page["find-label"]
        self._result = page["find-result"]
        self._nothing = page["nothing-found"]
        self._listing = listing
        self._on_found = on_found
        self._is_due = False
        self._search: asyncio.Task[None] | None = None
        when("input", self._field)(lambda _event: self.search())

    def search(self) -> None:
        """Search for what is in the field, now or after the search that runs."""
        self._is_due = True
        if self._search is None:
            self._search = asyncio.ensure_future(self._run())

    def clear(self) -> None:
        """List all pictures again."""
        if self._field.value:
            self._field.value = ""
            self.search()

    def update(self, total: int) -> None:
        """Tell how many pictures there are, and how many were found."""
        term, shown = self._listing.term, self._listing.count
        self._field.placeholder = f"Find in {wording.count(total)}"
        self._label.hidden = total < SHOWN_FROM and not term
        self._result.textContent = wording.found(term, shown, total)
        self._nothing.textContent = wording.not_found(term)
        self._nothing.hidden = shown > 0 or not term

    async def _run(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                term = str(self._field.value).strip()
                is_other = term != self._listing.term
                await self._listing.find(term)
                self._on_found(is_other)
        finally:
            self._search = None
