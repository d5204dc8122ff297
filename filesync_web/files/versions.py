"""What an app does with the versions of its files, and with conflicts. Works in every tab."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from functools import partial
from typing import Literal

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import DAY, Conflict, History, StoredVersion, VersionPolicy, file_and_content
from filesync_web.errors import InvalidArgumentError, VersionGoneError
from filesync_web.files.reader import Reader
from filesync_web.files.version_tables import KeptContent
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer
from filesync_web.livestore.fields import iso_from_ms
from filesync_web.ports import BlobHandle

Choice = Literal["take", "new_file", "drop"]
"""What becomes of a conflict: it is the file's content, or that of a new file, or neither."""

_LONGEST = 2**53 / DAY


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A content that a file has or had, and that can be had.

    Times are milliseconds since the epoch. `made_at`, `client_id`: when, and by which client
    (`Store.client_id`). `is_current`: it is the file's content; of a deleted file, what comes back with it.
    `conflict`: "" or what it is in conflict with: "edit", it was replaced by somebody who had not seen it;
    "deletion", the file was deleted by such a one; "revived", it brought back a file of whose deletion its
    author did not know. `kept_until`: infinity for no end. `is_here`: the bytes are on this device.
    """

    file_id: str
    content_hash: str
    made_at: int
    client_id: str
    size_bytes: int | None
    name: str | None
    mime_type: str | None
    is_current: bool
    conflict: str
    kept_until: float
    is_here: bool


class Versions:
    """The versions of one store's files."""

    def __init__(self, workspace: Workspace, reader: Reader, writer: Writer) -> None:
        self._workspace = workspace
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._reader = reader
        self._writer = writer

    # --- how long they are kept

    async def set_policy(self, policy: VersionPolicy) -> None:
        """Keep what is replaced or deleted for so long, on all clients."""
        _check_policy(policy)
        await self._workspace.store.commit(self._workspace.events.policy_set(policy))

    # --- what there is

    async def of_file(self, file_id: str) -> list[FileVersion]:
        """The contents that can be had, the newest first: that of the file itself, then those before it."""
        history = self._tables.history(file_id)
        found = await self._shown([history])
        if not found:
            raise self._gone(history, history.record.content_hash)
        return found

    async def conflicts(self) -> list[FileVersion]:
        """The open conflicts of all files."""
        marked = self._workspace.store.query(self._tables.versions.conflicts)
        histories = self._tables.histories(sorted({version.file_id for version in marked}))
        return [version for version in await self._shown(histories) if version.conflict]

    async def read(self, file_id: str, content_hash: str, *, wait: bool) -> BlobHandle:
        """The bytes of a version, once they are here."""
        return await self._reader.read_found(partial(self.content, file_id, content_hash), wait=wait)

    # --- what is done with them

    async def restore(self, file_id: str, content_hash: str) -> None:
        """Give the file that content again; a deleted file comes back."""
        kept = self.content(file_id, content_hash)
        await self._writer.take_content(file_id, kept)

    async def resolve(self, file_id: str, content_hash: str, choice: Choice) -> str | None:
        """Settle a conflict; returns the id of the file that has the content then, None where none has."""
        if choice not in {"take", "new_file", "drop"}:
            raise InvalidArgumentError(f"a choice is 'take', 'new_file' or 'drop', not {choice!r:.100}")
        kept = self.content(file_id, content_hash)
        history = self._tables.history(file_id)
        version = _newest(history).get(content_hash)
        if version is None or version.conflict is Conflict.NONE:
            raise InvalidArgumentError(
                f"the content {content_hash} of file {file_id} is no open conflict: see list_conflicts()"
            )
        resolved = self._workspace.events.resolved(file_id, content_hash)
        if choice == "take":
            await self._writer.take_content(file_id, kept, resolved)
            return file_id
        new_id = await self._writer.copy_content(kept) if choice == "new_file" else None
        await self._workspace.store.commit(resolved)
        is_back = version.conflict is Conflict.REVIVED and history.record.is_live
        if is_back and history.record.content_hash == content_hash:
            await self._writer.delete(file_id, content_hash, None)  # so the deletion stands
        return new_id

    # --- one of them

    def content(self, file_id: str, content_hash: str) -> FileRecord:
        """The record under whose id that content has its transfers now: that of the live file, or of what is
        kept beside it."""
        if not isinstance(content_hash, str) or not is_content_hash(content_hash):
            raise InvalidArgumentError(
                f"a content hash is a SHA-256 in lower-case hex, not {content_hash!r:.100}"
            )
        history = self._tables.history(file_id)
        if history.record.is_live and history.record.content_hash == content_hash:
            return history.record
        kept = self._kept(history).get(content_hash)
        if kept is None:
            raise self._gone(history, content_hash)
        return kept.record

    def _kept(self, history: History) -> dict[str, KeptContent]:
        kept = self._tables.versions.kept(history)
        return {content.record.content_hash: content for content in kept if content.record.is_live}

    def _gone(self, history: History, content_hash: str) -> Exception:
        """The error for a content that cannot be had, which says why."""
        file_id = history.record.id
        if content_hash not in _newest(history):
            return InvalidArgumentError(
                f"file {file_id} never had the content {content_hash!r:.100}: see list_versions()"
            )
        times = {
            content.until
            for content in self._tables.versions.kept(history)
            if content.record.content_hash == content_hash and content.until
        }
        replaced = "when newer ones took its place, or by a purge"
        ended = f"on {iso_from_ms(int(max(times)))}" if times else replaced
        return VersionGoneError(
            f"the content {content_hash} of file {file_id} is not kept any more: its time ended {ended}. "
            "What can be had is in list_versions() and list_deleted(); set_version_policy() says for how "
            "long that is, from then on"
        )

    # --- as the app is shown them

    async def _shown(self, histories: Iterable[History]) -> list[FileVersion]:
        found = [
            (version, record, until)
            for history in histories
            for version, record, until in self._available(history)
        ]
        sizes = await asyncio.gather(*(self._blobs.size(version.content_hash) for version, _, _ in found))
        return [_shown(*one, size) for one, size in zip(found, sizes, strict=True)]

    def _available(self, history: History) -> list[tuple[StoredVersion, FileRecord, float]]:
        """The contents that can be had, the newest first, with a record of each and the end of its time."""
        available = {
            content_hash: (content.record, content.until)
            for content_hash, content in self._kept(history).items()
        }
        if history.record.is_live and history.record.is_usable:
            available[history.record.content_hash] = (history.record, math.inf)
        newest = sorted(_newest(history).values(), key=lambda version: -version.number)
        return [(v, *available[v.content_hash]) for v in newest if v.content_hash in available]


