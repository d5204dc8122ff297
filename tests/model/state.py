"""The state of the small world: what clients and servers keep, and how events become records."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.metadata import FileMetadata, encode_metadata
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control, FileRecord, LocalFileState, RemoteDelete
from filesync_web.core.sizes import LARGE, SMALL
from filesync_web.engine.demand import Downloads
from filesync_web.engine.effects import Job
from filesync_web.engine.engine import Engine, Limits

CONTENTS = [f"{n:064x}" for n in range(5)]
SIZES = [1000, SMALL + 1, None, LARGE + 1, 0]
"""By content, in bytes; None is one that its record does not tell."""
LIMITS = Limits(uploads=None, downloads=2, deletes=1)
EAGER = Downloads()
DOWNLOADS = [EAGER, Downloads(on_demand=True), Downloads(keep_bytes=LARGE + 1)]
"""What a user may choose: which files come to the device by themselves."""
RETRY = RetryPolicy(base=1.0, cap=8.0, max_attempts=3, rest=20.0)
Step = tuple[str, int, int, int]


def size_of(content_hash: str) -> int | None:
    """The size of a content, as its records tell it."""
    return SIZES[CONTENTS.index(content_hash)]


def metadata_of(content_hash: str) -> str:
    """The metadata of a file of that content."""
    return encode_metadata(FileMetadata(size_bytes=size_of(content_hash)))


def content_hash_of(key: str) -> str:
    """The content that an object of that key has."""
    return key.rpartition("/")[2]


class Crash(Exception):
    """The client died between two effects."""


@dataclass(frozen=True)
class Event:
    """A synced event: `kind` is created, updated or deleted. `only_if` is the content that a guarded one
    expects."""

    kind: str
    record: FileRecord
    only_if: tuple[str, str] | None = None


def apply_event(records: dict[str, FileRecord], event: Event) -> None:
    """The materializer, with the guard of events that are not confirmed yet."""
    new, old = event.record, records.get(event.record.id)
    if event.only_if is not None and (
        old is None or not old.is_live or (old.content_hash, old.remote_key) != event.only_if
    ):
        return
    if event.kind == "created":
        records[new.id] = new
    elif old is not None and event.kind == "updated":
        records[new.id] = replace(
            old,
            path=new.path,
            remote_key=new.remote_key,
            content_hash=new.content_hash,
            metadata_json=new.metadata_json,
            updated_at=new.updated_at,
        )
    elif old is not None:
        records[new.id] = replace(old, deleted_at=new.deleted_at)


@dataclass
class Request:
    """A request that runs, or one that was told to stop and has not ended."""

    job: Job
    told_to_stop: bool = False


@dataclass
class Client:
    """One browser profile: durable state, and the engine of the tab that leads."""

    name: str
    downloads: Downloads = EAGER
    base: dict[str, FileRecord] = field(default_factory=dict)
    applied: int = 0
    pending: list[Event] = field(default_factory=list)
    rows: dict[str, LocalFileState] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    asked_for: set[str] = field(default_factory=set)
    evicted: set[str] = field(default_factory=set)
    outbox: dict[tuple[str, str], RemoteDelete] = field(default_factory=dict)  # by remote key and file
    replaced: dict[str, str] = field(
        default_factory=dict
    )  # by file, the last uploaded content that an edit replaced, until the file is known as uploaded again
    blobs: set[str] = field(default_factory=set)
    engine: Engine | None = None
    online: bool = True
    requests: dict[int, Request] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    crash_after: int | None = None
    records: dict[str, FileRecord] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)  # the keys of uploads that have done their work
    ending: set[int] = field(default_factory=set)  # the serials of jobs whose ends are being told
    failures: Counter[str] = field(default_factory=Counter)  # by file id, since the client was started

    def rebuild(self) -> None:
        """Derive the records from what is confirmed and what is pending; guards are evaluated anew."""
        records = dict(self.base)
        for event in self.pending:
            apply_event(records, event)
        for file_id in records.keys() | self.records.keys():
            if records.get(file_id) != self.records.get(file_id):
                self.dirty.add(file_id)
        self.records = records
        for file_id in [i for i in self.replaced if i in records and records[i].is_uploaded]:
            del self.replaced[file_id]


def new_engine(client: Client) -> Engine:
    """The engine of a tab that takes the lead."""
    stored = {content: size_of(content) or 0 for content in client.blobs}
    return Engine(limits=LIMITS, retry=RETRY, downloads=client.downloads, stored=stored)


class State:
    """Clients, an object store, an event log, time. `make_engine` lets a test seed faults into the engine."""

    def __init__(self, clients: int = 2, make_engine: Callable[[Client], Engine] | None = None) -> None:
        self.clients = [Client(f"c{n}") for n in range(clients)]
        self.make_engine = make_engine or new_engine
        self.remote: set[str] = set()
        self.damaged: set[str] = set()  # the keys of objects that have other bytes than they should
        self.log: list[Event] = []
        self.now = 0.0
        self.ids = itertools.count()
        self.saved: set[str] = set()

    def commit(self, client: Client, event: Event) -> None:
        client.pending.append(event)
        client.rebuild()

    def queue_remote_delete(self, client: Client, old: FileRecord) -> None:
        key = remote_key(old.path)
        client.outbox[key, old.id] = RemoteDelete(key, old.content_hash, old.id, int(self.now))

    def pick(self, client: Client, n: int) -> FileRecord | None:
        live = [record for record in client.records.values() if record.is_live]
        return live[n % len(live)] if live else None

    def files_of(self, client: Client, content_hash: str) -> list[FileRecord]:
        """The live files of a content, as a client knows them."""
        return [r for r in client.records.values() if r.is_live and r.content_hash == content_hash]

    def does_without(self, client: Client, record: FileRecord) -> bool:
        """Whether a client neither has nor wants an own copy of a file."""
        is_here = record.content_hash in client.blobs
        return self.may_do_without(client, record.id) and record.is_uploaded and not is_here

    def may_do_without(self, client: Client, file_id: str) -> bool:
        """Whether a file may stay elsewhere: it was evicted, or need not come by itself."""
        is_limited = client.downloads != EAGER
        return file_id in client.evicted or (is_limited and file_id not in client.asked_for)

    def must_do_without(self, client: Client, file_id: str) -> bool:
        """Whether a file must not be downloaded: it was evicted, or nobody has asked for it where none comes
        by itself."""
        return file_id in client.evicted or (client.downloads.on_demand and file_id not in client.asked_for)

    def take_request(self, client: Client, n: int) -> Request | None:
        serials = sorted(client.requests)
        return client.requests.pop(serials[n % len(serials)]) if serials else None

    def use_of(self, client: Client, content_hash: str) -> str:
        """What a client needs its bytes of a content for; empty when they are garbage."""
        for record in client.records.values():
            row = client.rows.get(record.id)
            local = row.local_hash if row is not None else ""
            if record.is_live and content_hash in (record.content_hash, local):
                return f"{record}"
        return "an edit that is not up" if self.is_old(client, content_hash) else ""

    def is_old(self, client: Client, content_hash: str) -> bool:
        """Whether it is the old content of an edit whose new content is not uploaded."""
        causes = [
            client.records.get(e.file_id) for e in client.outbox.values() if e.content_hash == content_hash
        ]
        return any(cause is not None and cause.is_live and not cause.is_uploaded for cause in causes)

    def edits_of(self, client: Client, content_hash: str) -> list[FileRecord]:
        """The files that had that content uploaded until an edit here, and whose new content is not
        uploaded."""
        edited = [client.records[i] for i, content in client.replaced.items() if content == content_hash]
        return [record for record in edited if record.is_live and not record.is_uploaded]

    def is_live(self, client: Client, entry: RemoteDelete) -> bool:
        """Whether a live file has the content of an outbox entry."""
        return any(r.is_live and r.content_hash == entry.content_hash for r in client.records.values())
