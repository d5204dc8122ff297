"""What opens a file that is no picture: the browser's players for video and audio, its viewer for PDFs, and a
page of text. Loaded when the first such file is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wording
from kinds import PDF, Kind
from pyscript import document, when, window

import filesync_web as fs

FILES = "livestore-filesync-files/"
"""What the service worker answers for; a record may have any path, whoever wrote it."""
MAX_TEXT = 200_000
"""Bytes of a text that are shown."""


class Players:
    """Makes elements, one file at a time; `release` lets go of what the last one needed."""

    def __init__(self, on_save: Callable[[], None]) -> None:
        self._on_save = on_save
        self._url: str | None = None

    async def element(self, record: fs.FileRecord, kind: Kind, *, at_once: bool) -> Any:
        """What shows the file; a player begins `at_once`, if that is wished."""
        if kind in {Kind.VIDEO, Kind.AUDIO}:
            return await self._player(record, kind, at_once=at_once)
        if kind is Kind.PDF:
            return await self._document(record)
        if kind is Kind.TEXT:
            return await self._text(record)
        return self.sorry("There is nothing here that shows files of this kind.")

    def sorry(self, why: str) -> Any:
        """What stands where a file cannot be shown, with a way to have it all the same."""
        button = document.createElement("button")
        button.type, button.className, button.textContent = "button", "button plain", "Save to disk"
        when("click", button)(lambda _event: self._on_save())
        return _element("div", "sorry", _element("p", "", why), button)

    def release(self) -> None:
        """Stop, and let go of what is shown."""
        if self._url is not None:
            window.URL.revokeObjectURL(self._url)
            self._url = None

    async def _player(self, record: fs.FileRecord, kind: Kind, *, at_once: bool) -> Any:
        """A player that asks for the parts that it needs: the service worker answers for them, from this
        device or from the server. Without one it has the whole file, or a signed address."""
        metadata = fs.get_file_metadata(record)
        workers = getattr(window.navigator, "serviceWorker", None)
        is_served = workers and workers.controller and record.path.startswith(FILES)
        url = f"/{record.path}" if is_served else await fs.resolve_file_url(record.id)
        if url is None:
            return self.sorry("It is not on this device, and not uploaded yet.")
        player = document.createElement(kind.value)
        player.controls, player.autoplay, player.preload = True, at_once, "metadata"
        player.setAttribute("playsinline", "")
        player.ariaLabel = wording.title(metadata.name)
        player.src = url
        why = f"The browser cannot play this {kind.value}."
        when("error", player)(lambda _event: player.replaceWith(self.sorry(why)))
        if kind is Kind.VIDEO:
            return player
        icon = document.getElementById("sound-icon").content.firstElementChild.cloneNode(True)
        return _element("div", "sound", icon, player)

    async def _document(self, record: fs.FileRecord) -> Any:
        if not window.navigator.pdfViewerEnabled:
            return self.sorry("This browser has no viewer for PDFs.")
        js_file = await fs.read_file(record.id)
        self._url = str(window.URL.createObjectURL(js_file.slice(0, js_file.size, PDF)))
        frame = document.createElement("iframe")
        frame.title, frame.src = wording.clipped(fs.get_file_metadata(record).name or "Document"), self._url
        return frame

    async def _text(self, record: fs.FileRecord) -> Any:
        js_file = await fs.read_file(record.id)
        text = str(await js_file.slice(0, MAX_TEXT).text())
        if "\0" in text:
            return self.sorry("It is no text, though its name says so.")
        page = _element("pre", "", text)
        page.tabIndex, page.ariaLabel = 0, "Text"
        page.setAttribute("role", "region")
        if js_file.size <= MAX_TEXT:
            return page
        more = f"The first {wording.size(MAX_TEXT)} of {wording.size(js_file.size)}."
        return _element("div", "text", page, _element("p", "", more))


def _element(tag: str, class_name: str, *content: Any) -> Any:
    element = document.createElement(tag)
    element.className = class_name
    element.append(*content)
    return element
