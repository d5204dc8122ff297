"""The view of a picture's versions: a list with what can be done about each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import past_words
import wording
from background import Start
from kept import Kept
from parts import Parts
from sheet import Sheet, copy_template

import filesync_web as fs


class VersionsView:
    """In the sheet: what one file had, newest first."""

    def __init__(
        self, sheet: Sheet, kept: Kept, file_id: str, start: Start, on_close: Callable[[], None]
    ) -> None:
        self._sheet = sheet
        self._kept = kept
        self._file_id = file_id
        self._start = start
        self._listed: list[fs.FileVersion] = []
        self._root, self._parts = copy_template("versions-view")
        sheet.open("Earlier versions", self._root, self._act, on_close)

    async def refresh(self) -> None:
        """Show what there is now."""
        listed = await self._kept.versions(self._file_id)
        if listed == self._listed:
            return
        self._listed = listed
        if listed:
            self._sheet.name(f"Versions of {wording.quoted(listed[0].name)}")
        rows = [self._row(version) for version in listed]
        self._sheet.fill(self._parts["rows"], [root for root, _ in rows])
        self._parts.write("none", len(listed) > 1, "hidden")
        for version, (_, parts) in zip(listed, rows, strict=True):
            await self._sheet.show_picture(parts["thumb"], self._file_id, version.content_hash, "")

    def _row(self, version: fs.FileVersion) -> tuple[Any, Parts]:
        root, parts = copy_template("version-row")
        root.dataset.row = version.content_hash
        now = time.time()
        age = past_words.ago(now - version.made_at / 1000)
        maker = past_words.device(version.client_id, self._kept.client_id)
        parts.write("name", age[0].upper() + age[1:])
        parts.write("facts", wording.facts(wording.size(version.size_bytes), f"from {maker}"))
        left = past_words.kept_for(version.kept_until / 1000 - now)
        parts.write("until", "Shown now" if version.is_current else left)
        parts.write("until", "quiet now" if version.is_current else "quiet", "className")
        parts.write("restore", version.is_current, "hidden")
        parts.write("save-as", version.is_current, "hidden")
        parts.write("restore", f"Restore the one of {age}", "title")
        parts.write("conflict", version.conflict not in {"edit", "deletion"}, "hidden")
        return root, parts

    def _act(self, action: str, content_hash: str) -> None:
        version = next((one for one in self._listed if one.content_hash == content_hash), None)
        if version is None:
            return
        if action == "restore":
            self._start(self._restore(version))
        elif action == "save-as":
            self._start(self._save_as(version))

    async def _restore(self, version: fs.FileVersion) -> None:
        await self._kept.restore_version(version)
        self._sheet.say("It is the file again. The one before is kept as a version.")
        await self.refresh()

    async def _save_as(self, version: fs.FileVersion) -> None:
        name = await self._kept.save_as_new(version)
        self._sheet.say(f"Saved as {wording.quoted(name)}")
