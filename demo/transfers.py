"""The transfers in the sync panel: by name, with what each does, and with what one can do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import steering
import trouble
import wording
from kinds import kind_of
from listing import Entry
from parts import Parts
from pyscript import document, when

import filesync_web as fs

SLOTS = ("first", "second")
"""The buttons that a row has room for."""


class TransferList:
    """Rows in the element `root`. `act` is called with a button's action and the file id."""

    def __init__(self, root: Any, act: Callable[[str, str], None]) -> None:
        self._root = root
        self._act = act
        self._percents: Mapping[str, float | None] = {}
        self._template = document.getElementById("transfer-row").content.firstElementChild
        self._rows: dict[str, tuple[Any, Parts]] = {}
        self._entries: dict[str, Entry] = {}
        self._online = True
        when("click", root)(self._on_click)

    def update(self, entries: list[Entry], *, online: bool) -> None:
        """Show these transfers, in this order."""
        self._online = online
        self._entries = {entry.record.id: entry for entry in entries}
        focused = self._focused()
        gone = [file_id for file_id in self._rows if file_id not in self._entries]
        next_to_it = _after(focused, list(self._rows), self._entries)
        for file_id in gone:
            self._rows.pop(file_id)[0].remove()
        before = self._root.firstElementChild
        for file_id, entry in self._entries.items():
            root, parts = self._rows.get(file_id) or self._add(file_id)
            if before is None or not root.isSameNode(before):
                self._root.insertBefore(root, before)
            else:
                before = before.nextElementSibling
            self._show(entry, parts)
        if focused is not None and self._focused() is None:
            self._focus(next_to_it)

    def progress(self, percents: Mapping[str, float | None]) -> None:
        """Show another progress of the same transfers."""
        changed = {*percents, *self._percents} & self._entries.keys()
        self._percents = percents
        for file_id in changed:
            self._show(self._entries[file_id], self._rows[file_id][1])

    def _add(self, file_id: str) -> tuple[Any, Parts]:
        root = self._template.cloneNode(True)
        root.dataset.fileId = file_id
        self._rows[file_id] = root, Parts(root)
        return self._rows[file_id]

    def _show(self, entry: Entry, parts: Parts) -> None:
        metadata, percent = fs.get_file_metadata(entry.record), self._percents.get(entry.record.id)
        name = wording.title(metadata.name)
        badge = wording.badge(entry.display, online=self._online, percent=percent, is_paused=entry.is_paused)
        found = trouble.trouble_of(entry.state)
        parts.write("name", name)
        parts.write("name", name, "title")
        parts.write("state", badge.text if badge else "")
        parts.write("state", f"state {badge.tone}" if badge else "state", "className")
        parts.write("size", wording.size(metadata.size_bytes))
        parts.write("trouble", str(found or ""))
        parts.write("trouble", "reason meant" if found and found.meant else "reason", "className")
        parts.write("track", percent is None or badge is None or badge.tone != "busy", "hidden")
        parts.write("fill", f"{percent or 0:.0f}%", "style.width")
        parts["kind"].setAttribute("href", f"#i-{kind_of(metadata)}")
        acts = steering.acts_of(entry)
        for place, slot in enumerate(SLOTS):
            steering.offer(acts[place] if place < len(acts) else "", name, parts, slot)

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("[data-action]")
        if button:
            self._act(button.dataset.action, button.closest("[data-file-id]").dataset.fileId)

    def _focused(self) -> str | None:
        """The file whose row has the focus, on a button that is still there."""
        focused = document.activeElement
        is_here = self._root.contains(focused) and not focused.hidden
        return str(focused.closest("[data-file-id]").dataset.fileId) if is_here else None

    def _focus(self, file_id: str | None) -> None:
        """Give the focus to the row that is nearest to the one that had it; without any, to the panel."""
        row = self._rows[file_id][0] if file_id in self._rows else self._root.firstElementChild
        button = row.querySelector("button:not([hidden])") if row else None
        (button or document.getElementById("toggle-details")).focus()


def _after(file_id: str | None, before: list[str], now: Mapping[str, Entry]) -> str | None:
    """The file itself, if it is still there, or the next one after it that is."""
    if file_id is None or file_id not in before:
        return None
    place = before.index(file_id)
    return next((other for other in before[place:] if other in now), None)
