"""What the user asks of a file's transfers: pause, cancel, priority, pin, evict; changed from any tab.

It is one row a file, and an event replaces the whole of it, while each call means to change one or two of its
fields. So whoever changes a control reads the row, changes it and commits it under the lock `control`, which
all tabs share: otherwise a pin could take back the pause of a moment ago. Changes that are asked for at the
same time are made together: an app that shows or reads many files asks for many at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypedDict, Unpack

from filesync_web.aio.batches import Batches
from filesync_web.core.records import Control, LocalFileState, Status, TransferControl
from filesync_web.core.versions import file_and_content
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent

MAX_CHANGES = 250
"""Of one commit: in a browser, it takes some 50 ms, in which nobody else gets a turn."""

_LOCK = "control"


class ControlChanges(TypedDict, total=False):
    """The fields of a `TransferControl` that a call may change."""

    state: Control
    priority: int
    pinned: bool
    evicted: bool


@asynccontextmanager
async def changing_controls(workspace: Workspace) -> AsyncIterator[None]:
    """Inside the context no other tab or call changes a control, and the store is up to date."""
    async with workspace.platform.locks.hold(_LOCK, exclusive=True):
        await workspace.store.refresh()
        yield


class Controls:
    """Changes the controls of one store's files."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._changing: Batches[tuple[str, ControlChanges], None] = Batches(
            "controls", self._change_together, most=lambda: MAX_CHANGES, at_once=lambda: 1
        )

    async def change(self, file_id: str, **changes: Unpack[ControlChanges]) -> None:
        """Change these fields of a file's control, and no others."""
        await self._changing.answer((file_id, changes))

    async def _change_together(self, asked: Sequence[tuple[str, ControlChanges]]) -> list[None]:
        workspace = self._workspace
        async with changing_controls(workspace):
            before = {file_id: TransferControl(file_id) for file_id, _changes in asked}
            before |= {control.file_id: control for control in workspace.tables.controls([*before])}
            after = dict(before)
            for file_id, changes in asked:
                after[file_id] = replace(after[file_id], **changes)
            changed = [control for file_id, control in after.items() if control != before[file_id]]
            await workspace.store.commit(*map(workspace.events.control_changed, changed))
        return [None] * len(asked)


async def retry_errors(workspace: Workspace, file_ids: Collection[str] | None = None) -> list[str]:
    """Queue again what rests at `error`, what the user cancelled included; returns the file ids. With
    `file_ids` only those of them."""
    tables, events = workspace.tables, workspace.events
    async with changing_controls(workspace):
        rows = tables.all_rows() if file_ids is None else tables.rows([*file_ids])
        failed = [row for row in rows if row.has_error]
        changes: list[NewEvent] = [events.row_written(_queued_again(row)) for row in failed]
        for row in failed:
            control = tables.control(row.file_id)
            if control.state is Control.CANCELLED:
                changes.append(events.control_changed(replace(control, state=Control.NONE)))
        await workspace.store.commit(*changes)
    return [*dict.fromkeys(file_and_content(row.file_id)[0] for row in failed)]  # of a version, its file


def _queued_again(row: LocalFileState) -> LocalFileState:
    upload = Status.QUEUED if row.upload_status is Status.ERROR else row.upload_status
    download = Status.QUEUED if row.download_status is Status.ERROR else row.download_status
    return replace(row, upload_status=upload, download_status=download, last_sync_error="")
