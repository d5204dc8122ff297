"""A blob store in memory that keeps the contract of the durable ones, download resume included."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from filesync_web import sources
from filesync_web.core import resume
from filesync_web.core.failures import error_for_status
from filesync_web.core.image_size import HEADER_SIZE, image_size
from filesync_web.core.storage_status import StorageStatus
from filesync_web.errors import (
    BlobNotFoundError,
    IntegrityError,
    QuotaExceededError,
    TransferError,
    UnreadableError,
)
from filesync_web.ports import BlobInfo, FinishedBytes, Progress, Source, SourceInfo
from filesync_web.testing.http import HeldRequest, MemoryNetwork


@dataclass(frozen=True, slots=True)
class MemoryBlob:
    """The handle of stored bytes; also a source with a name and a type."""

    data: bytes
    name: str = ""
    mime_type: str = ""


class MemoryBytes:
    """The `RandomAccess` port over bytes in memory; `on_close` is called once."""

    def __init__(self, data: bytes, on_close: Callable[[], None] = lambda: None) -> None:
        self._data: bytes | None = data
        self._on_close = on_close
        self.size = len(data)

    def read_into(self, offset: int, into: memoryview) -> int:
        """Copy."""
        if self._data is None:
            raise UnreadableError("the bytes were closed")
        piece = self._data[offset : offset + len(into)]
        into[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Let go of the bytes."""
        if self._data is not None:
            self._data = None
            self._on_close()


@dataclass(slots=True)
class _Partial:
    """What a broken download left behind."""

    data: bytes = b""
    etag: str = ""


class MemoryNewBytes:
    """The `NewBytes` port in memory."""

    def __init__(self, store: MemoryBlobStore) -> None:
        self._store = store
        self._data = bytearray()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._data)

    def write(self, offset: int, data: memoryview) -> None:
        """Copy, within the store's quota."""
        end = max(self.size, offset + len(data))
        self._store.check_room(end)
        self._data += bytes(end - self.size)
        self._data[offset : offset + len(data)] = data

    async def drain(self) -> None:
        """There is no other place."""

    async def finish(self) -> FinishedBytes:
        """The bytes as they are now."""
        blob = MemoryBlob(bytes(self._data))

        async def publish(mime_type: str) -> tuple[str, int]:
            info = await self._store.put(blob, mime_type=mime_type)
            return info.content_hash, info.size

        return FinishedBytes(self.size, blob, publish)

    async def discard(self) -> None:
        """Let go of the bytes."""
        self._data.clear()


