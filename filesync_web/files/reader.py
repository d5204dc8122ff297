"""The way out: the bytes and URLs of live files, which are downloaded when they are not here.

Reading or showing an evicted file means that it is wanted here again. Works in every tab; the download is
done by the one that leads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from filesync_web.core.metadata import parse_metadata
from filesync_web.core.records import Control, FileRecord, Priority, Status
from filesync_web.errors import (
    BlobNotFoundError,
    InvalidArgumentError,
    TransferCancelledError,
    TransferError,
)
from filesync_web.files.controls import Controls
from filesync_web.files.eviction import Eviction
from filesync_web.files.mounts import Mounts
from filesync_web.files.news import News
from filesync_web.files.workspace import Workspace
from filesync_web.ports import BlobHandle, RandomAccess

R = TypeVar("R")
Find = Callable[[], FileRecord]
"""Finds the record of what is to be read as it is now, or raises that there is none."""


class Reader:
    """Hands out the files of one store.

    `auto_prioritize`: what is read or shown, and is not here, is downloaded first.
    """

    def __init__(
        self,
        workspace: Workspace,
        controls: Controls,
        eviction: Eviction,
        mounts: Mounts,
        *,
        auto_prioritize: bool,
    ) -> None:
        self._workspace = workspace
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._remote = workspace.remote
        self._controls = controls
        self._eviction = eviction
        self._mounts = mounts
        self._auto_prioritize = auto_prioritize
        self._news = News(workspace)
        self._is_closed = False

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._news.wake_all()

    async def read(self, id_or_path: str, *, wait: bool) -> BlobHandle:
        """The bytes of a file, once they are here."""
        return await self._when_here(self._live(id_or_path), self._handle, wait=wait)

    async def read_found(self, find: Find, *, wait: bool) -> BlobHandle:
        """The bytes of whatever `find` finds by then."""
        return await self._when_here(find, self._handle, wait=wait)

    async def read_bytes(self, id_or_path: str, *, wait: bool) -> bytes:
        """The same, in memory."""
        return await self._when_here(self._live(id_or_path), self._content, wait=wait)

    async def open(self, id_or_path: str, *, wait: bool, suspend: bool) -> tuple[FileRecord, RandomAccess]:
        """The same, to be read without awaiting and closed, and the record that has that content."""
        return await self._when_here(self._live(id_or_path), partial(self._open, suspend), wait=wait)

    def local_path(self, id_or_path: str) -> Path:
        """Where the bytes of a file are, as far as they are here."""
        path_of = self._workspace.platform.path_of
        if path_of is None:
            raise InvalidArgumentError("a browser has no paths of files: open_file(...) gives a file to read")
        record = self._tables.live(id_or_path)
        try:
            path = path_of(record.content_hash)
        except BlobNotFoundError as error:
            raise BlobNotFoundError(
                f"file {record.id} is not on this device: await read_file(...) brings it, and gives its path"
            ) from error
        self._eviction.record_use(record)
        return path.absolute()

    def _live(self, id_or_path: str) -> Find:
        """Finds the live file that has that id or path now, also when it has another path then."""
        return partial(self._tables.live, self._tables.live(id_or_path).id)

    async def _when_here(self, find: Find, take: Callable[[FileRecord], Awaitable[R]], *, wait: bool) -> R:
        """What `take` makes of the record; it raises `BlobNotFoundError` until the bytes are here."""
        is_first = True
        while True:
            record = find()
            with self._news.of(record) as news:
                await self._eviction.unevict(record, priority=Priority.WAITED_FOR if wait else Priority.SHOWN)
                try:
                    if is_first or not record.is_uploaded or self._is_told_to_be_here(record):
                        taken = await take(record)
                        self._eviction.record_use(record)
                        return taken
                except BlobNotFoundError as error:
                    if not (wait and record.is_uploaded and self._remote.exists):
                        raise BlobNotFoundError(_why_not_here(record)) from error
                is_first = False
                self._check_open(record.id)
                await self._expect(record)
                await news.wait()
                self._check_open(record.id)

    async def url(self, id_or_path: str) -> str | None:
        """A URL of the own copy, or None."""
        record = self._tables.live(id_or_path)
        await self._eviction.unevict(record, priority=Priority.SHOWN)
        mime_type = parse_metadata(record.metadata_json).mime_type or ""
        try:
            url = await self._blobs.url(record.content_hash, mime_type=mime_type)
        except BlobNotFoundError:
            return None
        self._eviction.record_use(record)
        return url

    async def resolve(self, id_or_path: str) -> str | None:
        """A URL of the own copy, else a signed one, else None."""
        url = await self.url(id_or_path)
        record = self._tables.live(id_or_path)
        if url is not None or not (record.is_uploaded and self._remote.exists):
            return url
        if self._auto_prioritize:
            await self.prioritize(record)
        return await self._remote.url(record.remote_key)

    async def prioritize(self, record: FileRecord) -> None:
        """Put a file that waits for its download first in line."""
        row = self._tables.row(record.id)
        waits = row is None or row.download_status is not Status.DONE
        if waits and self._tables.control(record.id).priority < Priority.SHOWN:
            await self._controls.change(record.id, priority=Priority.SHOWN)

    def _is_told_to_be_here(self, record: FileRecord) -> bool:
        return bool(self._tables.told_to_be_here([record.content_hash]))

    def _check_open(self, file_id: str) -> None:
        if self._is_closed:
            raise TransferCancelledError(f"file {file_id} is not here, and file sync was ended")

    async def _content(self, record: FileRecord) -> bytes:
        return await self._blobs.read(record.content_hash)

    async def _handle(self, record: FileRecord) -> BlobHandle:
        metadata = parse_metadata(record.metadata_json)
        handle = await self._blobs.open(
            record.content_hash, name=metadata.name or record.content_hash, mime_type=metadata.mime_type or ""
        )
        await self._mounts.prepare(record.content_hash)
        return handle

    async def _open(self, suspend: bool, record: FileRecord) -> tuple[FileRecord, RandomAccess]:
        return record, await self._blobs.open_bytes(record.content_hash, suspend=suspend)

    async def _expect(self, record: FileRecord) -> None:
        """See to it that the file is being downloaded; raise the error at which its download rests."""
        row = self._tables.row(record.id)
        if row is not None and row.download_status is Status.ERROR:
            if self._tables.control(record.id).state is Control.CANCELLED:
                raise TransferCancelledError(f"the download of file {record.id} was cancelled")
            raise TransferError(f"file {record.id} could not be downloaded: {row.last_sync_error}")
        if row is not None and row.local_hash == record.content_hash:
            # The row says that the bytes are here, but somebody has taken them away.
            lacking = replace(row, local_hash="", download_status=Status.PENDING)
            await self._workspace.store.commit(self._workspace.events.row_written(lacking))
        elif self._auto_prioritize:
            await self.prioritize(record)


def _why_not_here(record: FileRecord) -> str:
    why = "" if record.is_uploaded else ", and whoever has them has not uploaded them yet"
    return f"the bytes of file {record.id} are not on this device{why}"
