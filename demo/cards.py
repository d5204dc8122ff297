"""The grid of cards: one per file, built once and then patched only where something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import wording
from parts import Parts
from pyscript import document, ffi, when, window

import filesync_web as fs

if TYPE_CHECKING:
    from app import Snapshot

OnAction = Callable[[str, str], None]
UrlOf = Callable[[str], Awaitable[str | None]]
IN_MOTION = {fs.Status.PENDING, fs.Status.QUEUED, fs.Status.IN_PROGRESS}
Percents = Mapping[str, float | None]
State = fs.LocalFileState | None
MAX_CONCURRENT_URLS = 8
MAX_ASPECT = 3
"""A picture with sides this many times apart is shown whole: cropping would hide most of it."""
MIN_CROPPED_WIDTH = 64
"""So is one with fewer pixels across: enlarging would only blur it."""
LABELS = {
    "media": "View {}",
    "retry": "Try again with {}",
    "edit-button": "Invert colours of {}",
    "save": "Save to disk: {}",
    "details": "Details of {}",
    "delete-button": "Delete {}",
}
"""What the buttons are called where they cannot be seen beside their picture."""


class Card:
    """One file on the page. Its parts are the template's elements, by their `data-testid` or `data-part`."""

    def __init__(self, template: Any, file_id: str) -> None:
        self.root = template.content.firstElementChild.cloneNode(True)
        self.root.dataset.fileId = file_id
        self._parts = Parts(self.root)
        self._image: Any = None
        self._shown: tuple[Any, ...] = ()
        self.source: tuple[str, bool] | None = None
        """Of which content and where: the own copy (True) or the remote one; None while there is neither."""
        self.metadata = fs.FileMetadata()
        self.url: str | None = None
        self.is_on_demand = False
        """Its bytes were removed from this device to make room; they come back when it is looked at."""
        self._is_busy = False
        self._is_broken = False

    @property
    def is_picture(self) -> bool:
        """Whether to try and show the file as an image; a file of unknown type is given the chance."""
        return self.metadata.width is not None or (self.metadata.mime_type or "image/").startswith("image/")

    @property
    def is_viewable(self) -> bool:
        """Whether the file can be looked at: there is an image, not known to be broken."""
        return bool(self.url) and self.is_picture and not self._is_broken

    def update(self, record: fs.FileRecord, state: State, *, online: bool, percent: float | None) -> bool:
        """Show the record and this client's state of it. Returns whether its URL has to be looked up anew."""
        if self._shown == (record, state, online, percent):
            return False
        self._shown = (record, state, online, percent)
        self.metadata = fs.get_file_metadata(record)
        display = fs.get_file_display_state(record, state)
        self.is_on_demand = display.is_on_demand
        self._describe(record)
        self._tell_state(record, state, display)
        self._tell_transfer(wording.badge(display, online=online, percent=percent), percent)
        self._offer()
        return self._choose_source(record, state, display)

    def progress(self, percent: float | None) -> None:
        """Show another progress of the same record and state."""
        if self._shown and self._shown[-1] != percent:
            record, state, online, _ = self._shown
            self.update(record, state, online=online, percent=percent)

    def show_image(self, url: str | None) -> None:
        """Show the file's content from `url`; None takes the image away."""
        self.url = url
        self._parts.write("save", url is None, "disabled")
        self._offer()
        if url is None or not self.is_picture:
            if self._image is not None:
                self._image.remove()
                self._image = None
            return
        if self._image is None:
            self._image = document.createElement("img")
            self._image.decoding, self._image.loading, self._image.draggable = "async", "lazy", False
            self._image.dataset.testid = "file-image"
            self._parts["media"].append(self._image)
        self._image.alt = self.metadata.name or "Picture"
        if self.metadata.width and self.metadata.height:
            self._image.width, self._image.height = self.metadata.width, self.metadata.height
        self._image.src = url

    def save(self) -> None:
        """Offer the file to the browser's downloads."""
        if self.url:
            link = document.createElement("a")
            link.href, link.download = self.url, self.metadata.name or "file"
            link.click()

    def toggle_details(self) -> None:
        """Unfold or fold the table."""
        is_open = self.root.classList.toggle("open")
        self._parts["fold"].ariaHidden = str(not is_open).lower()
        self._parts["details"].ariaExpanded = str(is_open).lower()

    def set_busy(self, busy: bool) -> None:
        """Mark the card while an edit runs."""
        self.root.ariaBusy = str(busy).lower()
        self._is_busy = busy
        self._offer()

    def settle(self, is_broken: bool) -> None:
        """Note whether the browser could show the image, and choose how it fills its frame."""
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
        name = metadata.name or "Untitled"
        self._parts.write("name", name)
        self._parts.write("name", name, "title")
        self._parts.write("file-metadata", wording.dimensions(metadata))
        self._parts.write("size", wording.size(metadata.size_bytes))
        self._parts.write("extension", "" if self.is_picture else PurePath(name).suffix[1:6])
        self._parts.write("edit-button", not self.is_picture, "hidden")
        self._parts.write("media", f"media {'picture' if self.is_picture else 'file'}", "className")
        for button, label in LABELS.items():
            self._parts.write(button, label.format(name), "ariaLabel")
        for part, value in (
            ("id", record.id),
            ("hash", record.content_hash),
            ("type", metadata.mime_type or ""),
            ("path", record.path),
            ("file-remote-key", record.remote_key),
        ):
            self._parts.write(part, value)

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


