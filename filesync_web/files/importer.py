"""Takes content in, in two steps: `prepare` looks at a source and changes nothing, `store` keeps its bytes.

Preprocessors run while preparing, and may take their time: nobody waits for them. What is prepared can be
stored more than once, for example after room was made for it, and is still preprocessed only once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import check_mime_type, clean_mime_type, guess_mime_type
from filesync_web.core.metadata import FileMetadata, check_metadata, encode_metadata
from filesync_web.core.paths import file_path
from filesync_web.core.text import clean_text
from filesync_web.errors import BlobNotFoundError, InvalidArgumentError
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.orphans import Orphans
from filesync_web.files.preprocess import Preprocessors, preprocess
from filesync_web.files.save_groups import SaveGroups
from filesync_web.files.save_lock import SaveLock
from filesync_web.files.workspace import Workspace
from filesync_web.ports import BlobInfo, FinishedBytes, Source

logger = logging.getLogger(__name__)

R = TypeVar("R")


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

    def __init__(
        self,
        workspace: Workspace,
        preprocessors: Preprocessors,
        garbage: GarbageCollector,
        orphans: Orphans,
    ) -> None:
        self._workspace = workspace
        self._store_id = workspace.store.store_id
        self._blobs = workspace.platform.blobs
        self._preprocessors = preprocessors
        self._garbage = garbage
        self._orphans = orphans
        self._lock = SaveLock(workspace)
        self._groups = SaveGroups(workspace.platform.clock)

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
        said = check_metadata(FileMetadata() if metadata is None else metadata)
        mime_type = None if mime_type in (None, "") else check_mime_type(mime_type)
        info = self._blobs.describe(source)
        name = _checked_name(name) or info.name
        kind = mime_type or clean_mime_type(info.mime_type) or guess_mime_type(name)
        given = source.handle if isinstance(source, FinishedBytes) else source
        prepared = await preprocess(self._preprocessors, given, kind)
        if prepared.source is not given:
            source = prepared.source
            info = self._blobs.describe(source)
            kind = clean_mime_type(info.mime_type) or kind
            name = name or info.name
        known = FileMetadata(kind, custom={**custom, "name": name} if name else custom)
        known = said.merged_over(check_metadata(prepared.metadata).merged_over(known))
        encode_metadata(known)  # or there would be bytes already when it fails
        return PreparedContent(source, info.size, known.content_type, known)

    async def store(self, prepared: PreparedContent, commit: Callable[[StoredContent], Awaitable[R]]) -> R:
        """Store the bytes, and then `commit` what names them; returns its answer.

        When either fails the bytes go again, unless something else needs them. Raises the errors of
        `BlobStore.put` and of `commit`.
        """
        await self._take_stock()
        blob: BlobInfo | None = None
        try:
            async with AsyncExitStack() as until_committed:
                async with self._groups.storing():
                    await until_committed.enter_async_context(self._lock.saving())
                    blob = await self._blobs.put(prepared.source, mime_type=prepared.mime_type)
                await self._groups.turn()
                return await commit(self._described(blob, prepared.metadata))
        except BaseException:
            if blob is not None:
                self._garbage.discard(blob.content_hash)
            raise

    async def store_orphan(
        self, content_hash: str, name: str | None, commit: Callable[[StoredContent], Awaitable[R]]
    ) -> R:
        """The same with orphaned bytes that are here already; raises `BlobNotFoundError` for others, also for
        those that another call has just taken."""
        name = _checked_name(name)
        one_at_a_time = self._workspace.platform.locks.hold("orphans", exclusive=True)
        async with one_at_a_time, self._lock.saving():
            await self._workspace.store.refresh()
            self._orphans.check(content_hash)
            size = await self._blobs.size(content_hash)
            if size is None:
                raise BlobNotFoundError(f"the bytes of {content_hash} are gone from this device")
            metadata = self._orphans.metadata_of(content_hash, name)
            of_image = await self._blobs.image_size(content_hash, mime_type=metadata.content_type)
            return await commit(self._described(BlobInfo(content_hash, size, of_image), metadata))

    async def _take_stock(self) -> None:
        try:
            await self._orphans.take_stock()
        except Exception:  # it is about other bytes than those that are to be saved
            logger.exception("what is stored here could not be looked over")

    def _described(self, blob: BlobInfo, said: FileMetadata) -> StoredContent:
        """What is measured here (the size, and width and height of an image) goes before what was said."""
        width, height = blob.image_size or (None, None)
        measured = FileMetadata(size_bytes=blob.size, width=width, height=height)
        metadata_json = encode_metadata(measured.merged_over(said))
        return StoredContent(blob.content_hash, file_path(self._store_id, blob.content_hash), metadata_json)


def _checked_name(name: object) -> str:
    """The name that a caller gives, as it can be shown and synced: "" for none."""
    if name is not None and not isinstance(name, str):
        raise InvalidArgumentError(f"name is a text, not {name!r:.100}")
    return clean_text(name or "")
