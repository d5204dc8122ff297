"""The field that finds pictures by their name: the browser's own search sees those on the page only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import wording
from listing import Listing, is_found
from parts import Parts
from pyscript import when

SHOWN_FROM = 25
"""Pictures; fewer can be looked through."""


class Find:
    """Narrows a listing to what is typed. `on_found` is called after each search, with whether it was for
    something else than the one before."""

    def __init__(self, parts: Parts, listing: Listing, on_found: Callable[[bool], None]) -> None:
        self._field = parts["find"]
        self._parts = parts
        self._listing = listing
        self._on_found = on_found
        self._folder = ""
        self._is_due = False
        self._search: asyncio.Task[None] | None = None
        when("input", self._field)(lambda _event: self.search())

    def search(self) -> None:
        """Search for what is in the field, now or after the search that runs."""
        self._is_due = True
        if self._search is None:
            self._search = asyncio.ensure_future(self._run())

    def choose(self, folder: str) -> None:
        """List the pictures of another folder; what was searched for was in the one before."""
        self._folder, self._field.value = folder, ""
        self.search()

    def include(self, names: Iterable[str]) -> None:
        """List all pictures of the folder again, unless those of these names in it are found as well."""
        if self._field.value and not all(is_found(self._term, name) for name in names):
            self._field.value = ""
            self.search()

    def update(self, total: int) -> None:
        """Tell how many pictures there are, and how many were found."""
        term, folder, shown = self._listing.term, self._listing.folder, self._listing.count
        write = self._parts.write
        write("find", wording.find_in(folder, total), "placeholder")
        write("find-label", total < SHOWN_FROM and not term, "hidden")
        write("find-result", wording.found(term or folder, shown, total))
        write("nothing-found", wording.not_found(term, folder))
        write("nothing-found", shown > 0 or not (term or folder), "hidden")

    @property
    def _term(self) -> str:
        return str(self._field.value).strip()

    async def _run(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                wanted = (self._term, self._folder)
                is_other = wanted != (self._listing.term, self._listing.folder)
                await self._listing.find(*wanted)
                self._on_found(is_other)
        finally:
            self._search = None
