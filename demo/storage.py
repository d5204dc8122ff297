"""The view of the storage that the gallery takes: what is used and left, here and there, and what may go."""

from __future__ import annotations

from typing import Any

import space_words
import wording
from background import Start
from kinds import kind_of
from listing import Entry
from parts import Parts
from sheet import Sheet, copy_template
from space import Space

import filesync_web as fs

MAX_SHOWN = 30


class StorageView:
    """In the sheet: a bar, and the largest files."""

    def __init__(self, sheet: Sheet, space: Space, start: Start, *, local_only: bool) -> None:
        self._sheet = sheet
        self._space = space
        self._start = start
        self._listed: dict[str, tuple[Any, Parts]] = {}
        self._root, self._parts = copy_template("storage-view")
        self._local_only = local_only
        self._parts.write("free", local_only, "hidden")
        sheet.open("Storage", self._root, self._act, lambda: None)

    async def refresh(self) -> None:
        """Show what is so now."""
        self._show(await self._space.status())
        entries = self._space.biggest(MAX_SHOWN)
        new = [entry for entry in entries if entry.record.id not in self._listed]
        ids = [entry.record.id for entry in entries]
        rows = {file_id: self._listed.get(file_id) or copy_template("storage-row") for file_id in ids}
        if ids != list(self._listed):
            self._sheet.fill(self._parts["rows"], [root for root, _ in rows.values()])
        self._listed = rows
        self._parts.write("none", bool(rows), "hidden")
        for entry in entries:
            self._tell(entry, *rows[entry.record.id])
        for entry in new:
            frame = rows[entry.record.id][1]["thumb"]
            await self._sheet.show_picture(frame, entry.record.id, entry.record.content_hash, "")

    def _tell(self, entry: Entry, root: Any, parts: Parts) -> None:
        metadata = fs.get_file_metadata(entry.record)
        name, pin = wording.title(metadata.name), wording.pin(entry.is_pinned)
        root.dataset.row = entry.record.id
        parts.write("name", name)
        parts["kind"].setAttribute("href", f"#i-{kind_of(metadata)}")
        parts.write("facts", wording.size(metadata.size_bytes))
        parts.write("kept", not entry.is_pinned, "hidden")
        parts.write("pin", pin)
        parts.write("pin", f"{pin}: {name}", "ariaLabel")
        parts["pin"].dataset.action = "unpin" if entry.is_pinned else "pin"
        parts.write("evict", not entry.can_go, "hidden")
        parts.write("evict", f"Remove from here: {name}", "ariaLabel")

    def _show(self, status: fs.StorageStatus) -> None:
        write = self._parts.write
        for name, share in space_words.shares(status).items():
            write(f"bar-{name}", f"{share:.2f}%", "style.width")
        write("used", space_words.used(status))
        write("left", space_words.left(status))
        write("legend-live", wording.size(status.live))
        write("legend-versions", wording.size(status.versions))
        write("legend-trash", wording.size(status.trash))
        write("legend-thumbnails", wording.size(status.thumbnails or 0))
        write("server", space_words.server(status))
        write("promise", space_words.promise(status, local_only=self._local_only))

    def _act(self, action: str, file_id: str) -> None:
        self._start(self._change(action, file_id) if file_id else self._free_up())

    async def _free_up(self) -> None:
        self._sheet.say("Asking the server whether it has everything …")
        freed = await self._space.free_up()
        self._sheet.say(space_words.freed(freed))
        await self.refresh()

    async def _change(self, action: str, file_id: str) -> None:
        name = self._listed[file_id][1]["name"].textContent
        changes = {"pin": self._space.pin, "unpin": self._space.unpin, "evict": self._space.evict}
        try:
            await changes[action](file_id)
        except fs.NotEvictableError as error:
            self._sheet.say(space_words.not_evicted(error), is_bad=True)
        else:
            self._sheet.say(space_words.done(action, str(name)))
        await self.refresh()
