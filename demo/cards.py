"""One card: a file on the page, built once and then patched only where something changed."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import wording
from listing import is_picture
from parts import Parts, names_of
from pyscript import document

import filesync_web as fs

IN_MOTION = {fs.Status.PENDING, fs.Status.QUEUED, fs.Status.IN_PROGRESS}
State = fs.LocalFileState | None
MAX_ASPECT = 3
"""A picture with sides this many times apart is shown whole: cropping would hide most of it."""
MIN_CROPPED_WIDTH = 64
"""So is one with fewer pixels across: enlarging would only blur it."""
LABELS = {
    "media": "View {}",
    "retry": "Try again with {}",
    "edit-button": "Invert colours of {}",
    "save": "Save to disk: {}",
    "versions": "Earlier versions of {}",
    "details": "Details of {}",
    "delete-button": "Delete {}",
}
"""What the buttons are called where they cannot be seen beside their picture."""


class CardTemplate:
    """What cards are copied from."""

    def __init__(self, template: Any) -> None:
        self._js_model = template.content.firstElementChild
        self._names = names_of(self._js_model)

    def copy(self) -> tuple[Any, Parts]:
        """A new element and its parts."""
        root = self._js_model.cloneNode(True)
        return root, Parts(root, self._names)


class Card:
    """One file on the page. Its parts are the template's elements, by their `data-testid` or `data-part`."""

    def __init__(self, template: CardTemplate, file_id: str) -> None:
        self.file_id = file_id
        self.root, self._parts = template.copy()
        self.root.dataset.fileId = file_id
        self._place = (0, 0)
        self._image: Any = None
        self._shown: tuple[Any, ...] = ()
        self.source: tuple[str, bool] | None = None
        """Of which content and where: the own copy (True) or the remote one; None while there is neither."""
        self.record: fs.FileRecord | None = None
        self.metadata = fs.FileMetadata()
        self.is_on_demand = False
        """Its bytes were removed from this device to make room; they come back when it is looked at."""
        self.is_open = False
        """Its details are unfolded."""
        self.is_gone = False
        """It is not on the page any more."""
        self._is_busy = False
        self._is_broken = False

    @property
    def is_picture(self) -> bool:
        """Whether to try and show the file as an image."""
        return is_picture(self.metadata)

    @property
    def is_viewable(self) -> bool:
        """Whether the file can be looked at: there is an image, not known to be broken."""
        return self.source is not None and self.is_picture and not self._is_broken

    def stand(self, place: int, count: int) -> None:
        """Tell screen readers that this is the card number `place`, from 1, of `count`."""
        if self._place != (place, count):
            self._place = place, count
            self.root.ariaPosInSet, self.root.ariaSetSize = str(place), str(count)

    def update(self, record: fs.FileRecord, state: State, *, online: bool, percent: float | None) -> bool:
        """Show the record and this client's state of it. Returns whether its URL has to be looked up anew."""
        if self._shown == (record, state, online, percent):
            return False
        self._shown = (record, state, online, percent)
        self.record, self.metadata = record, fs.get_file_metadata(record)
        self._display = display = fs.get_file_display_state(record, state)
        self.is_on_demand = display.is_on_demand
        self._describe(record)
        self._tell_state(record, state, display)
        self._tell_transfer(wording.badge(display, online=online, percent=percent), percent)
        is_elsewhere = self._choose_source(record, state, display)
        self._offer()
        return is_elsewhere

    def progress(self, percent: float | None) -> None:
        """Show another progress of the same record and state."""
        if self._shown and self._shown[-1] != percent:
            *same, online, _ = self._shown
            self._shown = (*same, online, percent)
            self._tell_transfer(wording.badge(self._display, online=online, percent=percent), percent)

    def show_image(self, url: str | None) -> None:
        """Show the file's content from `url`; None takes the image away."""
        self._parts.write("save", url is None, "disabled")
        self._offer()
        if url is None or not self.is_picture:
            self.drop_image()
            return
        if self._image is None:
            self._image = document.createElement("img")
            self._image.decoding, self._image.loading, self._image.draggable = "async", "lazy", False
            self._image.dataset.testid = "file-image"
            self._parts["media"].append(self._image)
        self._image.alt = wording.clipped(self.metadata.name or "Picture")
        if self.metadata.width and self.metadata.height:
            self._image.width, self._image.height = self.metadata.width, self.metadata.height
        self._image.src = url

    def let_go(self) -> None:
        """The card leaves the page: let go of its picture."""
        self.is_gone = True
        self.drop_image()

    def focus(self, action: str) -> None:
        """Give the focus to one of the buttons, or to the details', which can always be pressed."""
        button = self.root.querySelector(f'[data-action="{action}"]:enabled:not([hidden])')
        (button or self._parts["details"]).focus(preventScroll=True)
        self.root.scrollIntoView(block="nearest")

    def drop_image(self) -> None:
        """Let go of the image, so that the browser need not keep what it has decoded."""
        if self._image is not None:
            self._image.removeAttribute("src")
            self._image.remove()
            self._image = None

    def toggle_details(self) -> None:
        """Unfold or fold the table."""
        self.is_open = bool(self.root.classList.toggle("open"))
        self._parts["fold"].ariaHidden = str(not self.is_open).lower()
        self._parts["details"].ariaExpanded = str(self.is_open).lower()

    def set_busy(self, busy: bool) -> None:
        """Mark the card while an edit runs."""
        self.root.ariaBusy = str(busy).lower()
        self._is_busy = busy
        self._offer()

    def mark(self, text: str) -> None:
        """Say that somebody should decide about the file; "" takes that away."""
        self._parts.write("conflict", text)
        name = wording.clipped(self.metadata.name or "Untitled")
        self._parts.write("conflict", f"{text}: choose for {name}", "ariaLabel")
        self._parts.write("conflict", not text, "hidden")

    def settle(self, is_broken: bool) -> None:
        """Note whether the browser could show the image, and choose how it fills its frame."""
        if self._image is None:
            return
        width, height = self._image.naturalWidth, self._image.naturalHeight
        is_long = max(width, height) > MAX_ASPECT * min(width, height)
        self._image.classList.toggle("whole", is_long or width < MIN_CROPPED_WIDTH)
        self._is_broken = is_broken
        self.root.classList.toggle("broken", is_broken)
        self._offer()

    def _offer(self) -> None:
        """Enable the buttons that can do something."""
        self._parts.write("media", not (self.is_viewable or self.is_on_demand), "disabled")
        self._parts.write("edit-button", self._is_busy or self._is_broken, "disabled")

    def _describe(self, record: fs.FileRecord) -> None:
        metadata = self.metadata
        name = wording.clipped(metadata.name or "Untitled")
        folder, slash, base = name.rpartition("/")
        self._parts.write("name", name, "title")
        self._parts.write("folder", folder.rpartition("/")[2] + slash)
        self._parts.write("base", base)
        self._parts.write("file-metadata", wording.dimensions(metadata))
        self._parts.write("size", wording.size(metadata.size_bytes))
        self._parts.write("extension", "" if self.is_picture else PurePath(name).suffix[1:6])
        self._parts.write("edit-button", not self.is_picture, "hidden")
        preview = fs.preview_data_url(metadata)
        kind = "blurred" if preview else "picture" if self.is_picture else "file"
        self._parts.write("media", f"media {kind}", "className")
        self._parts.write("media", f"url({preview})" if preview else "", "style.background-image")
        for button, label in LABELS.items():
            self._parts.write(button, label.format(name), "ariaLabel")
        for part, value in (
            ("id", record.id),
            ("hash", record.content_hash),
            ("type", metadata.mime_type or ""),
            ("path", record.path),
            ("file-remote-key", record.remote_key),
        ):
            self._parts.write(part, wording.clipped(value))

    def _tell_state(self, record: fs.FileRecord, state: State, display: fs.FileDisplayState) -> None:
        self._parts.write("file-local-hash", state.local_hash if state else "")
        self._parts.write("file-upload-status", state.upload_status if state else "")
        self._parts.write("file-download-status", state.download_status if state else "")
        self._parts.write("file-can-display", str(display.can_display).lower())
        self._parts.write("error", state.last_sync_error if state else "")
        self._parts.write("reason", wording.reason(state))
        self._parts.write("retry", not (state and state.last_sync_error), "hidden")
        self._parts.write("synced", "visible" if record.remote_key else "hidden", "style.visibility")
        self._parts.write("file-placeholder", display.can_display, "hidden")

    def _tell_transfer(self, badge: wording.Message | None, percent: float | None) -> None:
        write = self._parts.write
        write("badge", badge.text if badge else "")
        write("badge", f"badge {badge.tone}" if badge else "badge", "className")
        write("track", badge is None or badge.tone != "busy", "hidden")
        write("track", "track" if percent is not None else "track unknown", "className")
        write("fill", f"{percent or 0:.0f}%", "style.width")

    def _choose_source(self, record: fs.FileRecord, state: State, display: fs.FileDisplayState) -> bool:
        """Decide where the image comes from; whether that is another place than before.

        The remote copy is taken only when no own one is on its way, or will be once the card is looked at:
        the bytes need to come once only.
        """
        is_coming = display.is_on_demand or state is None or state.download_status in IN_MOTION
        source = None
        if display.has_local_copy or (display.can_display and not is_coming):
            source = (record.content_hash, display.has_local_copy)
        if source == self.source:
            return False
        self.source = source
        if source is None:
            self.show_image(None)
        return source is not None
