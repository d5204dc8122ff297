"""Keeps the panel up to date: asks for reports while it is watched, and does what its buttons say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import first_of
from filesync_web.errors import FileSyncError, InvalidArgumentError, UnknownFileError
from filesync_web.file_sync import FileSync
from filesync_web.inspector import html
from filesync_web.inspector.report import Report, findings

INTERVAL = 1.5
"""Seconds between two reports, at least."""
SHARE = 0.1
"""Of the time, at most so much goes into reports: the page has other things to do."""
FULL_EVERY = 5
"""So many reports until storage, place and service worker are asked again."""


class Panel:
    """Shows the reports of some `FileSync`s, one at a time."""

    def __init__(self, file_syncs: Sequence[FileSync], *, is_open: bool) -> None:
        from filesync_web.browser.inspector_panel import InspectorPanel

        self._file_syncs = list(file_syncs)
        self._file_sync = self._file_syncs[0]
        self._wanted: list[str] | None = None
        self._full: Report = {}
        self._left = 0
        self._wake = asyncio.Event()
        self._tasks = Tasks("the inspector")
        stores = [file_sync.store_id for file_sync in file_syncs]
        self._shown = InspectorPanel(stores, self._on_action, is_open=is_open)
        self._tasks.spawn(self._watch(), "watching")

    def open(self) -> None:
        """Show the panel."""
        self._shown.open()
        self._refresh()

    def collapse(self) -> None:
        """Leave a pill in its place."""
        self._shown.collapse()

    def close(self) -> None:
        """Take it out of the page."""
        self._tasks.cancel()
        self._shown.remove()

    # --- out

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._shown.is_in_page:
            self._wake.clear()
            started = loop.time()
            if self._shown.is_watched:
                await self._show()
            pause = max(INTERVAL, (loop.time() - started) / SHARE)
            await first_of(asyncio.sleep(pause), self._wake.wait())
        self.close()

    async def _show(self) -> None:
        file_sync, wanted, is_full = self._file_sync, self._wanted, self._left == 0
        try:
            told = await file_sync.debug_report(wanted, names=True, quick=not is_full)
        except (UnknownFileError, InvalidArgumentError):
            if wanted is self._wanted:
                self._shown.say("No file has that id, hash or name.")
                self._wanted = None
            return
        except FileSyncError as error:  # a store that is closed or being mended can look for no file
            self._shown.say(str(error))
            return
        if (file_sync, wanted) != (self._file_sync, self._wanted):
            return  # meanwhile something else was asked for; that comes next
        self._left = FULL_EVERY if is_full else self._left - 1
        report = {**self._full, **told}
        if is_full:
            self._full = told
        report["findings"] = list(findings(report))
        level, word = html.health(report)
        self._shown.show(level, word, html.findings(report), html.sections(report))

    def _refresh(self) -> None:
        self._left = 0
        self._wake.set()

    # --- in

    def _on_action(self, action: str, value: str) -> None:
        self._shown.say("")
        if action == "store":
            self._file_sync, self._wanted = self._file_syncs[int(value)], None
        elif action == "find":
            self._wanted = [value.strip()] if value.strip() else None
        elif action in {"save", "copy"}:
            self._tasks.spawn(self._give(action), action)
            return
        self._refresh()

    async def _give(self, action: str) -> None:
        """Give away the whole report, without names."""
        try:
            report = await self._file_sync.debug_report(self._wanted)
        except FileSyncError as error:
            self._shown.say(str(error))
            return
        text = json.dumps(report, indent=2, ensure_ascii=False)
        if action == "save":
            self._shown.save(f"filesync-{self._file_sync.store_id}.json", text)
            self._shown.say("Saved, without tokens and names of files.")
        elif await self._shown.copy(text):
            self._shown.say("Copied, without tokens and names of files.")
        else:
            self._shown.say("The browser does not let this page copy; save the report instead.")
