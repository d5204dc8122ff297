"""What the file sync reads of versions and trash, as of now: by the store's policy and the wall clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from filesync_web.core import histories
from filesync_web.core.foreign import accepted
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import (
    DAY,
    Conflict,
    History,
    StoredVersion,
    VersionPolicy,
    file_and_content,
    kept_until,
    version_id,
)
from filesync_web.files.schema import FileTables
from filesync_web.files.value_lists import parts_of
from filesync_web.livestore.store import Store
from filesync_web.livestore.tables import Op, Select
from filesync_web.ports import Clock

_NEVER = 0.0

_USERS = """
    SELECT DISTINCT v."fileId" FROM "fileVersions" v JOIN "files" f ON f."id" = v."fileId"
    WHERE v."contentHash" = ? AND (f."deletedAt" IS NOT NULL OR f."contentHash" != v."contentHash")
"""
_TRASHED = """
    SELECT "id" FROM "files" WHERE "deletedAt" IS NOT NULL AND max("deletedAt", "updatedAt") > ?
    ORDER BY "deletedAt" DESC, "id"
"""
_MAY_BE_HERE = """
    SELECT v."fileId" || '@' || v."contentHash"
    FROM "fileVersions" v JOIN "files" f ON f."id" = v."fileId"
    LEFT JOIN "localFileState" s ON s."fileId" = v."fileId"
    WHERE v."fileId" IN ({}) AND v."contentHash" NOT IN ('', f."contentHash") AND (
        v."contentHash" = s."localHash"
        OR EXISTS (SELECT 1 FROM "blobUse" WHERE "contentHash" = v."contentHash")
        OR EXISTS (SELECT 1 FROM "remoteDeletes" WHERE "contentHash" = v."contentHash")
    )
"""
_OWN_OF_VERSIONS = """
    SELECT own."fileId" FROM "files" f
    JOIN "{table}" own ON own."fileId" > f."id" || '@' AND own."fileId" < f."id" || 'A'
    WHERE f."id" IN ({marks})
