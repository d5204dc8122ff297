"""The view of a conflict: both contents side by side, and the choice; then the next one."""

from __future__ import annotations

import time

import past_words
import wording
from background import Start
from kept import Choice, Kept
from sheet import Sheet, copy_template

import filesync_web as fs

CHOICES: dict[str, Choice] = {"drop": "drop", "take": "take", "new_file": "new_file"}
"""By the action of their button."""


class ConflictView:
    """In the sheet: the conflicts of a file, or of all files, one after another."""

    def __init__(self, sheet: Sheet, kept: Kept, file_id: str | None, start: Start) -> None:
        self._sheet = sheet
        self._kept = kept
        self._file_id = file_id
        self._start = start
        self._shown: fs.FileVersion | None = None
        self._decided = 0
        self._is_deciding = False
        self._root, self._parts = copy_template("conflict-view")
        sheet.open("", self._root, self._act, lambda: None)

    async def refresh(self) -> None:
        """Show the first conflict that is left; close when there is none."""
        found = [one for one in await self._kept.conflicts() if self._file_id in {None, one.file_id}]
        if self._is_deciding or not self._sheet.is_open:
            return
        if not found:
            self._sheet.close()
        elif self._shown not in found:
            self._shown = found[0]
            total = self._decided + len(found)
            self._sheet.name(past_words.conflict_title(found[0].name or "", self._decided + 1, total))
            await self._show(found[0])

    async def _show(self, version: fs.FileVersion) -> None:
        maker = past_words.device(version.client_id, self._kept.client_id)
        self._parts.write("why", past_words.conflict_reason(version.conflict, maker))
        labels = past_words.CHOICES[version.conflict]
        for choice, label in labels.items():
            self._parts.write(choice, label)
        self._parts["choices"].replaceChildren(*(self._parts[choice] for choice in labels))
        versions = await self._kept.versions(version.file_id)
        current = next((one for one in versions if one.is_current), None)
        is_both = version.conflict == "edit" and current is not None
        self._parts.write("sides", "sides" if is_both else "sides one", "className")
        self._parts.write("here", not is_both, "hidden")
        self._parts.write("other-title", "The other one" if is_both else "The edit")
        self._show_side("other", version)
        if is_both and current is not None:
            self._show_side("here", current)
        self._sheet.keep_focus()

    def _show_side(self, side: str, version: fs.FileVersion) -> None:
        """A picture that is elsewhere comes for it."""
        maker = past_words.device(version.client_id, self._kept.client_id)
        age = past_words.ago(time.time() - version.made_at / 1000)
        facts = wording.facts(age, f"from {maker}", wording.size(version.size_bytes))
        self._parts.write(f"{side}-facts", facts)
        frame = self._parts[f"{side}-frame"]
        for image in frame.querySelectorAll("img"):
            image.remove()
        name = wording.clipped(version.name or "Picture")
        content = (version.file_id, version.content_hash)
        self._start(self._sheet.show_picture(frame, *content, name, wait=True))

    def _act(self, action: str, _row: str) -> None:
        if self._shown is not None and not self._is_deciding:
            self._start(self._decide(self._shown, CHOICES[action]))

    async def _decide(self, version: fs.FileVersion, choice: Choice) -> None:
        self._is_deciding = True
        try:
            await self._kept.decide(version, choice)
        finally:
            self._is_deciding = False
        self._decided += 1
        self._sheet.say(past_words.decided(version.name or "", version.conflict, choice))
        await self.refresh()