class MemoryBlobStore:
    """The `BlobStore` port in memory.

    A source is a `MemoryBlob`, bytes, a path, a binary file, or a (possibly asynchronous) iterator of bytes.
    `quota` in bytes can be lowered by a test; None is no limit.
    """

    def __init__(self, network: MemoryNetwork | None = None, *, quota: int | None = None) -> None:
        self.network = network or MemoryNetwork()
        self.quota = quota
        self.blobs: dict[str, bytes] = {}
        self.mime_types: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.persisted = False
        self._partials: dict[str, _Partial] = {}
        self._readers: Counter[str] = Counter()

    def describe(self, source: Source) -> SourceInfo:
        """Name, type and size of a source."""
        if isinstance(source, FinishedBytes):
            return SourceInfo(size=source.size)
        if isinstance(source, MemoryBlob):
            return SourceInfo(source.name, source.mime_type, len(source.data))
        return sources.describe(source)

    async def put(self, source: Source, *, mime_type: str = "", progress: Progress | None = None) -> BlobInfo:
        """Store the bytes of `source`."""
        if isinstance(source, FinishedBytes):
            info = BlobInfo(*await source.publish(mime_type))
            return replace(info, image_size=await self.image_size(info.content_hash, mime_type=mime_type))
        total = self.describe(source).size
        data = bytearray()
        async for chunk in sources.chunks(source.data if isinstance(source, MemoryBlob) else source):
            data += chunk
            if progress is not None:
                progress(len(data), total or 0)
        sources.check_size(len(data), total)
        info = self._publish(bytes(data), mime_type)
        return replace(info, image_size=await self.image_size(info.content_hash, mime_type=mime_type))

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
        """Fetch `url` over the network, going on from what an earlier try left."""
        del stall_timeout  # time does not pass in a MemoryNetwork
        if content_hash in self.blobs:
            return BlobInfo(content_hash, len(self.blobs[content_hash]))
        partial = self._partials.pop(content_hash, _Partial())
        if size is not None and len(partial.data) > size:
            partial = _Partial()
        try:
            if len(partial.data) != size and not await self._receive(partial, url, headers, size, progress):
                partial = _Partial()
                await self._receive(partial, url, headers, size, progress)
            resume.check_complete(len(partial.data), size, url)
            resume.check_hash(hashlib.sha256(partial.data).hexdigest(), content_hash, url)
        except BaseException as error:
            broken_off = isinstance(error, TransferError | asyncio.CancelledError)
            if broken_off and not isinstance(error, IntegrityError) and partial.data:
                self._partials[content_hash] = partial
            raise
        return self._publish(partial.data, mime_type)

    async def _receive(
        self,
        partial: _Partial,
        url: str,
        headers: Mapping[str, str],
        size: int | None,
        progress: Progress | None,
    ) -> bool:
        """Receive what is missing; False when the server does not have the range that was asked for."""
        asked = {**headers, **resume.range_headers(len(partial.data), partial.etag)}
        reply = await self.network.exchange(HeldRequest("GET", url, asked))
        answer = {name.lower(): value for name, value in reply.headers.items()}
        if reply.status == 416 and partial.data:
            return False
        if reply.status not in (200, 206):
            raise error_for_status(reply.status, answer, f"downloading {url}")
        if not resume.goes_on(reply.status, answer, len(partial.data), url):
            partial.data, partial.etag = b"", resume.strong_etag(answer)
        partial.data += reply.arriving()
        if progress is not None:
            progress(len(partial.data), size or 0)
        reply.check(url)
        resume.check_not_longer(len(partial.data), size, url)
        return True

    async def open(self, content_hash: str, *, name: str = "", mime_type: str = "") -> MemoryBlob:
        """A handle of the stored bytes."""
        return MemoryBlob(self._get(content_hash), name or content_hash, mime_type)

    async def read(self, content_hash: str) -> bytes:
        """All of the stored bytes."""
        return self._get(content_hash)

    async def create_bytes(self) -> MemoryNewBytes:
        """New bytes in memory."""
        return MemoryNewBytes(self)

    async def open_bytes(self, content_hash: str, *, suspend: bool = False) -> MemoryBytes:
        """The stored bytes; until they are closed they are not deleted, as in a browser."""
        del suspend
        data = self._get(content_hash)
        self._readers[content_hash] += 1
        return MemoryBytes(data, lambda: self._readers.subtract([content_hash]))

    async def size(self, content_hash: str) -> int | None:
        """The size of the stored bytes."""
        data = self.blobs.get(content_hash)
        return None if data is None else len(data)

    async def list(self) -> dict[str, int]:
        """All stored hashes with their sizes."""
        return {content_hash: len(data) for content_hash, data in self.blobs.items()}

    async def delete(self, content_hash: str) -> bool:
        """Remove the bytes, unless somebody reads them."""
        if self._readers[content_hash]:
            return False
        self.revoke_url(content_hash)
        self.blobs.pop(content_hash, None)
        self.mime_types.pop(content_hash, None)
        return True

    async def has_room(self, size: int) -> bool | None:
        """Whether the quota leaves so many bytes."""
        return self.quota is None or self._usage() + size <= self.quota

    async def sweep(self) -> int:
        """There are no temporary files that could be left over: partial downloads are kept."""
        return 0

    async def url(self, content_hash: str, *, mime_type: str = "") -> str:
        """A `memory:` URL."""
        del mime_type
        self._get(content_hash)
        return self.urls.setdefault(content_hash, f"memory:{content_hash}")

    def revoke_url(self, content_hash: str) -> None:
        """Let go of the URL."""
        self.urls.pop(content_hash, None)

    def close(self) -> None:
        """Let go of all URLs."""
        self.urls.clear()

    async def image_size(self, content_hash: str, *, mime_type: str) -> tuple[int, int] | None:
        """Width and height that the header of an image tells; nothing here decodes images."""
        data = self.blobs.get(content_hash)
        return image_size(data[:HEADER_SIZE]) if data and mime_type.startswith("image/") else None

    async def storage_status(self) -> StorageStatus:
        """What a well-behaved browser would say."""
        return StorageStatus(True, self.persisted, None, self._usage(), self.quota)

    async def request_persistence(self) -> bool | None:
        """Granted."""
        self.persisted = True
        return True

    def _get(self, content_hash: str) -> bytes:
        try:
            return self.blobs[content_hash]
        except KeyError:
            raise BlobNotFoundError(f"no bytes are stored here under {content_hash}") from None

    def check_room(self, size: int) -> None:
        """Raise `QuotaExceededError` unless the quota leaves so many bytes."""
        if self.quota is not None and self._usage() + size > self.quota:
            raise QuotaExceededError(f"no room for {size} bytes: the quota is {self.quota} bytes")

    def _usage(self) -> int:
        return sum(map(len, self.blobs.values()))

    def _publish(self, data: bytes, mime_type: str) -> BlobInfo:
        content_hash = hashlib.sha256(data).hexdigest()
        if content_hash not in self.blobs:
            self.check_room(len(data))
            self.blobs[content_hash] = data
        if mime_type:
            self.mime_types[content_hash] = mime_type
        return BlobInfo(content_hash, len(data))