"""  # between these two are the ids of the file's versions
_OWN_TABLES = ("localFileState", "transferControl")


@dataclass(frozen=True, slots=True)
class KeptContent:
    """A content that a file has beside that of its live record: in the trash, or as a version.

    `record` has the id by which the content has its transfers: the trashed file's own, or a version's. While
    the content is kept it is a live one, else it is deleted. `until`: when its time is or was over, in
    milliseconds since the epoch; infinity for no end, 0 for what the policy does not keep at all.
    """

    record: FileRecord
    until: float


class VersionTables:
    """The tables of versions of one store."""

    def __init__(self, store: Store, tables: FileTables, clock: Clock) -> None:
        self._store = store
        self._tables = tables
        self._clock = clock
        self._judged_at = 0

    def now_ms(self) -> int:
        """The wall clock in milliseconds since the epoch."""
        return int(self._clock.time() * 1000)

    @property
    def is_up_to_date(self) -> bool:
        """Whether this client hears of what others do, as far as there are others."""
        status = self._store.sync_status
        return not self._store.has_backend or (status.connected and status.caught_up)

    @property
    def judged_at(self) -> int:
        """Until when this client has heard of everything, in milliseconds since the epoch.

        By that time it judges what the policy has let go, not by the wall clock: while it hears nothing,
        somebody may bring back in time what seems to have ended here, and count on its bytes.
        """
        if self.is_up_to_date:
            self._judged_at = self.now_ms()
        return self._judged_at

    @property
    def policy(self) -> VersionPolicy:
        """The policy of the store."""
        return next(iter(self._store.query(self._tables.version_policy)), VersionPolicy())

    # --- histories

    def histories(self, records: Iterable[FileRecord]) -> list[History]:
        """The histories of these files, of which these are the records."""
        by_id = {record.id: record for record in records}
        versions: dict[str, list[StoredVersion]] = {file_id: [] for file_id in by_id}
        for part in parts_of(list(by_id)):
            query = self._tables.file_versions.where(file_id=part).order_by("file_id", "number")
            for version in self._store.query(query):
                versions[version.file_id].append(version)
        return [
            History(record, tuple(versions[record.id])) if versions[record.id] else _short(record)
            for record in by_id.values()
        ]

    def kept(self, history: History) -> list[KeptContent]:
        """What a file has beside its live record: the trashed file, then each content as a version, the
        newest first; also what is kept no more. The record's own content is none as a version."""
        return self._judged(history, self.policy, self.judged_at)

    def _judged(self, history: History, policy: VersionPolicy, now: int) -> list[KeptContent]:
        record = history.record
        until = kept_until(history, policy)
        found = []
        if not record.is_live and record.is_usable:
            found.append(_kept(record, record.deleted_at or 0, until.get(record.content_hash, _NEVER), now))
        until.pop(record.content_hash, None)
        versions = {v.content_hash: v for v in history.versions if v.content_hash}
        for version in sorted(versions.values(), key=lambda version: -version.number):
            ended_at = version.ended_at if version.ended_at is not None else version.made_at
            end = until.get(version.content_hash, _NEVER)
            found.append(_kept(accepted(_record(version), self._store.store_id), ended_at, end, now))
        return found

    def kept_of(self, records: Iterable[FileRecord]) -> list[KeptContent]:
        """What is kept of these files, as far as this client has to do with it: the trashed ones, and those
        versions of which something may be here, or is asked for, or is in the outbox; these also where they
        are kept no more. So thousands of versions of others cost nothing."""
        by_id = {record.id: record for record in records}
        here = self._to_do_with(by_id)
        wanted = {file_and_content(some_id)[0] for some_id in here}
        wanted.update(record.id for record in by_id.values() if not record.is_live)
        of_files = self.histories(by_id[file_id] for file_id in sorted(wanted))
        policy, now = self.policy, self.judged_at
        return [
            content
            for history in of_files
            for content in self._judged(history, policy, now)
            if content.record.id in here or content.record.id in by_id
        ]

    def _to_do_with(self, file_ids: Collection[str]) -> set[str]:
        """The ids of those versions of which something may be here, is asked for, or is in the outbox."""
        found: set[str] = set()
        for part in parts_of(list(file_ids)):
            marks = ", ".join("?" * len(part))
            own = (_OWN_OF_VERSIONS.format(table=table, marks=marks) for table in _OWN_TABLES)
            for query in (_MAY_BE_HERE.format(marks), *own):
                found.update(some_id for (some_id,) in self._store.query(query, tuple(part)))
        return {some_id for some_id in found if file_and_content(some_id)[0] in file_ids}

    # --- by content, and by version

    def users(self, content_hash: str) -> list[str]:
        """The files that have the content beside that of a live record; whether it is kept is not asked."""
        return [file_id for (file_id,) in self._store.query(_USERS, (content_hash,))]

    def stored(self, some_id: str) -> FileRecord | None:
        """The record that the table makes of a version, by its id, whatever somebody has written there."""
        file_id, content_hash = file_and_content(some_id)
        query = self._tables.file_versions.where(file_id=file_id, content_hash=content_hash)
        newest = next(iter(self._store.query(query.order_by("-number").limit(1))), None)
        return None if newest is None else _record(newest)

    # --- lists

    def trashed(self) -> list[str]:
        """The deleted files whose time in the trash is not over, the last one first; some of them may be
        purged."""
        days = self.policy.trash_days
        oldest = -1.0 if days is None else self.now_ms() - days * DAY
        return [file_id for (file_id,) in self._store.query(_TRASHED, (oldest,))]

    @property
    def conflicts(self) -> Select[StoredVersion]:
        """A query: what is marked as a conflict, kept or not."""
        marked: Any = Op(">", Conflict.NONE.value)
        return self._tables.file_versions.where(conflict=marked).order_by("file_id", "number")


def _kept(record: FileRecord, ended_at: int, until: float, now: int) -> KeptContent:
    return KeptContent(replace(record, deleted_at=None if until > now else ended_at), until)


def _record(version: StoredVersion) -> FileRecord:
    return FileRecord(
        id=version_id(version.file_id, version.content_hash),
        path="",
        remote_key=version.remote_key,
        content_hash=version.content_hash,
        metadata_json=version.metadata_json,
        created_at=version.made_at,
        updated_at=version.made_at,
    )


def _short(record: FileRecord) -> History:
    """The history of a file that an app has written into the table by itself."""
    return histories.created(record, "")
