"""`FileSyncWidget`: an anywidget for choosing files, watching them and listing what the store has."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from filesync_web.aio.tasks import Tasks
from filesync_web.api.instance import get_file_sync
from filesync_web.core.display import (
    ActiveTransfers,
    FileSyncEvent,
    create_active_transfer_progress,
    remove_active_transfer,
    update_active_transfers,
)
from filesync_web.core.records import FileOperationResult
from filesync_web.errors import InvalidArgumentError, StoreClosedError
from filesync_web.file_sync import FileSync
from filesync_web.files.many_saves import SaveFilesError
from filesync_web.notebook.chosen import Choice
from filesync_web.notebook.rows import Row, arriving, as_json, listed
from filesync_web.ports import Unsubscribe

logger = logging.getLogger(__name__)

REFRESH_PAUSE = 0.1
"""Seconds between two changes of the list, at least: each is a message to the page."""
_HERE = Path(__file__).parent


def _to_json(handles: Sequence[FileOperationResult], _widget: object) -> list[dict[str, str]]:
    return [asdict(handle) for handle in handles]


def _from_json(handles: Sequence[Mapping[str, str]], _widget: object) -> tuple[FileOperationResult, ...]:
    return tuple(FileOperationResult(**handle) for handle in handles)


class FileSyncWidget(anywidget.AnyWidget):
    """A button that chooses files, and the list of the files of the store, with what becomes of each.

        picker = FileSyncWidget(accept="image/*")
        picker                                      # shows it

        for handle in picker.value:                 # in a later cell, or in `picker.observe(..., "value")`
            async with await fs.open_file(handle.file_id) as file:
                ...

    What somebody chooses is saved at once, as by `save_files`, and uploaded in the background. Where Python
    runs in the same browser (JupyterLite, marimo in WebAssembly), the files are handed over as they are, and
    no byte is copied. Elsewhere their bytes travel to Python in pieces of 1 MiB, each when the last one is on
    the disk, so that neither side holds a file in memory.

    Attributes:
        value: what was saved of the last choice, as a tuple of `FileOperationResult`: handles, not bytes. It
            changes once all of the choice are saved or have failed. Empty before the first.
        files: what the list shows.
        note: the line above it.
        accept: which files the chooser offers: `".csv"`, `"image/*"`; all by default.
        multiple: whether several can be chosen at once.
        label: the text of the button.
        seen: changes with `value`, by the page: that is what marimo runs cells again for.

    `close()` ends it; a widget whose store is closed shows what it showed last.
    """

    _esm = _HERE / "widget.js"
    _css = _HERE / "widget.css"

    value = traitlets.Tuple().tag(sync=True, to_json=_to_json, from_json=_from_json)
    files: traitlets.List[Any] = traitlets.List().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    accept = traitlets.Unicode().tag(sync=True)
    multiple = traitlets.Bool(default_value=True).tag(sync=True)
    label = traitlets.Unicode("Choose files").tag(sync=True)
    seen = traitlets.Unicode().tag(sync=True)

    def __init__(self, file_sync: FileSync | None = None, *, most: int = 20, **traits: Any) -> None:
        """`file_sync`: where files are saved and listed; by default that of `init_file_sync`. `most`: how
        many files are listed, the newest first. `traits`: `accept`, `multiple`, `label`, and those of any
        widget.

        Raises `NotInitializedError` when no `file_sync` is given and `init_file_sync` was not called.
        """
        self._ends: list[Unsubscribe] = []  # first of all: what was not made is closed as well
        self._file_sync = file_sync or get_file_sync()
        self._most = most
        self._transfers: ActiveTransfers = {}
        self._choices: dict[str, Choice] = {}
        self._arriving: dict[tuple[str, int], Row] = {}
        self._is_refresh_due = False
        self._tasks = Tasks("a FileSyncWidget")
        super().__init__(**traits)
        self.on_msg(self._on_message)
        store = self._file_sync.store
        tables = store.schema.tables
        self._ends = [
            store.subscribe(
                (tables["files"], tables["local_file_state"]), lambda _names: self._refresh_soon()
            ),
            self._file_sync.on_event(self._on_event),
            self._give_up,
        ]
        self._refresh()

    def close(self) -> None:
        """End it: what is being saved is given up, what is saved stays."""
        ends, self._ends = self._ends, []
        for end in ends:
            end()
        super().close()

    def _give_up(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: a process ends
            self._file_sync.loop.call_soon_threadsafe(self._tasks.cancel)

    # --- choices

    def _on_message(self, _widget: object, message: object, buffers: Sequence[Any] | None) -> None:
        """Jupyter may call this in a thread of its own; everything else belongs to the loop of the files."""
        self._file_sync.loop.call_soon_threadsafe(self._told, message, buffers or ())

    def _told(self, message: object, buffers: Sequence[Any]) -> None:
        try:
            self._take(message, buffers)
        except InvalidArgumentError as error:
            logger.warning("a message of the page is refused; was it made by another version? %s", error)

    def _take(self, message: object, buffers: Sequence[Any]) -> None:
        match message:
            case {"tell": "chosen", "choice": str(choice_id), "files": [*files]}:
                if choice_id not in self._choices:
                    choice = self._choices[choice_id] = Choice(choice_id, files, self.send)
                    self._tasks.spawn(self._save(choice_id, choice), "saving files")
            case {"tell": "piece" | "failed", "choice": str(choice_id)}:
                if choice_id in self._choices:
                    self._choices[choice_id].answered(message, buffers)
            case _:
                raise InvalidArgumentError(f"this tells of no choice: {message!r:.200}")

    async def _save(self, choice_id: str, choice: Choice) -> None:
        self._arriving = {key: row for key, row in self._arriving.items() if not row.failed}
        for position in range(len(choice.files)):
            self._on_received(choice_id, position, 0)
        try:
            sources = await choice.sources(partial(self._on_received, choice_id))
            on_result = partial(self._on_result, choice_id)
            self.value = tuple(await self._file_sync.save_files(sources, on_result=on_result))
        except SaveFilesError as error:
            self.value = tuple(result for result in error.results if result is not None)
        finally:
            self._end(choice_id)

    def _end(self, choice_id: str) -> None:
        """Of a choice that is over, what is not saved by now is not going to be."""
        choice = self._choices.pop(choice_id)
        for position, file in enumerate(choice.files):
            row = self._arriving.get((choice_id, position))
            if row is not None and not row.failed:
                self._arriving[choice_id, position] = Row(file.name, "was not saved", failed=True)
        choice.forget()
        self._refresh_soon()

    def _on_received(self, choice_id: str, position: int, size: int) -> None:
        file = self._choices[choice_id].files[position]
        self._arriving[choice_id, position] = arriving(file.name, size, file.size)
        self._refresh_soon()

    def _on_result(self, choice_id: str, position: int, result: FileOperationResult | Exception) -> None:
        name = self._choices[choice_id].files[position].name
        if isinstance(result, Exception):
            self._arriving[choice_id, position] = Row(name, f"was not saved: {result}", failed=True)
        else:
            del self._arriving[choice_id, position]
        self._refresh_soon()

    # --- the list

    def _on_event(self, event: FileSyncEvent) -> None:
        kind, _, what = event.type.partition(":")
        if event.file_id is None or what not in {"progress", "complete", "error"}:
            return
        if what == "progress":
            progress = create_active_transfer_progress(event.file_id, kind, event.loaded, event.total)
            self._transfers = update_active_transfers(self._transfers, progress)
        else:
            self._transfers = remove_active_transfer(self._transfers, event.file_id)
        self._refresh_soon()

    def _refresh_soon(self) -> None:
        if not self._is_refresh_due and self._ends:
            self._is_refresh_due = True
            self._file_sync.loop.call_later(REFRESH_PAUSE, self._refresh)

    def _refresh(self) -> None:
        self._is_refresh_due = False
        if not self._ends:
            return
        try:
            rows, note = listed(self._file_sync.store, self._transfers, self._most)
        except StoreClosedError:
            return
        with self.hold_sync():
            self.files = as_json([*self._arriving.values(), *rows])
            self.note = note
