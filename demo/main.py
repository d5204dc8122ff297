"""The gallery page: connects what the kit says (`app.py`) with what the page shows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import trouble
import wording
from actions import Actions
from adding import Adding, Given
from app import Gallery
from background import Background
from cards import Card
from find import Find
from folders import Folders
from frames import Frames
from gestures import accept_files
from grid import Grid
from messages import Toasts
from offline import Opens
from pace import Pace
from parts import Parts
from past import Past
from pyscript import document, web, when, window
from pyscript.js_modules import loading
from session import sign_in
from status import StatusPanel
from storage_line import StorageLine
from update import Update

import filesync_web as fs

SERVICE_WORKER_DELAY = 5.0
"""Seconds; it loads the whole site for opening offline, which must not hold up the first pictures."""

PROGRESS_INTERVAL = 0.1
"""Seconds between two looks at the progress of transfers; more of them would only slow these down."""
CARD_WIDTH = 290
"""Pixels of the style sheet that a card has at most, where there are several in a row."""


class Main:
    """Paints what changed, once a frame, and performs what the user asks for."""

    def __init__(self, gallery: Gallery) -> None:
        page = web.page
        page["loading"].hidden = True
        page["gallery"].hidden = False
        self._gallery = gallery
        self._toasts = Toasts(page["alerts"], page["notices"])
        self._start = Background(self._toasts.show).start
        self._panel = StatusPanel(page["sync-panel"], self._act, self._outdate)
        self._frames = Frames(self._paint)
        self._grid = Grid(gallery.listing, self._card_url, self._frames.ask)
        self._grid.on_action(self._act)
        self._parts = Parts(document.body)
        self._find = Find(self._parts, gallery.listing, self._on_found)
        self._folders = Folders(self._parts, gallery.listing, self._find.choose)
        self._adding = Adding(gallery.add, self._on_change, self._toasts.show)
        self._transfers: Mapping[str, fs.ActiveTransfer] = {}
        self._is_outdated = True
        self._is_search_due = False
        self._has_progress = False
        self._pace = Pace(self._read_anew)
        self._update = Update(self._toasts, self._start)
        self._past = Past(gallery.kept, gallery.store_id, self._grid, self._toasts, self._start)
        self._storage_line = StorageLine(
            page["storage-line"], gallery.space, self._past, self._start, local_only=gallery.local_only
        )
        self._actions = Actions(gallery, self._grid, self._past, self._toasts, self._start)
        gallery.watch(self._on_change, self._on_event)
        if self._paint():
            self._frames.ask()
        self._folders.follow_address()
        when("click", "#toggle-sync")(self._toggle_sync)
        when("click", "#retry-errors")(lambda _event: self._start(gallery.retry()))
        when("click", "#stop-adding")(lambda _event: self._adding.stop())
        accept_files(page, self._add, self._add_entries)
        self._start(self._serve_files())

    def tell(self, problem: str) -> None:
        """Show a problem, if there is one."""
        if problem:
            self._toasts.show(problem)

    # --- out: what the kit says, on the page ---

    def _on_change(self, tables: frozenset[str] = frozenset()) -> None:
        """Something has changed: read it soon, together with what changes until then."""
        if "files" in tables:
            self._is_search_due = True
            self._folders.changed()
        self._pace.ask()
        self._past.changed()

    def _read_anew(self) -> None:
        is_search_due, self._is_search_due = self._is_search_due, False
        if is_search_due and self._gallery.listing.is_narrowed:
            self._find.search()  # and then the rest, in `_on_found`
        else:
            self._outdate()

    def _outdate(self) -> None:
        self._is_outdated = True
        self._frames.ask()

    def _paint(self) -> bool:
        """What is done in a frame; whether the next one has to go on."""
        started, is_outdated = time.perf_counter(), self._is_outdated
        self._is_outdated = False
        if is_outdated:
            self._grid.refresh(online=fs.is_online())
        has_more = self._grid.paint()  # first: to ask where things are costs after writing
        if is_outdated:
            self._tell()
        if self._has_progress:
            self._has_progress = False
            self._grid.progress({file_id: transfer.percent for file_id, transfer in self._transfers.items()})
            self._panel.progress(self._transfers)
        if is_outdated:
            self._pace.took(time.perf_counter() - started)
        return has_more

    def _tell(self) -> None:
        """Show what is true of all pictures together; the grid reads what is in view."""
        snapshot = self._gallery.snapshot(with_transfers=self._panel.is_open)
        self._panel.update(snapshot, self._adding)
        if snapshot.trouble:
            self._update.tell(snapshot.trouble)
        if self._panel.is_open:
            self._storage_line.read_soon()
        self._find.update(snapshot.total)
        self._folders.update()
        self._parts.write("empty-title", wording.nothing(snapshot))
        self._parts.write("empty-state", snapshot.total > 0, "hidden")

    def _on_found(self, is_other: bool) -> None:
        """The listing has been searched: for another name, or again."""
        if is_other:
            self._grid.scroll_to_top()
        self._outdate()

    async def _card_url(self, card: Card) -> str | None:
        """Where a card shows its file from."""
        if card.record is None or card.is_on_demand:
            return await self._gallery.url(card.file_id)  # being asked for that, the kit downloads it
        return await self._gallery.card_url(card.record, CARD_WIDTH * window.devicePixelRatio)

    def _on_event(self, event: fs.FileSyncEvent) -> None:
        if event.type == "file:conflict" and event.file_id:
            self._past.tell(event.file_id)
        kind, _, what = event.type.partition(":")
        if kind in {"upload", "download"} and event.file_id:
            if what in {"start", "progress"}:
                progress = (event.file_id, kind, event.loaded, event.total)
                transfer = fs.create_active_transfer_progress(*progress)
                self._transfers = fs.update_active_transfers(self._transfers, transfer)
            else:
                self._transfers = fs.remove_active_transfer(self._transfers, event.file_id)
            if not self._has_progress:
                self._has_progress = True
                asyncio.get_running_loop().call_later(PROGRESS_INTERVAL, self._frames.ask)
        if what != "progress":
            self._on_change()

    # --- in: what the user asks for ---

    def _act(self, action: str, file_id: str) -> None:
        self._actions.act(action, file_id)

    def _add(self, given: list[Given]) -> None:
        """Add files to the folder that is shown."""
        self._find.include(one.name for one in given)
        self._start(self._adding.add(given, self._folders.chosen))

    def _add_entries(self, js_entries: list[Any]) -> None:
        self._find.include(str(js_entry.name) for js_entry in js_entries)
        self._start(self._adding.add_entries(js_entries, self._folders.chosen))

    async def _serve_files(self) -> None:
        await asyncio.sleep(SERVICE_WORKER_DELAY)
        try:
            worker = await self._gallery.serve_files(self._update.ready)
            self._update.follow(worker)
            is_complete = await self._gallery.opens_offline(worker)
        except fs.FileSyncError as error:  # the gallery works without; only links to files do not
            window.console.info(f"No service worker: {error}")
            is_complete = False
        self._panel.opens_offline = Opens.YES if is_complete else Opens.NEVER
        self._outdate()

    def _toggle_sync(self, _event: Any) -> None:
        self._start(self._gallery.set_sync_enabled(not self._gallery.snapshot().sync_enabled))


async def main() -> None:
    """Open the store that the address asks for, and show it."""
    query = window.URLSearchParams.new(window.location.search)
    store_id = query.get("storeId") or "gallery"
    interval = query.get("healthCheckIntervalMs") or "10000"
    if not re.fullmatch(r"[A-Za-z0-9_]+", store_id):
        loading.fail("The address names a store with other characters than letters, digits and _.")
        return
    try:
        session = await sign_in()
        gallery = await Gallery.open(
            store_id,
            token=session.token,
            local_only=query.get("localOnly") == "1",
            health_check_interval=int(interval) / 1000,
        )
        Main(gallery).tell(session.problem)
        if query.get("inspect") == "1":
            from filesync_web.inspector import show_inspector  # loaded by who asks for it alone

            show_inspector()
    except Exception as error:
        loading.fail(trouble.plain(error))
        raise


running = asyncio.ensure_future(main())  # noqa: RUF006 - a global keeps it from being collected