def _newest(history: History) -> dict[str, StoredVersion]:
    """Each content of a file as it had it last."""
    return {version.content_hash: version for version in history.versions if version.content_hash}


def _shown(version: StoredVersion, record: FileRecord, until: float, size: int | None) -> FileVersion:
    metadata = parse_metadata(record.metadata_json)
    return FileVersion(
        file_id=version.file_id,
        content_hash=version.content_hash,
        made_at=version.made_at,
        client_id=version.client_id,
        size_bytes=size if size is not None else metadata.size_bytes,
        name=metadata.name,
        mime_type=metadata.mime_type,
        is_current=not file_and_content(record.id)[1],
        conflict=version.conflict.value,
        kept_until=until,
        is_here=size is not None,
    )


def _check_policy(policy: VersionPolicy) -> None:
    if not isinstance(policy, VersionPolicy) or not isinstance(policy.edit_revives, bool):
        raise InvalidArgumentError(f"a policy is a VersionPolicy, not {policy!r:.100}")
    last = policy.keep_last
    if last is not None and (not isinstance(last, int) or isinstance(last, bool) or not 0 <= last < 2**53):
        raise InvalidArgumentError(f"keep_last is a number of versions, or None, not {last!r:.100}")
    for name, days in (("keep_days", policy.keep_days), ("trash_days", policy.trash_days)):
        if days is not None and (not isinstance(days, int | float) or not 0 <= days <= _LONGEST):
            raise InvalidArgumentError(f"{name} is a number of days, or None, not {days!r:.100}")
