"""One card: a file on the page, built once and then patched only where something changed."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import steering
import trouble
import wording
from card_image import CardImage
from kinds import Kind, kind_of, not_shown
from listing import Entry
from parts import Parts, names_of

import filesync_web as fs

IN_MOTION = {fs.Status.PENDING, fs.Status.QUEUED, fs.Status.IN_PROGRESS}
OPENED = {Kind.PICTURE: "View {}", Kind.VIDEO: "Play {}", Kind.AUDIO: "Play {}"}
LABELS = {
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
        self._image = CardImage(self._parts["media"])
        self._shown: tuple[Any, ...] = ()
        self.source: tuple[str, bool] | None = None
        """Of which content and where: the own copy (True) or the remote one; None while there is neither."""
        self.record: fs.FileRecord | None = None
        self.metadata = fs.FileMetadata()
        self.kind = Kind.PICTURE
        self.is_on_demand = False
        """Its bytes were removed from this device to make room; they come back when it is looked at."""
        self.is_open = False
        """Its details are unfolded."""
        self.is_gone = False
        """It is not on the page any more."""
        self._is_busy = False
        self._is_broken = False

    @property
    def is_viewable(self) -> bool:
        """Whether the file can be opened: a picture that is elsewhere comes to its card first."""
        return self.source is not None or (self.is_on_demand and self.kind is not Kind.PICTURE)

    def stand(self, place: int, count: int) -> None:
        """Tell screen readers that this is the card number `place`, from 1, of `count`."""
        if self._place != (place, count):
            self._place = place, count
            self.root.ariaPosInSet, self.root.ariaSetSize = str(place), str(count)

    def update(self, entry: Entry, *, online: bool, percent: float | None) -> bool:
        """Show the record and this client's state of it. Returns whether its URL has to be looked up anew."""
        if self._shown == (entry, online, percent):
            return False
        self._shown = (entry, online, percent)
        self.record, self.metadata = entry.record, fs.get_file_metadata(entry.record)
        self._tell_kind(kind_of(self.metadata))
        display = entry.display
        self.is_on_demand = display.is_on_demand
        self._describe(entry.record)
        self._tell_state(entry, display)
        self._offer_acts(entry)
        self._tell_transfer(entry, online, percent)
        is_elsewhere = self._choose_source(entry, display)
        self._offer()
        return is_elsewhere

    def progress(self, percent: float | None) -> None:
        """Show another progress of the same record and state."""
        if self._shown and self._shown[-1] != percent:
            entry, online, _ = self._shown
            self._shown = (entry, online, percent)
            self._tell_transfer(entry, online, percent)

    def show_image(self, url: str | None) -> None:
        """Show the file's content from `url`; None takes the image away."""
        self._parts.write("save", url is None, "disabled")
        if url is None or self.kind is not Kind.PICTURE:
            self._image.drop()
            self._is_broken = False
        else:
            self._image.show(url, self.metadata)
        self._tell_whether_broken()

    def let_go(self) -> None:
        """The card leaves the page: let go of its picture."""
        self.is_gone = True
        self._image.drop()

    def focus(self, action: str) -> None:
        """Give the focus to one of the buttons, or to the details', which can always be pressed."""
        button = self.root.querySelector(f'[data-action="{action}"]:enabled:not([hidden])')
        (button or self._parts["details"]).focus(preventScroll=True)
        self.root.scrollIntoView(block="nearest")

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
        name = wording.title(self.metadata.name)
        self._parts.write("conflict", f"{text}: choose for {name}", "ariaLabel")
        self._parts.write("conflict", not text, "hidden")

    def settle(self, is_broken: bool) -> None:
        """Note whether the browser could show the image."""
        if self._image.settle():
            self._is_broken = is_broken
            self._tell_whether_broken()

    def _tell_whether_broken(self) -> None:
        self.root.classList.toggle("broken", self._is_broken)
        kind = not_shown(self.metadata)
        self._parts.write("unshown", wording.unshown(kind) if self._is_broken else "")
        self._offer()

    def _offer(self) -> None:
        """Enable the buttons that can do something."""
        self._parts.write("media", not (self.is_viewable or self.is_on_demand), "disabled")
        self._parts.write("edit-button", self._is_busy or self._is_broken, "disabled")

    def _tell_kind(self, kind: Kind) -> None:
        if kind is not self.kind:  # the template has a picture's
            self.kind = kind
            self._parts["kind"].setAttribute("href", f"#i-{kind}")

    def _describe(self, record: fs.FileRecord) -> None:
        metadata = self.metadata
        name = wording.title(metadata.name)
        folder, slash, base = name.rpartition("/")
        self._parts.write("name", name, "title")
        self._parts.write("folder", folder.rpartition("/")[2] + slash)
        self._parts.write("base", base)
        self._parts.write("file-metadata", wording.dimensions(metadata))
        self._parts.write("size", wording.size(metadata.size_bytes))
        is_picture = self.kind is Kind.PICTURE
        has_ending = self.kind in {Kind.PDF, Kind.TEXT, Kind.OTHER}
        self._parts.write("extension", PurePath(name).suffix[1:6] if has_ending else "")
        self._parts.write("edit-button", not is_picture, "hidden")
        preview = fs.preview_data_url(metadata)
        still = " still" if is_picture else ""
        self._parts.write("media", f"media blurred{still}" if preview else "media", "className")
        self._parts.write("media", OPENED.get(self.kind, "Open {}").format(name), "ariaLabel")
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

    def _tell_state(self, entry: Entry, display: fs.FileDisplayState) -> None:
        write, state, found = self._parts.write, entry.state, trouble.trouble_of(entry.state)
        write("file-local-hash", state.local_hash if state else "")
        write("file-upload-status", state.upload_status if state else "")
        write("file-download-status", state.download_status if state else "")
        write("file-can-display", str(display.can_display).lower())
        write("error", state.last_sync_error if state else "")
        write("reason", str(found or ""))
        write("reason", "reason meant" if found and found.meant else "reason", "className")
        write("synced", "visible" if entry.record.remote_key else "hidden", "style.visibility")
        write("pinned", not entry.is_pinned, "hidden")
        write("file-placeholder", display.can_display, "hidden")

    def _offer_acts(self, entry: Entry) -> None:
        """The button for the transfer, and those for the file's bytes on this device."""
        name = wording.title(self.metadata.name)
        steering.offer(steering.act_on_card(entry), name, self._parts, "act")
        self._parts["pin"].dataset.action = "unpin" if entry.is_pinned else "pin"
        self._parts.write("pin-text", wording.pin(entry.is_pinned))
        self._parts.write("evict", not entry.can_go, "hidden")

    def _tell_transfer(self, entry: Entry, online: bool, percent: float | None) -> None:
        write = self._parts.write
        badge = wording.badge(entry.display, online=online, percent=percent, is_paused=entry.is_paused)
        write("badge", badge.text if badge else "")
        write("badge", f"badge {badge.tone}" if badge else "badge", "className")
        write("track", badge is None or badge.tone != "busy", "hidden")
        write("track", "track" if percent is not None else "track unknown", "className")
        write("fill", f"{percent or 0:.0f}%", "style.width")

    def _choose_source(self, entry: Entry, display: fs.FileDisplayState) -> bool:
        """Decide where the image comes from; whether that is another place than before.

        The remote copy is taken only when no own one is on its way, or will be once the card is looked at:
        the bytes need to come once only.
        """
        is_coming = display.is_on_demand or entry.state is None or entry.state.download_status in IN_MOTION
        source = None
        if display.has_local_copy or (display.can_display and not is_coming):
            source = (entry.record.content_hash, display.has_local_copy)
        if source == self.source:
            return False
        self.source = source
        if source is None:
            self.show_image(None)
        return source is not None