class Grid:
    """All cards, in the order of the snapshot."""

    def __init__(self, root: Any, template: Any, url_of: UrlOf, on_action: OnAction) -> None:
        self.cards: dict[str, Card] = {}
        self.order: list[str] = []
        self._root = root
        self._template = template
        self._url_of = url_of
        self._on_action = on_action
        self._url_slots = asyncio.Semaphore(MAX_CONCURRENT_URLS)
        self._lookups: set[asyncio.Task[None]] = set()
        self._view = window.IntersectionObserver.new(ffi.create_proxy(self._on_view))
        when("click", root)(self._on_click)
        for event in ("load", "error"):  # of the images: these events do not bubble, but can be captured
            when(event, root, capture=True)(self._on_image_settled)

    def update(self, snapshot: Snapshot, percents: Percents) -> None:
        """Show the snapshot. `percents` are the running transfers' by file id."""
        self.order = [record.id for record in snapshot.records]
        self._remove_all_but(set(self.order))
        following: Any = None
        for record in reversed(snapshot.records):
            card = self.cards.get(record.id)
            if card is None:
                card = self.cards[record.id] = Card(self._template, record.id)
                self._root.insertBefore(card.root, following)
                self._view.observe(card.root)
            state = snapshot.states.get(record.id)
            if card.update(record, state, online=snapshot.online, percent=percents.get(record.id)):
                self._look_up(record.id, card)
            following = card.root

    def progress(self, percents: Percents) -> None:
        """Show the progress of transfers, and nothing else."""
        for file_id, percent in percents.items():
            if card := self.cards.get(file_id):
                card.progress(percent)

    def _remove_all_but(self, live: set[str]) -> None:
        for file_id in [file_id for file_id in self.cards if file_id not in live]:
            dom = self.cards.pop(file_id).root
            neighbour = dom.nextElementSibling or dom.previousElementSibling
            if dom.contains(document.activeElement):
                way_on = neighbour and neighbour.querySelector('[data-action="delete"]')
                (way_on or document.getElementById("file-input")).focus()
            self._view.unobserve(dom)
            dom.remove()

    def _look_up(self, file_id: str, card: Card) -> None:
        task = asyncio.ensure_future(self._load(file_id, card))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _load(self, file_id: str, card: Card) -> None:
        wanted = card.source
        async with self._url_slots:
            if card.source != wanted or self.cards.get(file_id) is not card:
                return
            try:
                url = await self._url_of(file_id)
            except fs.FileSyncError:
                url = None  # the card says what is wrong with the file
        if card.source == wanted and wanted is not None:
            card.show_image(url)

    def bring_back(self, file_id: str) -> None:
        """Have the bytes of an evicted file on this device again; does nothing for any other file."""
        card = self.cards.get(file_id)
        if card is not None and card.is_on_demand:
            self._look_up(file_id, card)  # being asked for its URL, the kit downloads it

    def _on_view(self, entries: Any, _observer: Any) -> None:
        """Some cards have come into view, or have left it."""
        for entry in entries:
            if entry.isIntersecting:
                self.bring_back(entry.target.dataset.fileId)

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("[data-action]")
        card = event.target.closest(".card")
        if button and card and not button.disabled:
            self._on_action(button.dataset.action, card.dataset.fileId)

    def _on_image_settled(self, event: Any) -> None:
        card = event.target.closest(".card")
        if card and (shown := self.cards.get(card.dataset.fileId)):
            shown.settle(event.type == "error")
