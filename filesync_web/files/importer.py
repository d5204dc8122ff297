"""Takes content in: preprocesses a source, stores its bytes, describes them, and keeps them until they count.

The lock `blobs` is held shared from before the bytes are stored until the event that names them is in the
log, so that nobody takes them for garbage in between. Preprocessors run before, and may take their time.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from filesync_web.core.metadata import DEFAULT_MIME_TYPE, FileMetadata, encode_metadata
from filesync_web.core.paths import file_path
from filesync_web.errors import InvalidArgumentError
from filesync_web.files.garbage import LOCK, GarbageCollector
from filesync_web.files.preprocess import Preprocessors, preprocess
from filesync_web.ports import BlobInfo, BlobStore, Locks, Source

MAX_CONCURRENT_IMPORTS = 16
"""Sources that are stored at a time: each has files open, and buffers."""


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Content that is durable on this device, as a file record describes it."""

    content_hash: str
    path: str
    metadata_json: str


class Importer:
    """The way in of one store's files."""

    def __init__(
        self,
        store_id: str,
        blobs: BlobStore,
        preprocessors: Preprocessors,
        *,
        garbage: GarbageCollector,
        locks: Locks,
    ) -> None:
        self._store_id = store_id
        self._blobs = blobs
        self._preprocessors = preprocessors
        self._garbage = garbage
        self._locks = locks
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_IMPORTS)

    def size_of(self, source: Source) -> int | None:
        """The bytes of a source, None for one that can be read once only. Raises `InvalidArgumentError`."""
        return self._blobs.describe(source).size

    @asynccontextmanager
    async def take(
        self,
        source: Source,
        name: str | None,
        mime_type: str | None,
        metadata: FileMetadata | None,
        *,
        custom: Mapping[str, Any],
    ) -> AsyncIterator[StoredContent]:
        """Store the bytes of `source`, for an event that is to be committed inside the context. When that
        ends with an error, the bytes go again, unless something else needs them.

        `name` and `mime_type` go before what the source says of itself. What is measured here (the size, and
        width and height of an image) goes before `metadata`, and `metadata` before what a preprocessor says
        and before `custom`, the custom metadata until now. Raises the errors of `BlobStore.put`, and
        whatever a preprocessor raises.
        """
        _check_text(name=name, mime_type=mime_type)
        info = self._blobs.describe(source)
        name = name or info.name
        kind = mime_type or info.mime_type or _guess(name)
        prepared = await preprocess(self._preprocessors, source, kind)
        if prepared.source is not source:
            changed = self._blobs.describe(prepared.source)
            kind = prepared.metadata.mime_type or changed.mime_type or kind
            name = name or changed.name
        known = FileMetadata(kind, custom={**custom, "name": name} if name else custom)
        known = (metadata or FileMetadata()).merged_over(prepared.metadata.merged_over(known))
        encode_metadata(known)  # or there would be bytes already when it fails
        blob: BlobInfo | None = None
        try:
            async with self._slots, self._locks.hold(LOCK, exclusive=False):
                blob = await self._blobs.put(prepared.source, mime_type=kind)
                yield await self._described(blob, kind, known)
        except BaseException:
            if blob is not None:
                self._garbage.collect(blob.content_hash)
            raise

    async def _described(self, blob: BlobInfo, mime_type: str, known: FileMetadata) -> StoredContent:
        width, height = await self._blobs.image_size(blob.content_hash, mime_type=mime_type) or (None, None)
        found = FileMetadata(size_bytes=blob.size, width=width, height=height).merged_over(known)
        path = file_path(self._store_id, blob.content_hash)
        return StoredContent(blob.content_hash, path, encode_metadata(found))


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or DEFAULT_MIME_TYPE


def _check_text(**values: object) -> None:
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise InvalidArgumentError(f"{name} is a text, not {value!r}")
