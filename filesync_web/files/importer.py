"""Takes content in, in two steps: `prepare` looks at a source and changes nothing, `store` keeps its bytes.

Preprocessors run while preparing, and may take their time: nobody waits for them. What is prepared can be
stored more than once, for example after room was made for it, and is still preprocessed only once.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from filesync_web.core.metadata import DEFAULT_MIME_TYPE, FileMetadata, encode_metadata
from filesync_web.core.paths import file_path
from filesync_web.errors import InvalidArgumentError
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.preprocess import Preprocessors, preprocess
from filesync_web.files.save_lock import SaveLock
from filesync_web.files.workspace import Workspace
from filesync_web.ports import BlobInfo, Source

R = TypeVar("R")

MAX_CONCURRENT_IMPORTS = 16
"""Sources that are stored at a time: each has files open, and buffers."""


@dataclass(frozen=True, slots=True)
class PreparedContent:
    """A source that can be stored, and all that is known of it before its bytes are read.

    `size` in bytes is None for one that can be read once only.
    """

    source: Source
    size: int | None
    mime_type: str
    metadata: FileMetadata


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Content that is durable on this device, as a file record describes it."""

    content_hash: str
    path: str
    metadata_json: str


class Importer:
    """The way in of one store's files."""

    def __init__(self, workspace: Workspace, preprocessors: Preprocessors, garbage: GarbageCollector) -> None:
        self._store_id = workspace.store.store_id
        self._blobs = workspace.platform.blobs
        self._preprocessors = preprocessors
        self._garbage = garbage
        self._lock = SaveLock(workspace)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_IMPORTS)

    async def prepare(
        self,
        source: Source,
        name: str | None,
        mime_type: str | None,
        metadata: FileMetadata | None,
        *,
        custom: Mapping[str, Any],
    ) -> PreparedContent:
        """Describe, preprocess and check a source.

        `name` and `mime_type` go before what the source says of itself; `metadata` goes before what a
        preprocessor says, and that before `custom`, the custom metadata until now. Raises
        `InvalidArgumentError`, and whatever a preprocessor raises.
        """
        _check_text(name=name, mime_type=mime_type)
        info = self._blobs.describe(source)
        name = name or info.name
        kind = mime_type or info.mime_type or _guess(name)
        prepared = await preprocess(self._preprocessors, source, kind)
        if prepared.source is not source:
            info = self._blobs.describe(prepared.source)
            kind = prepared.metadata.mime_type or info.mime_type or kind
            name = name or info.name
        known = FileMetadata(kind, custom={**custom, "name": name} if name else custom)
        known = (metadata or FileMetadata()).merged_over(prepared.metadata.merged_over(known))
        encode_metadata(known)  # or there would be bytes already when it fails
        return PreparedContent(prepared.source, info.size, kind, known)

    async def store(self, prepared: PreparedContent, commit: Callable[[StoredContent], Awaitable[R]]) -> R:
        """Store the bytes, and then `commit` what names them; returns its answer.

        When either fails the bytes go again, unless something else needs them. Raises the errors of
        `BlobStore.put` and of `commit`.
        """
        blob: BlobInfo | None = None
        try:
            async with self._slots, self._lock.saving():
                blob = await self._blobs.put(prepared.source, mime_type=prepared.mime_type)
                return await commit(await self._described(blob, prepared))
        except BaseException:
            if blob is not None:
                self._garbage.collect(blob.content_hash)
            raise

    async def _described(self, blob: BlobInfo, prepared: PreparedContent) -> StoredContent:
        """What is measured here (the size, and width and height of an image) goes before what was said."""
        size = await self._blobs.image_size(blob.content_hash, mime_type=prepared.mime_type)
        width, height = size or (None, None)
        measured = FileMetadata(size_bytes=blob.size, width=width, height=height)
        metadata_json = encode_metadata(measured.merged_over(prepared.metadata))
        return StoredContent(blob.content_hash, file_path(self._store_id, blob.content_hash), metadata_json)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or DEFAULT_MIME_TYPE


def _check_text(**values: object) -> None:
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise InvalidArgumentError(f"{name} is a text, not {value!r}")
