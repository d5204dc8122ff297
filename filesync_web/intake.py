"""Takes content in: preprocesses a source, stores its bytes, and describes them."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from filesync_web.core.metadata import DEFAULT_MIME_TYPE, FileMetadata, encode_metadata
from filesync_web.core.paths import file_path
from filesync_web.ports import BlobStore, Source
from filesync_web.preprocess import Preprocessors, preprocess


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Content that is durable on this device, as a file record describes it."""

    content_hash: str
    path: str
    metadata_json: str


class Intake:
    """The way in of one store's files."""

    def __init__(self, store_id: str, blobs: BlobStore, preprocessors: Preprocessors) -> None:
        self._store_id = store_id
        self._blobs = blobs
        self._preprocessors = preprocessors

    def size_of(self, source: Source) -> int | None:
        """The bytes of a source, None for one that can be read once only. Raises `InvalidArgumentError`."""
        return self._blobs.describe(source).size

    async def take(
        self, source: Source, name: str | None, mime_type: str | None, metadata: FileMetadata | None
    ) -> StoredContent:
        """Store the bytes of `source`.

        `name` and `mime_type` go before what the source says of itself, `metadata` before what is found out
        here. Raises the errors of `BlobStore.put`, and whatever a preprocessor raises.
        """
        info = self._blobs.describe(source)
        name = name or info.name
        kind = mime_type or info.mime_type or _guess(name)
        prepared = await preprocess(self._preprocessors, source, kind)
        if prepared.source is not source:
            changed = self._blobs.describe(prepared.source)
            kind = prepared.metadata.mime_type or changed.mime_type or kind
            name = name or changed.name
        blob = await self._blobs.put(prepared.source, mime_type=kind)
        width, height = await self._blobs.image_size(blob.content_hash, mime_type=kind) or (None, None)
        found = FileMetadata(kind, blob.size, width, height, {"name": name} if name else {})
        full = (metadata or FileMetadata()).merged_over(prepared.metadata.merged_over(found))
        path = file_path(self._store_id, blob.content_hash)
        return StoredContent(blob.content_hash, path, encode_metadata(full))


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or DEFAULT_MIME_TYPE
