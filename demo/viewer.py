"""The full view of one picture: a dialog with keys and buttons for the previous and the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import wording
from listing import Entry, Listing, is_picture
from pyscript import when

import filesync_web as fs

UrlOf = Callable[[str], Awaitable[str | None]]
KEYS = {"ArrowLeft": -1, "ArrowRight": 1}
STEPS = {"back": -1, "next": 1}


class Viewer:
    """Shows the pictures of a listing, one at a time; `broken` are the hashes of those that are unusable."""

    def __init__(
        self,
        page: Any,
        listing: Listing,
        url_of: UrlOf,
        broken: set[str],
        on_versions: Callable[[str], None],
    ) -> None:
        self._dialog = page["viewer"]
        self._image = page["viewer-image"]
        self._caption = page["viewer-caption"]
        self._listing = listing
        self._url_of = url_of
        self._broken = broken
        self._on_versions = on_versions
        self._shown: fs.FileRecord | None = None
        self._direction = 1
        self._loading: asyncio.Task[None] | None = None
        when("click", self._dialog)(self._on_click)
        when("keydown", self._dialog)(self._on_key)
        when("close", self._dialog)(self._on_close)
        when("error", self._image)(self._on_error)

    def refresh(self) -> None:
        """Show what the picture is now, when its content has changed."""
        if (shown := self._shown) is not None:
            place = self._listing.place(shown.id)
            entries = self._listing.page(range(place, place + 1)) if place is not None else []
            for record, _ in entries:
                if record.content_hash != shown.content_hash:
                    self.open(record)

    def open(self, record: fs.FileRecord) -> None:
        """Show a picture."""
        metadata = fs.get_file_metadata(record)
        self._shown = record
        self._image.removeAttribute("src")
        name = wording.clipped(metadata.name or "")
        self._image.alt = name or "Picture"
        size = wording.size(metadata.size_bytes)
        self._caption.textContent = wording.facts(name, wording.dimensions(metadata), size)
        if not self._dialog.open:
            self._dialog.showModal()
        self._loading = asyncio.ensure_future(self._load(record))

    async def _load(self, record: fs.FileRecord) -> None:
        try:
            url = await self._url_of(record.id)
        except fs.FileSyncError:
            url = None  # it was deleted, or cannot be had now; its card says so
        if url is not None and self._shown is record:
            self._image.src = url

    def _step(self, change: int) -> None:
        """Go on to the next picture in a direction that can be shown, if there is one."""
        if change and self._shown is not None:
            self._direction = change
            entries = self._listing.neighbours(self._shown.id, change)
            if found := next(filter(self._is_viewable, entries), None):
                self.open(found.record)

    def _is_viewable(self, entry: Entry) -> bool:
        display = fs.get_file_display_state(*entry)
        is_here = display.can_display and not display.is_on_demand
        is_whole = entry.record.content_hash not in self._broken
        return is_here and is_whole and is_picture(fs.get_file_metadata(entry.record))

    def _on_error(self, _event: Any) -> None:
        if self._shown is not None:
            self._broken.add(self._shown.content_hash)
            self._step(self._direction)

    def _on_key(self, event: Any) -> None:
        self._step(KEYS.get(event.key, 0))

    def _on_close(self, _event: Any) -> None:
        self._shown = None
        self._image.removeAttribute("src")

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("[data-action]")
        action = button.dataset.action if button else ""
        if action in STEPS:
            self._step(STEPS[action])
        elif action == "versions" and self._shown is not None:
            self._on_versions(self._shown.id)
        elif action == "close" or event.target.tagName in {"DIALOG", "FIGURE"}:
            self._dialog.close()
