"""What is said of a file, changed without its content: its name, its type, what the app has recorded of it.

The event that says it tells content and remote key as well, for those who know no other kind. So it holds
only while these are what they were: else it would undo an edit, or an upload, that came before it in the log.
When it was an upload, the same is said once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from filesync_web.aio.tasks import Tasks
from filesync_web.core.media_types import check_mime_type
from filesync_web.core.metadata import FileMetadata, check_metadata, encode_metadata, parse_metadata
from filesync_web.core.records import FileRecord
from filesync_web.errors import FileSyncError, InvalidArgumentError
from filesync_web.files.controls import changing_controls
from filesync_web.files.workspace import Workspace

logger = logging.getLogger(__name__)


class Descriptions:
    """Changes what is said of the files of one store."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tables = workspace.tables
        self._events = workspace.events
        self._tasks = Tasks(f"descriptions of store {workspace.store.store_id!r}")
        self._unsubscribe = workspace.store.on_void(self._on_void)

    async def close(self) -> None:
        """Say nothing more."""
        self._unsubscribe()
        await self._tasks.cancel_and_wait()

    async def rename(self, file_id: str, name: str) -> None:
        """Give a file another name."""
        if not isinstance(name, str) or not name:
            raise InvalidArgumentError(f"the name of a file is a text that is not empty, not {name!r:.100}")
        await self.change(file_id, None, {"name": name})

    async def change(self, file_id: str, mime_type: str | None, custom: Mapping[str, Any]) -> None:
        """Set the type, if one is given, and custom keys; a key whose value is None goes."""
        check_metadata(FileMetadata(custom=custom))
        kind = check_mime_type(mime_type) if mime_type is not None else None

        def changed(metadata: FileMetadata) -> FileMetadata:
            merged = {**metadata.custom, **custom}
            kept = {key: value for key, value in merged.items() if value is not None or key not in custom}
            return replace(metadata, mime_type=kind or metadata.mime_type, custom=kept)

        await self._say(self._tables.live(file_id).id, changed)

    async def _say(self, file_id: str, change: Callable[[FileMetadata], FileMetadata]) -> None:
        """Say it of what the file is when that comes into the log: an upload may end at this moment."""
        async with changing_controls(self._workspace):
            while True:
                old = self._tables.live(file_id)
                new = encode_metadata(change(parse_metadata(old.metadata_json)))
                if new == old.metadata_json:
                    return
                said_at = max(self._workspace.now_ms(), old.updated_at + 1)
                await self._workspace.store.commit(self._events.described(old, new, said_at))

    # --- what did not hold

    def _on_void(self, events: list[tuple[str, Any]]) -> None:
        for name, wire in events:
            said = self._events.description(name, wire)
            if said is not None:
                self._tasks.spawn(self._say_again(said), f"say again what {said.id} is")

    async def _say_again(self, said: FileRecord) -> None:
        """Say what has become void, unless the file has other content now, or somebody has said something
        later."""
        record = self._tables.record(said.id)
        is_same = record is not None and record.is_live and record.content_hash == said.content_hash
        if record is None or not is_same or record.updated_at >= said.updated_at:
            return
        metadata = parse_metadata(said.metadata_json)
        try:
            await self._say(said.id, lambda _metadata: metadata)
        except FileSyncError as error:
            logger.warning("what was said of file %s is lost: %s", said.id, error)
