"""The view of what was deleted: a list with what can be done about each, and whether to keep such things."""

from __future__ import annotations

import time
from typing import Any

import past_words
import wording
from background import Start
from kept import Kept
from parts import Parts
from pyscript import when
from sheet import Sheet, copy_template
from undo import Undo

import filesync_web as fs

MAX_SHOWN = 200


class DeletedView:
    """In the sheet; nothing is purged by itself while it is open."""

    def __init__(self, sheet: Sheet, kept: Kept, undo: Undo, start: Start) -> None:
        self._sheet = sheet
        self._kept = kept
        self._undo = undo
        self._start = start
        self._listed: list[fs.DeletedFile] = []
        self._root, self._parts = copy_template("deleted-view")
        self._parts["keep"].checked = undo.keeps_deleted
        when("change", self._parts["keep"])(self._on_keep)
        undo.hold()
        sheet.open("Deleted files", self._root, self._act, undo.release)

    async def refresh(self) -> None:
        """Show what is in the trash now."""
        listed = await self._kept.deleted()
        if listed == self._listed and self._listed:
            return
        self._listed = listed
        rows = [self._row(one) for one in listed[:MAX_SHOWN]]
        self._sheet.fill(self._parts["rows"], [root for root, _ in rows])
        left = len(listed) - len(rows)
        self._parts.write("more", f"and {left:,} more" if left > 0 else "")
        self._parts.write("none", bool(listed), "hidden")
        self._parts.write("empty", not listed, "hidden")
        self._parts["empty"].dataset.sure = past_words.sure_to_empty(len(listed))
        for one, (_, parts) in zip(listed, rows, strict=False):
            name = wording.title(one.name)
            await self._sheet.show_picture(parts["thumb"], one.file_id, one.content_hash, name)

    def _row(self, one: fs.DeletedFile) -> tuple[Any, Parts]:
        root, parts = copy_template("deleted-row")
        root.dataset.row = one.file_id
        now, name = time.time(), wording.title(one.name)
        parts.write("name", name)
        age = past_words.ago(now - one.deleted_at / 1000)
        parts.write("facts", wording.facts(wording.size(one.size_bytes), f"deleted {age}"))
        left, is_leaving = one.kept_until / 1000 - now, one.file_id in self._undo.purges
        parts.write("until", past_words.kept_for(left, is_leaving=is_leaving))
        parts.write("restore", f"Restore {name}", "ariaLabel")
        parts.write("purge", f"Delete {name} for good", "title")
        return root, parts

    def _on_keep(self, _event: Any) -> None:
        self._undo.keeps_deleted = bool(self._parts["keep"].checked)
        self._listed = []
        self._start(self.refresh())

    def _act(self, action: str, file_id: str) -> None:
        if action == "restore":
            self._start(self._restore(file_id))
        elif action == "purge":
            self._start(self._purge([file_id]))
        elif action == "empty":
            self._start(self._purge([one.file_id for one in self._listed]))

    async def _restore(self, file_id: str) -> None:
        self._undo.purges.cancel([file_id])
        await self._kept.restore([file_id])
        self._sheet.say(past_words.brought_back(self._names([file_id])))
        await self.refresh()

    async def _purge(self, file_ids: list[str]) -> None:
        names = self._names(file_ids)
        await self._kept.purge(file_ids)
        self._sheet.say(past_words.gone(names))
        await self.refresh()

    def _names(self, file_ids: list[str]) -> list[str]:
        return [one.name or "" for one in self._listed if one.file_id in file_ids]
