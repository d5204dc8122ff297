"""The tables, events and materializers of versions, trash and conflicts.

Both tables are synced, and each client computes them for itself from the log, by the rules of
`core.histories`:

    fileVersions    each content that a file has or had
    versionPolicy   how long the store keeps what was replaced or deleted; without a row, as by default

LiveStore apps know neither these tables nor these events, and pass over them. A file that is saved every few
seconds has thousands of contents; so an event reads only those of them that its rule looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from filesync_web.core import histories
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import FileRecord
from filesync_web.core.text import clean_text
from filesync_web.core.versions import DAY, Conflict, History, StoredVersion, VersionPolicy
from filesync_web.livestore.fields import boolean, integer, text, timestamp
from filesync_web.livestore.schema import Args, Context, EventDef, Materializer, event
from filesync_web.livestore.tables import Select, Statement, Table, index, table

R = TypeVar("R")

_THE_POLICY = 1
"""The key of the one row."""


def file_versions_table() -> Table[StoredVersion]:
    """The contents of the files; the columns are the fields of `StoredVersion`."""
    return table(
        "fileVersions",
        {
            "file_id": text(primary_key=True),
            "number": integer(primary_key=True),
            "content_hash": text(),
            "made_at": timestamp(),
            "client_id": text(),
            "remote_key": text(default=""),
            "metadata_json": text(nullable=True),
            "ended_at": timestamp(nullable=True),
            "conflict": text(default=""),
            "is_purged": boolean(default=False),
        },
        record=_version,
        indexes=[
            index("fileVersionsByContentHash", "content_hash"),
            index("fileVersionsByConflict", "conflict"),  # there are few, and every tab watches them
        ],
    )


def version_policy_table() -> Table[VersionPolicy]:
    """The policy of the store."""
    return table(
        "versionPolicy",
        {
            "id": integer(primary_key=True),
            "keep_last": integer(nullable=True),
            "keep_ms": integer(nullable=True),
            "trash_ms": integer(nullable=True),
            "edit_revives": boolean(),
        },
        record=_policy,
    )


def version_events() -> dict[str, EventDef]:
    """The events that livestore-filesync has not."""
    of_content = {"id": text(), "content_hash": text()}
    limit = integer(nullable=True)
    return {
        "file_version_base": event("v1.FileVersionBase", {**of_content, "base_hash": text()}),
        "file_version_stored": event("v1.FileVersionStored", {**of_content, "remote_key": text()}),
        "file_version_resolved": event("v1.FileVersionResolved", of_content),
        "file_version_policy_set": event(
            "v1.FileVersionPolicySet",
            {"keep_last": limit, "keep_ms": limit, "trash_ms": limit, "edit_revives": boolean()},
        ),
        "file_restored": event("v1.FileRestored", {"id": text()}),
        "file_purged": event("v1.FilePurged", {"id": text()}),
    }


class HistoryMaterializers:
    """What the events of files do to their histories. No event of anybody makes one of them fail."""

    def __init__(self, tables: Mapping[str, Table[Any]]) -> None:
        self._files: Table[FileRecord] = tables["files"]
        self._versions: Table[StoredVersion] = tables["file_versions"]
        self._policies: Table[VersionPolicy] = tables["version_policy"]

    def by_event(self) -> dict[str, Materializer]:
        """The materializers of the events that are `version_events`."""
        return {
            "v1.FileVersionBase": self._based,
            "v1.FileVersionStored": self._stored,
            "v1.FileVersionResolved": self._resolved,
            "v1.FileVersionPolicySet": self._policy_set,
            "v1.FileRestored": self._restored,
            "v1.FilePurged": self._purged,
        }

    def created(self, args: Args, context: Context) -> Statement:
        """The first content of a new file. Of an id that some file has it changes nothing: that one has a
        first content."""
        content_hash = usable(args.content_hash)
        record = FileRecord(args.id, args.path, "", content_hash, None, args.created_at, args.updated_at)
        (first,) = histories.created(record, _client(context)).versions
        return self._versions.insert(on_conflict="ignore", **_columns(first))

    def edited(self, args: Args, context: Context) -> list[Statement]:
        """A known file gets new content."""
        before = self._history(args.id, context, _newest)
        if before is None:
            return []
        told = {name: value for name, value in args.items() if name != "id"}
        record = replace(before.record, **{**told, "content_hash": usable(args.content_hash)})
        return self._changes(before, histories.edited(before, record, _client(context)))

    def _based(self, args: Args, context: Context) -> list[Statement]:
        client_id = _client(context)

        def looked_at(versions: Select[StoredVersion]) -> Select[StoredVersion]:
            made = versions.where(content_hash=args.content_hash)
            newest = _found(context, _newest(made if args.content_hash else versions))
            return versions.where(number=[v.number - before for v in newest for before in (0, 1)])

        before = self._history(args.id, context, looked_at)
        if before is None:
            return []
        policy = next(iter(_found(context, self._policies.all())), VersionPolicy())
        after = histories.based(before, args.content_hash, args.base_hash, client_id, policy)
        return self._changes(before, after)

    def _stored(self, args: Args, context: Context) -> list[Statement]:
        def stored(history: History) -> History:
            return histories.stored(history, args.content_hash, args.remote_key)

        return self._of_content(args, context, stored)

    def _resolved(self, args: Args, context: Context) -> list[Statement]:
        def resolved(history: History) -> History:
            return histories.resolved(history, args.content_hash)

        return self._of_content(args, context, resolved)

    def _of_content(
        self, args: Args, context: Context, change: Callable[[History], History]
    ) -> list[Statement]:
        before = self._history(args.id, context, lambda all_: all_.where(content_hash=args.content_hash))
        return [] if before is None else self._changes(before, change(before))

    def _policy_set(self, args: Args, _context: Context) -> Statement:
        limits = {
            name: None if args[name] is None else max(0, args[name])
            for name in ("keep_last", "keep_ms", "trash_ms")
        }
        row = {"id": _THE_POLICY, **limits, "edit_revives": args.edit_revives}
        return self._policies.insert(on_conflict="replace", **row)

    def _restored(self, args: Args, context: Context) -> list[Statement]:
        before = self._history(args.id, context, _newest)
        return [] if before is None else self._changes(before, histories.restored(before))

    def _purged(self, args: Args, context: Context) -> list[Statement]:
        before = self._history(args.id, context, lambda all_: all_)
        return [] if before is None else self._changes(before, histories.purged(before))

    def _history(
        self,
        file_id: str,
        context: Context,
        part: Callable[[Select[StoredVersion]], Select[StoredVersion]],
    ) -> History | None:
        """A file with that part of its contents; None where it is unknown, or there is no such part."""
        records = _found(context, self._files.where(id=file_id))
        if not records:
            return None
        versions = _found(context, part(self._versions.where(file_id=file_id)))
        if not versions:
            return None
        record = replace(records[0], content_hash=usable(records[0].content_hash))
        return History(record, tuple(sorted(versions, key=lambda version: version.number)))

    def _changes(self, before: History, after: History) -> list[Statement]:
        known = set(before.versions)
        changes = [
            self._versions.insert(on_conflict="replace", **_columns(version))
            for version in after.versions
            if version not in known
        ]
        if after.record.deleted_at != before.record.deleted_at:
            file = self._files.where(id=after.record.id)
            changes.append(file.update(deleted_at=after.record.deleted_at))
        return changes


def usable(content_hash: str) -> str:
    """A content hash, or "" for what is none: all that names no content is one and the same."""
    return content_hash if is_content_hash(content_hash) else ""


def _version(*values: Any) -> StoredVersion:
    file_id, number, content_hash, made_at, client_id, key, metadata_json, ended_at, conflict, purged = values
    made = (file_id, number, content_hash, made_at, client_id)
    return StoredVersion(*made, key, metadata_json, ended_at, Conflict(conflict), purged)


def _policy(
    _id: int, keep_last: int | None, keep_ms: int | None, trash_ms: int | None, edit_revives: bool
) -> VersionPolicy:
    return VersionPolicy(keep_last, _days(keep_ms), _days(trash_ms), edit_revives)


def _days(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / DAY


def _newest(versions: Select[StoredVersion]) -> Select[StoredVersion]:
    return versions.order_by("-number").limit(1)


def _found(context: Context, query: Select[R]) -> list[R]:
    return [query.table.decode(row) for row in context.query(query.sql, query.params)]


def _client(context: Context) -> str:
    return clean_text(context.client_id)


def _columns(version: StoredVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in StoredVersion.__slots__}
