"""The full view of one file: a dialog with keys and buttons for the previous and the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import trouble
import wording
from kinds import Kind, kind_of, not_shown
from listing import Entry, Listing
from pyscript import document, when

import filesync_web as fs

if TYPE_CHECKING:
    from players import Players

UrlOf = Callable[[str], Awaitable[str | None]]
KEYS = {"ArrowLeft": -1, "ArrowRight": 1}
STEPS = {"back": -1, "next": 1}
OWN_KEYS = {"VIDEO", "AUDIO", "IFRAME"}
"""Elements that do something else with arrow keys."""


class Viewer:
    """Shows the files of a listing, one at a time. `broken` are the hashes of pictures that are unusable;
    `acts` what else can be done with a file: `save` and `versions`."""

    def __init__(
        self,
        listing: Listing,
        url_of: UrlOf,
        broken: set[str],
        acts: Mapping[str, Callable[[str], None]],
    ) -> None:
        self._dialog = document.getElementById("viewer")
        self._image = document.getElementById("viewer-image")
        self._stage = document.getElementById("viewer-stage")
        self._caption = document.getElementById("viewer-caption")
        self._listing = listing
        self._url_of = url_of
        self._broken = broken
        self._acts = acts
        self._players: Players | None = None
        self._shown: fs.FileRecord | None = None
        self._loading: asyncio.Task[None] | None = None
        when("click", self._dialog)(self._on_click)
        when("keydown", self._dialog)(self._on_key)
        when("close", self._dialog)(self._on_close)
        when("error", self._image)(self._on_error)

    def refresh(self) -> None:
        """Show what the file is now, when its content has changed."""
        if (shown := self._shown) is not None:
            for entry in self._listing.entries([shown.id]):
                if entry.record.content_hash != shown.content_hash:
                    self.open(entry.record)

    def open(self, record: fs.FileRecord, *, at_once: bool = False) -> None:
        """Show a file; what can be played begins `at_once`, if that is wished."""
        metadata = fs.get_file_metadata(record)
        self._clear()
        self._shown = record
        name = wording.clipped(metadata.name or "")
        self._image.alt = name or "Picture"
        size = wording.size(metadata.size_bytes)
        self._caption.textContent = wording.facts(name, wording.dimensions(metadata), size)
        if not self._dialog.open:
            self._dialog.showModal()
        self._loading = asyncio.ensure_future(self._load(record, at_once=at_once))

    async def _load(self, record: fs.FileRecord, *, at_once: bool) -> None:
        kind = kind_of(fs.get_file_metadata(record))
        try:
            if kind is Kind.PICTURE:
                await self._show_picture(record)
            else:
                self._put("Fetching it …")
                self._put(await self._the_players().element(record, kind, at_once=at_once))
        except Exception as error:  # it is gone or elsewhere, or cannot be read: a JsException
            self._put(self._the_players().sorry(trouble.plain(error)))

    async def _show_picture(self, record: fs.FileRecord) -> None:
        if record.content_hash in self._broken:
            self._tell_broken(record)
            return
        if url := await self._url_of(record.id):
            self._image.src = url

    def _tell_broken(self, record: fs.FileRecord) -> None:
        kind = not_shown(fs.get_file_metadata(record))
        self._put(self._the_players().sorry(wording.why_unshown(kind)))

    def _the_players(self) -> Players:
        from players import Players

        if self._players is None:
            self._players = Players(lambda: self._act("save"))
        return self._players

    def _put(self, element: Any) -> None:
        """Show an element, or a text, in place of the picture."""
        self._image.hidden, self._stage.hidden = True, False
        self._stage.replaceChildren(element)

    def _clear(self) -> None:
        """Show nothing, and wait for nothing that was to be shown."""
        if self._loading is not None:
            self._loading.cancel()
        self._image.removeAttribute("src")
        self._image.hidden, self._stage.hidden = False, True
        self._stage.replaceChildren()
        if self._players is not None:
            self._players.release()

    def _act(self, action: str) -> None:
        if self._shown is not None:
            self._acts[action](self._shown.id)

    def _step(self, change: int) -> None:
        """Go on to the next file in a direction that can be shown, if there is one."""
        if change and self._shown is not None:
            entries = self._listing.neighbours(self._shown.id, change)
            if found := next(filter(self._is_viewable, entries), None):
                self.open(found.record)

    def _is_viewable(self, entry: Entry) -> bool:
        is_here = entry.display.can_display and not entry.display.is_on_demand
        is_whole = entry.record.content_hash not in self._broken
        return is_here and is_whole and kind_of(fs.get_file_metadata(entry.record)) is not Kind.OTHER

    def _on_error(self, _event: Any) -> None:
        if self._shown is not None:
            self._broken.add(self._shown.content_hash)
            self._tell_broken(self._shown)

    def _on_key(self, event: Any) -> None:
        if event.target.tagName not in OWN_KEYS:
            self._step(KEYS.get(event.key, 0))

    def _on_close(self, _event: Any) -> None:
        self._shown = None
        self._clear()

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("[data-action]")
        action = button.dataset.action if button else ""
        if action in STEPS:
            self._step(STEPS[action])
        elif action in self._acts:
            self._act(action)
        elif action == "close" or event.target.tagName in {"DIALOG", "FIGURE"}:
            self._dialog.close()
