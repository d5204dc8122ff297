"""Adding files: some chosen ones, or a whole folder with all its folders, which takes a while and can be
stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import trouble
import wording
from pyscript.js_modules import folders as js_folders

MAX_ENTRIES = 20_000
"""Files and folders that are looked at in what was dropped."""
LONG = 20
"""Files from which on it is worth while to stop."""
Save = Callable[[Any, str], Awaitable[None]]


@dataclass(frozen=True)
class Given:
    """A file to be added under a name, which may have folders in it. `get` gives the JavaScript `File`."""

    name: str
    get: Callable[[], Awaitable[Any]]


def given_file(js_file: Any) -> Given:
    """One of a file chooser, of what was dropped or pasted, or of a chosen folder."""

    async def get() -> Any:
        return js_file

    return Given(str(getattr(js_file, "webkitRelativePath", "") or js_file.name), get)


def is_hidden(name: str) -> bool:
    """Whether something in a folder is left out: what systems and programs keep there for themselves."""
    return name.startswith(".") or name.lower() in {"thumbs.db", "desktop.ini"}


class Adding:
    """Adds files by `save`; `on_change` is called when there is something new to say of it, `tell` with what
    went wrong: one message for all files that were refused together."""

    def __init__(self, save: Save, on_change: Callable[[], None], tell: Callable[[str], None]) -> None:
        self.saving = 0
        """Files that are being written to this device, or wait for it."""
        self.found: int | None = None
        """Files that were found so far, while a folder is looked through."""
        self._save = save
        self._on_change = on_change
        self._tell = tell
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def is_long(self) -> bool:
        """Whether it takes a while."""
        return self.found is not None or self.saving >= LONG

    def stop(self) -> None:
        """Add no more: what was saved stays."""
        for task in self._running:
            task.cancel()

    async def add(self, given: list[Given], folder: str) -> None:
        """Add files to a folder, which is "" or ends with a slash. That one fails is told, and the others are
        added."""
        if len(given) > MAX_ENTRIES:
            self._tell(wording.too_many(MAX_ENTRIES))
        with self._stoppable():
            await self._add(given[:MAX_ENTRIES], folder)

    async def add_entries(self, js_entries: list[Any], folder: str) -> None:
        """Add what was dropped, files and folders."""
        with self._stoppable():
            given = await self._look_through(js_entries)
            if not given:
                self._tell("There is no file in what was dropped.")
            await self._add(given, folder)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)
            self._on_change()

    async def _look_through(self, js_entries: list[Any]) -> list[Given]:
        """All files in these, the hidden ones left out, in the order of their paths."""
        given: list[Given] = []
        todo, seen = [("", entry) for entry in js_entries], 0
        self.found = 0
        self._on_change()
        try:
            while todo and seen < MAX_ENTRIES:
                path, js_entry = todo.pop()
                path, seen = path + js_entry.name, seen + 1
                if js_entry.isFile:
                    given.append(Given(path, partial(js_folders.fileOf, js_entry)))
                else:
                    inside = await self._entries(js_entry, path, MAX_ENTRIES + 1 - seen - len(todo))
                    todo += [(f"{path}/", entry) for entry in inside if not is_hidden(entry.name)]
                self.found = len(given)
                self._on_change()
        finally:
            self.found = None
        if todo:
            self._tell(wording.too_many(MAX_ENTRIES))
        return sorted(given, key=lambda one: one.name)

    async def _entries(self, js_folder: Any, path: str, enough: int) -> list[Any]:
        """What is in a folder; when it cannot be read that is told, and it counts as empty."""
        try:
            return list(await js_folders.entriesOf(js_folder, enough))
        except Exception as error:  # a JsException
            self._tell(f"{wording.clipped(path)} was not added: {trouble.plain(error)}")
            return []

    async def _add(self, given: list[Given], folder: str) -> None:
        added, left = 0, len(given)
        refused: list[tuple[str, str]] = []
        self.saving += left

        async def add_one(one: Given) -> None:
            nonlocal added, left
            try:
                await self._save(await one.get(), folder + one.name)
                added += 1
            except Exception as error:  # what cannot be read any more is a JsException
                refused.append((one.name, trouble.plain(error)))
            finally:
                left -= 1
                self.saving -= 1
                self._on_change()

        self._on_change()
        try:
            await asyncio.gather(*map(add_one, given))  # the kit stores some at a time
        except asyncio.CancelledError:
            self._tell(wording.stopped(added, len(given)))
            raise
        finally:
            self.saving -= left  # those that were never begun
            if refused:
                self._tell(wording.refused(refused))
