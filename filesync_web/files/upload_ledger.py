"""Uploads in parts that were begun, remembered in the store: a reload or another tab goes on with them."""

from __future__ import annotations

from filesync_web.core.records import OpenUpload
from filesync_web.files.events import FileEvents
from filesync_web.files.tables import FileSyncTables
from filesync_web.livestore.store import Store


class StoreUploadLedger:
    """The `UploadLedger` port of uploads in parts, kept in the table `openUploads`."""

    def __init__(self, store: Store, tables: FileSyncTables, events: FileEvents) -> None:
        self._store = store
        self._tables = tables
        self._events = events

    def open_upload(self, remote_key: str) -> OpenUpload | None:
        """The open upload of that key."""
        return self._tables.open_upload(remote_key)

    async def upload_opened(self, upload: OpenUpload) -> None:
        """Remember an upload; durable when it returns."""
        await self._store.commit(self._events.upload_opened(upload))

    async def upload_closed(self, remote_key: str) -> None:
        """Forget the upload of that key."""
        await self._store.commit(self._events.upload_closed(remote_key))
