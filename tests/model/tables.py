"""The synced tables of the small world, and the events that make them: the files with their histories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from filesync_web.core import histories
from filesync_web.core.paths import file_path
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import (
    DAY,
    Conflict,
    History,
    VersionPolicy,
    file_and_content,
    kept_until,
    version_id,
)

NOTHING_KEPT = VersionPolicy(keep_last=0, keep_days=0, trash_days=0)
POLICIES = [
    NOTHING_KEPT,
    VersionPolicy(keep_last=2, keep_days=60_000 / DAY, trash_days=40_000 / DAY),
    VersionPolicy(keep_last=None, keep_days=None, trash_days=None),
    VersionPolicy(keep_last=1, keep_days=None, trash_days=20_000 / DAY, edit_revives=False),
    VersionPolicy(keep_last=None, keep_days=30_000 / DAY, trash_days=None),
]
"""What a store may keep: most of it for some tens of seconds."""


Pair = tuple[str, str]
"""A file and a content of it."""
NO_FILE = FileRecord("", "", "", "", None, 0, 0)
"""What an event is about that is about the store."""


@dataclass(frozen=True)
class Event:
    """A synced event: `kind` is created, updated, deleted, based, stored, restored, purged, resolved or
    policy.

    `record` is the file's (of most kinds, only its id counts), `content_hash` and `value` what an event about
    a content tells: its base or its remote key. `only_if` is the content and the key that a guarded one
    expects. `has_bytes`: its author has the bytes of the content that it gives the file. `seen`: the contents
    of the file that its author knew.
    """

    kind: str
    record: FileRecord
    only_if: tuple[str, str] | None = None
    client: str = ""
    content_hash: str = ""
    value: str = ""
    policy: VersionPolicy = NOTHING_KEPT
    has_bytes: bool = True
    seen: frozenset[str] = frozenset()


@dataclass
class Tables:
    """The files by id, and the policy."""

    histories: dict[str, History] = field(default_factory=dict)
    records: dict[str, FileRecord] = field(default_factory=dict)
    policy: VersionPolicy = NOTHING_KEPT

    def copy(self) -> Tables:
        """The same tables; changing them leaves these as they are."""
        return Tables(dict(self.histories), dict(self.records), self.policy)

    def apply(self, event: Event, *, is_confirmed: bool = False) -> bool:
        """The materializers, with the guard of events that are not confirmed yet. Returns whether it held."""
        if event.kind == "policy":
            self.policy = event.policy
            return True
        file_id = file_and_content(event.record.id)[0]
        old = self.histories.get(file_id)
        if not (is_confirmed or self._holds(event)):
            return False
        new = _created(event) if old is None else self._changed(old, event)
        if new is not None:
            self.histories[file_id] = new
            self.records[file_id] = new.record
        return True

    def _holds(self, event: Event) -> bool:
        if event.only_if is None:
            return True
        record = self.version(event.record.id) or self.records.get(event.record.id)
        return record is not None and (record.content_hash, record.remote_key) == event.only_if

    def _changed(self, old: History, event: Event) -> History:
        new = event.record
        match event.kind:
            case "updated":
                record = replace(new, created_at=old.record.created_at, deleted_at=old.record.deleted_at)
                return histories.edited(old, record, event.client)
            case "deleted":
                return histories.deleted(old, new.deleted_at or 0)
            case "based":
                return histories.based(old, event.content_hash, event.value, event.client, self.policy)
            case "stored":
                return histories.stored(old, event.content_hash, event.value)
            case "restored":
                return histories.restored(old)
            case "purged":
                return histories.purged(old)
            case "resolved":
                return histories.resolved(old, event.content_hash)
            case _:
                return old

    def version(self, some_id: str) -> FileRecord | None:
        """The record that is made of a version, by its id; None for the id of a file."""
        file_id, content_hash = file_and_content(some_id)
        history = self.histories.get(file_id)
        found = [v for v in history.versions if v.content_hash == content_hash] if history is not None else []
        if not found:
            return None
        last = found[-1]
        times = (last.metadata_json, last.made_at, last.made_at)
        return FileRecord(some_id, file_path("s", content_hash), last.remote_key, content_hash, *times)

    def until(self) -> dict[str, float]:
        """Until when what is kept is kept, by the ids that trashed files and versions have in the engine."""
        found: dict[str, float] = {}
        for file_id, history in self.histories.items():
            for content_hash, until in kept_until(history, self.policy).items():
                is_trash = content_hash == history.record.content_hash
                found[file_id if is_trash else version_id(file_id, content_hash)] = until
        return found

    def kept(self, now: float) -> dict[str, FileRecord]:
        """What is kept at that time, by these ids, as live records."""
        ids = [some_id for some_id, until in self.until().items() if until > now]
        records = {some_id: self.version(some_id) or self.records[some_id] for some_id in ids}
        return {some_id: replace(record, deleted_at=None) for some_id, record in records.items()}

    def promised(self, now: float) -> set[Pair]:
        """The contents of live files, and those that are kept, each with its file."""
        live = {(record.id, record.content_hash) for record in self.records.values() if record.is_live}
        kept = {(file_and_content(i)[0], record.content_hash) for i, record in self.kept(now).items()}
        return live | kept

    def marked(self) -> set[Pair]:
        """The conflicts that nobody has resolved."""
        versions = [v for history in self.histories.values() for v in history.versions]
        return {(v.file_id, v.content_hash) for v in versions if v.conflict is not Conflict.NONE}

    def known(self) -> set[Pair]:
        """The contents that files have or had, each with its file."""
        return {(file_id, v.content_hash) for file_id, h in self.histories.items() for v in h.versions}


def _created(event: Event) -> History | None:
    return histories.created(event.record, event.client) if event.kind == "created" else None


@dataclass
class Ledger:
    """What tables have let go of so far, as far as nobody gave it to the file again."""

    gone: set[Pair] = field(default_factory=set)

    def lapsed(self, tables: Tables, now: float) -> set[Pair]:
        """What they have let go of since the last time."""
        before, self.gone = self.gone, tables.known() - tables.promised(now)
        return self.gone - before
