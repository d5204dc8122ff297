"""Blobs in a directory, under the same paths as in the browser.

    <root>/livestore-filesync-files/<store id>/<hash>       content, visible when it is complete and verified
    <root>/livestore-filesync-incoming/<store id>/...       temporary files and partial downloads

A temporary file is locked while it is written; the system drops the lock of a dead process, so that `sweep`
knows what is left over. MIME types are not kept: nobody serves this directory without the records.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filesync_web import sources
from filesync_web.aio.threads import in_thread
from filesync_web.core.image_size import HEADER_SIZE, image_size
from filesync_web.core.paths import FILES_ROOT, check_store_id, is_content_hash
from filesync_web.core.storage_status import StorageStatus
from filesync_web.errors import (
    BlobNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    StorageError,
)
from filesync_web.native.created_bytes import CreatedBytes
from filesync_web.native.download import Download, hold_partial
from filesync_web.native.incoming import Incoming, size_of
from filesync_web.native.locks import try_lock, unlock
from filesync_web.native.open_file import OpenFile
from filesync_web.native.system_errors import storing
from filesync_web.ports import BlobInfo, FinishedBytes, Progress, Source, SourceInfo

if TYPE_CHECKING:
    from filesync_web.native.http import HttpxHttp

INCOMING_ROOT = "livestore-filesync-incoming"
PARTIAL_LIFETIME = 7 * 24 * 3600
"""Seconds that a broken download is worth keeping."""


class DirectoryBlobStore:
    """The `BlobStore` port over a directory; any number of processes may share it.

    A source is a path (also as text), bytes, a binary file, or a (possibly asynchronous) iterator of bytes. A
    blob handle is a `pathlib.Path`. `http` is needed for downloads only.
    """

    def __init__(self, root: str | Path, store_id: str, http: HttpxHttp | None = None) -> None:
        self.store_id = check_store_id(store_id)
        self._http = http
        self._root = root = Path(root)
        self._files = root / FILES_ROOT / store_id
        self._incoming = root / INCOMING_ROOT / store_id

    def describe(self, source: Source) -> SourceInfo:
        """Name and size of a source."""
        if isinstance(source, FinishedBytes):
            return SourceInfo(size=source.size)
        return sources.describe(sources.with_path(source))

    async def put(self, source: Source, *, mime_type: str = "", progress: Progress | None = None) -> BlobInfo:
        """Store the bytes of `source`."""
        if isinstance(source, FinishedBytes):
            info = BlobInfo(*await source.publish(mime_type))
        else:
            info = await self._copy(sources.with_path(source), progress)
        return replace(info, image_size=await self.image_size(info.content_hash, mime_type=mime_type))

    async def _copy(self, source: Source, progress: Progress | None) -> BlobInfo:
        total = self.describe(source).size
        with storing(self._root):
            self._check_room(total)
        if progress is None and sources.is_short(source, total):
            return await in_thread(self._copy_short, source, total)
        with storing(self._root):
            incoming = self._new_incoming()
        try:
            async with aclosing(sources.chunks(source)) as chunks:
                async for chunk in chunks:
                    with storing(self._root):
                        await in_thread(incoming.append, chunk)
                    if progress is not None:
                        progress(incoming.size, total or 0)
            sources.check_size(incoming.size, total)
            with storing(self._root):
                return await in_thread(incoming.publish, self._files)
        finally:
            with storing(self._root):
                incoming.discard()

    def _copy_short(self, source: Source, total: int | None) -> BlobInfo:
        """The same in one go: of a small file, going from thread to thread takes longer than all the rest."""
        data = sources.read_short(source)
        sources.check_size(len(data), total)
        with storing(self._root):
            incoming = self._new_incoming()
            try:
                incoming.append(data)
                return incoming.publish(self._files)
            finally:
                incoming.discard()

    async def download(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        content_hash: str,
        size: int | None,
        mime_type: str = "",
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> BlobInfo:
        """Fetch `url` into the store, going on from what an earlier try left, also one of another process."""
        del mime_type
        if self._http is None:
            raise InvalidArgumentError("this blob store was made without http: it cannot download")
        download = Download(self._http, url, headers, size, progress, stall_timeout)
        with storing(self._root):
            async with hold_partial(self._make_incoming(), content_hash) as partial:
                present = await self.size(content_hash)
                if present is not None:
                    partial.discard()
                    return BlobInfo(content_hash, present)
                self._check_room(size and size - partial.size)
                await download.run(partial)
                return await in_thread(partial.publish, self._files)

    async def open(self, content_hash: str, *, name: str = "", mime_type: str = "") -> Path:
        """The path of the stored bytes; it must not be written to. A path carries no other name or type."""
        del name, mime_type
        return self.path_of(content_hash)

    def path_of(self, content_hash: str) -> Path:
        """The same, at once."""
        path = self._files / content_hash
        if not is_content_hash(content_hash) or size_of(path) is None:
            raise BlobNotFoundError(_lacks(self._files, content_hash))
        return path

    async def read(self, content_hash: str) -> bytes:
        """All of the stored bytes."""
        path = await self.open(content_hash)
        try:
            return await in_thread(path.read_bytes)
        except FileNotFoundError:  # somebody has just removed it
            raise BlobNotFoundError(_lacks(self._files, content_hash)) from None

    async def create_bytes(self) -> CreatedBytes:
        """A temporary file to be written."""
        with storing(self._root):
            return CreatedBytes(self._new_incoming(), self._files)

    async def open_bytes(self, content_hash: str, *, suspend: bool = False) -> OpenFile:
        """The stored bytes; the system keeps them until they are closed, whoever removes the file."""
        del suspend
        with storing(self._root):
            try:
                return OpenFile(await self.open(content_hash))
            except FileNotFoundError:  # somebody has just removed it
                raise BlobNotFoundError(_lacks(self._files, content_hash)) from None

    async def size(self, content_hash: str) -> int | None:
        """The size of the stored bytes."""
        return size_of(self._files / content_hash) if is_content_hash(content_hash) else None

    async def list(self) -> dict[str, int]:
        """All stored hashes with their sizes."""
        with storing(self._root):
            return await in_thread(_sizes, self._files)

    async def delete(self, content_hash: str) -> bool:
        """Remove the bytes; who reads them goes on."""
        if is_content_hash(content_hash):
            with storing(self._root):
                (self._files / content_hash).unlink(missing_ok=True)
        return True

    async def has_room(self, size: int) -> bool | None:
        """Whether the disk has so many bytes free."""
        return size <= shutil.disk_usage(_existing(self._root)).free

    async def sweep(self) -> int:
        """Remove temporary files that no process writes any more; partial downloads stay for a week."""
        with storing(self._root):
            return await in_thread(_sweep, self._incoming)

    async def url(self, content_hash: str, *, mime_type: str = "") -> str:
        """A `file:` URL."""
        return (await self.open(content_hash, mime_type=mime_type)).resolve().as_uri()

    def revoke_url(self, content_hash: str) -> None:
        """A `file:` URL holds nothing that could be let go of."""

    def close(self) -> None:
        """Nothing is held open."""

    async def image_size(self, content_hash: str, *, mime_type: str) -> tuple[int, int] | None:
        """Width and height that the header of an image tells; nothing here decodes images."""
        path = self._files / content_hash
        if not mime_type.startswith("image/") or await self.size(content_hash) is None:
            return None
        try:
            return image_size(await in_thread(_header, path))
        except FileNotFoundError:  # somebody has just removed it
            return None

    async def storage_status(self) -> StorageStatus:
        """Usage of this store; the quota is that and the free space of the disk."""
        try:
            usage = sum((await self.list()).values())
            free = shutil.disk_usage(_existing(self._root)).free
        except (OSError, StorageError):
            return StorageStatus(False, None, None, None, None)
        return StorageStatus(os.access(_existing(self._root), os.W_OK), True, False, usage, usage + free)

    async def request_persistence(self) -> bool | None:
        """A directory is kept."""
        return True

    def _new_incoming(self) -> Incoming:
        return Incoming(self._make_incoming() / f"put-{uuid.uuid4().hex}")

    def _make_incoming(self) -> Path:
        self._files.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming

    def _check_room(self, needed: int | None) -> None:
        free = shutil.disk_usage(_existing(self._root)).free
        if needed is not None and needed > free:
            raise QuotaExceededError(f"{self._root} has room for {free} more bytes, but {needed} are needed")


def _lacks(folder: Path, content_hash: str) -> str:
    return f"no bytes are stored in {folder} under {content_hash}"


def _sizes(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        sizes = {entry.name: size_of(Path(entry.path)) for entry in entries if is_content_hash(entry.name)}
    return {name: size for name, size in sizes.items() if size is not None}  # else another process took it


def _sweep(folder: Path) -> int:
    """Remove what nobody holds the lock of."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        if _is_kept(path) or (descriptor := try_lock(path)) is None:
            continue
        unlock(path, descriptor)
        removed += not path.name.startswith("lock-")
    return removed


def _is_kept(path: Path) -> bool:
    """Whether it is a partial download that may go on."""
    try:
        return path.name.startswith("get-") and time.time() - path.stat().st_mtime < PARTIAL_LIFETIME
    except FileNotFoundError:  # whoever had it has just finished it
        return True


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_SIZE)


def _existing(path: Path) -> Path:
    """The path or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
