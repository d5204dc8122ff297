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
from tests.model.tables import Event, Ledger, Pair, Tables

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


@dataclass
class Request:
    """A request that runs, or one that was told to stop and has not ended."""

    job: Job
    told_to_stop: bool = False
    is_refused: bool = False  # a delete that found, at its last look, that something needs the object


@dataclass
class Client:
    """One browser profile: durable state, and the engine of the tab that leads."""

    name: str
    downloads: Downloads = EAGER
    base: Tables = field(default_factory=Tables)
    applied: int = 0
    synced_at: int = 0  # until when it has heard all that is in the log, by the wall clock
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
    tables: Tables = field(default_factory=Tables)
    kept: dict[str, FileRecord] = field(default_factory=dict)  # see `Tables.kept`, at `synced_at`
    ledger: Ledger = field(default_factory=Ledger)
    shown: set[str] = field(default_factory=set)  # the files and versions that the engine knows as live
    sent: set[str] = field(default_factory=set)  # the keys of uploads that have done their work
    ending: set[int] = field(default_factory=set)  # the serials of jobs whose ends are being told
    failures: Counter[str] = field(default_factory=Counter)  # by file id, since the client was started

    @property
    def records(self) -> dict[str, FileRecord]:
        """The files, live ones and others."""
        return self.tables.records

    def rebuild(self) -> None:
        """Derive the tables from what is confirmed and what is pending; guards are evaluated anew."""
        tables = self.base.copy()
        for event in self.pending:
            tables.apply(event)
        before, self.tables = self.tables, tables
        for file_id in tables.histories.keys() | before.histories.keys():
            if tables.histories.get(file_id) != before.histories.get(file_id):
                self.dirty.add(file_id)
        self.judge()
        for file_id, record in tables.records.items():
            if record.is_uploaded or not record.is_live:  # deleted, it may come back by somebody else's edit
                self.replaced.pop(file_id, None)

    def judge(self) -> None:
        """Look what the policy lets go and what it keeps."""
        before, self.kept = self.kept, self.tables.kept(self.synced_at)
        self.dirty |= before.keys() ^ self.kept.keys()

    def user(self, some_id: str) -> FileRecord | None:
        """The record of a live file, or of what is kept, by its id."""
        record = self.kept.get(some_id) or self.records.get(some_id)
        return record if record is not None and record.is_live else None

    def users(self) -> list[FileRecord]:
        """All that has content: live files, and what is kept."""
        return [record for record in self.records.values() if record.is_live] + list(self.kept.values())


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
        self.confirmed = Tables()  # what all of the log says
        self.ledger = Ledger()
        self.unseen: set[Pair] = set()  # see `note_unseen`
        self.lapsed: set[Pair] = set()  # what nobody has to keep since somebody rightly let it go
        self.now = 0.0
        self.ids = itertools.count()
        self.saved: set[str] = set()

    def commit(self, client: Client, *events: Event) -> None:
        for event in events:
            history = client.tables.histories.get(event.record.id)
            seen = frozenset(v.content_hash for v in history.versions) if history is not None else frozenset()
            client.pending.append(replace(event, client=client.name, seen=seen))
        client.rebuild()

    def note_unseen(self, tables: Tables, event: Event) -> None:
        """An event is about to enter the log: note what it takes away and its author had not seen, and what
        it gives a file of whose deletion its author did not know."""
        old, new = tables.records.get(event.record.id), event.record
        if old is None or event.only_if is not None:
            return
        if event.kind == "resolved":
            self.unseen.discard((old.id, event.content_hash))
        is_edit = event.kind == "updated" and new.content_hash != old.content_hash
        if is_edit and not old.is_live:
            self.unseen.add((new.id, new.content_hash))
        elif (is_edit or event.kind == "deleted") and old.is_live and old.content_hash not in event.seen:
            self.unseen.add((old.id, old.content_hash))

    def queue_remote_delete(self, client: Client, old: FileRecord) -> None:
        key = remote_key(old.path)
        client.outbox[key, old.id] = RemoteDelete(key, old.content_hash, old.id, self.wall_clock)

    def pick(self, client: Client, n: int) -> FileRecord | None:
        live = [record for record in client.records.values() if record.is_live]
        return live[n % len(live)] if live else None

    @property
    def wall_clock(self) -> int:
        """Milliseconds."""
        return int(self.now * 1000)

    def users_of(self, client: Client, content_hash: str) -> list[FileRecord]:
        """The live files of a content, and what is kept of it, as a client knows them."""
        return [record for record in client.users() if record.content_hash == content_hash]

    def does_without(self, client: Client, record: FileRecord) -> bool:
        """Whether a client neither has nor wants an own copy of a file."""
        is_here = record.content_hash in client.blobs
        is_elsewhere = record.is_uploaded or record.id in client.kept
        return self.may_do_without(client, record.id) and is_elsewhere and not is_here

    def may_do_without(self, client: Client, file_id: str) -> bool:
        """Whether a file may stay elsewhere: it was evicted, or need not come by itself."""
        is_limited = client.downloads != EAGER or file_id in client.kept
        return file_id in client.evicted or (is_limited and file_id not in client.asked_for)

    def must_do_without(self, client: Client, file_id: str) -> bool:
        """Whether a file must not be downloaded: it was evicted, or nobody has asked for it where none comes
        by itself."""
        never_comes = client.downloads.on_demand or file_id in client.kept
        return file_id in client.evicted or (never_comes and file_id not in client.asked_for)

    def take_request(self, client: Client, n: int) -> Request | None:
        serials = sorted(client.requests)
        return client.requests.pop(serials[n % len(serials)]) if serials else None

    def use_of(self, client: Client, content_hash: str) -> str:
        """What a client needs its bytes of a content for; empty when they are garbage."""
        for record in client.users():
            row = client.rows.get(record.id)
            local = row.local_hash if row is not None else ""
            if content_hash in (record.content_hash, local):
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

    def is_used(self, client: Client, entry: RemoteDelete) -> bool:
        """Whether a live file has the content of an outbox entry, or something that is kept."""
        return any(record.content_hash == entry.content_hash for record in client.users())
