"""A small world for the transfer engine: clients, one object store, one event log, crashes, and time.

Everything is deterministic: a *step* is an operation's name and a few integers, which pick among what is
possible at that moment. A *trace* is a list of steps; it replays the same on CPython and in Pyodide.
Durable state (log, rows, outbox, blobs) survives a crash of a client, its engine and its running
requests do not.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from filesync_web.core import effects as fx
from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.effects import Failure, FailureKind, Job, JobKind
from filesync_web.core.engine import Engine, Limits
from filesync_web.core.files import FileFact
from filesync_web.core.paths import content_hash_of, file_path, remote_key
from filesync_web.core.records import Control, FileRecord, LocalFileState, RemoteDelete, Status

CONTENTS = [f"{n:064x}" for n in range(5)]
LIMITS = Limits(uploads=2, downloads=2, deletes=1)
RETRY = RetryPolicy(base=1.0, cap=8.0, max_attempts=3)
Step = tuple[str, int, int, int]


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
    base: dict[str, FileRecord] = field(default_factory=dict)
    applied: int = 0
    pending: list[Event] = field(default_factory=list)
    rows: dict[str, LocalFileState] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    evicted: set[str] = field(default_factory=set)
    outbox: dict[str, RemoteDelete] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    engine: Engine | None = None
    online: bool = True
    requests: dict[int, Request] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    crash_after: int | None = None
    records: dict[str, FileRecord] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)  # the keys of uploads that have done their work
    refused: set[str] = field(default_factory=set)  # file ids and keys that failed for good, or too often
    failures: Counter[str] = field(default_factory=Counter)

    def rebuild(self) -> None:
        """Derive the records from what is confirmed and what is pending; guards are evaluated anew."""
        records = dict(self.base)
        for event in self.pending:
            apply_event(records, event)
        for file_id in records.keys() | self.records.keys():
            if records.get(file_id) != self.records.get(file_id):
                self.dirty.add(file_id)
        self.records = records


class World:
    """See the module. `make_engine` lets a test seed faults into the engine."""

    def __init__(self, clients: int = 2, make_engine: Callable[[], Engine] | None = None) -> None:
        self.clients = [Client(f"c{n}") for n in range(clients)]
        self.make_engine = make_engine or (lambda: Engine(limits=LIMITS, retry=RETRY))
        self.remote: set[str] = set()
        self.strays: set[str] = set()  # objects that a request of a dead client may have left
        self.log: list[Event] = []
        self.now = 0.0
        self.ids = itertools.count()
        self.saved: set[str] = set()
        for client in self.clients:
            self.start(client)

    # --- driving
    # ---------------------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """Take one step, and check what must hold after it."""
        name, who, a, b = step
        client = self.clients[who % len(self.clients)]
        self.surviving(client, lambda: getattr(self, "op_" + name)(client, a, b))
        self.surviving(client, lambda: self.deliver(client))
        self.check()

    def surviving(self, client: Client, action: Callable[[], None]) -> None:
        """Do something that the client may die of; it is then started anew."""
        try:
            action()
        except Crash:
            self.die(client)

    def replay(self, trace: Iterable[Step]) -> None:
        """Take all steps of a trace, then converge."""
        for step in trace:
            self.step(step)
        self.converge()

    # --- what users and the world do
    # --------------------------------------------------------------------------------

    def op_save(self, client: Client, a: int, b: int) -> None:
        content = CONTENTS[a % len(CONTENTS)]
        client.blobs.add(content)
        file_id = f"f{next(self.ids)}"
        record = FileRecord(file_id, file_path("s", content), "", content, None, int(self.now), int(self.now))
        self.saved.add(file_id)
        self.commit(client, Event("created", record))
        client.rows[file_id] = LocalFileState(file_id, record.path, content, Status.DONE, Status.QUEUED)
        client.dirty.add(file_id)

    def op_update(self, client: Client, a: int, b: int) -> None:
        old = self.pick(client, b)
        content = CONTENTS[a % len(CONTENTS)]
        if old is None or old.content_hash == content:
            return
        client.blobs.add(content)
        path = file_path("s", content)
        new = replace(old, path=path, content_hash=content, remote_key="", updated_at=int(self.now))
        self.commit(client, Event("updated", new))
        client.rows[old.id] = LocalFileState(old.id, path, content, Status.DONE, Status.QUEUED)
        client.controls.pop(old.id, None)
        client.evicted.discard(old.id)
        self.owe(client, old)
        client.dirty.add(old.id)

    def op_delete(self, client: Client, a: int, b: int) -> None:
        old = self.pick(client, a)
        if old is not None:
            self.commit(client, Event("deleted", replace(old, deleted_at=int(self.now))))
            self.owe(client, old)

    def op_control(self, client: Client, a: int, b: int) -> None:
        record = self.pick(client, a)
        if record is not None:
            client.controls[record.id] = list(Control)[b % 3]
            client.dirty.add(record.id)

    def op_evict(self, client: Client, a: int, b: int) -> None:
        """The user needs room: the bytes of a content go, those of all its files."""
        possible = [record for record in client.records.values() if self.may_evict(client, record)]
        if not possible:
            return
        record = possible[a % len(possible)]
        files = self.files_of(client, record.content_hash)
        for file in files:
            row = client.rows[file.id]
            client.evicted.add(file.id)
            client.rows[file.id] = replace(row, local_hash="", download_status=Status.PENDING)
            client.dirty.add(file.id)
        if b % 2:  # else the client dies before the bytes are gone, or the engine is faster
            self.check_unreferenced(client, record.content_hash)
            client.blobs.discard(record.content_hash)

    def may_evict(self, client: Client, record: FileRecord) -> bool:
        """What the kit looks at, and what it must rely on: that nobody who has not heard of the files of a
        content deletes its object."""
        key = remote_key(record.path)
        files = self.files_of(client, record.content_hash)
        done = (Status.DONE, Status.DONE)
        here = [file for file in files if not self.does_without(client, file)]
        rows = [row for file in here if (row := client.rows.get(file.id)) is not None]
        at_rest = [(row.upload_status, row.download_status) for row in rows] == [done] * len(here)
        ids = {file.id for file in files}
        announced = not any(event.record.id in ids for event in client.pending)
        older = self.is_old(client, record.content_hash) or any(
            row.local_hash == record.content_hash for row in client.rows.values() if row.file_id not in ids
        )
        heard = not any(
            event.record.id in ids for other in self.clients for event in self.log[other.applied :]
        )
        deleting = any(
            request.job.kind is JobKind.DELETE and request.job.remote_key == key
            for other in self.clients
            for request in other.requests.values()
        )
        uploaded = all(file.is_uploaded for file in files) and key in self.remote and bool(here)
        return uploaded and at_rest and announced and not older and heard and not deleting

    def op_demand(self, client: Client, a: int, b: int) -> None:
        """The user wants an evicted file again."""
        wanted = sorted(client.evicted)
        if wanted:
            file_id = wanted[a % len(wanted)]
            client.evicted.discard(file_id)
            client.dirty.add(file_id)

    def op_online(self, client: Client, a: int, b: int) -> None:
        client.online = a % 2 == 1
        if client.engine is not None:
            self.perform(client, client.engine.set_gate(client.online, self.now))

    def op_restart(self, client: Client, a: int, b: int) -> None:
        """The leading tab goes, in peace or not; another takes over."""
        self.die(client)

    def op_crash_soon(self, client: Client, a: int, b: int) -> None:
        client.crash_after = a % 6

    def op_sync(self, client: Client, a: int, b: int) -> None:
        """Push what is pending and pull what is new (the transport is atomic here; the store has its own
        model)."""
        for event in self.log[client.applied :]:
            apply_event(client.base, replace(event, only_if=None))
        records = dict(client.base)
        for event in client.pending:
            before = dict(records)
            apply_event(records, event)
            if records != before or event.only_if is None:
                self.log.append(event)
        client.base, client.pending = records, []
        client.applied = len(self.log)
        client.rebuild()

    def op_finish(self, client: Client, a: int, b: int) -> None:
        """A running request does its work and reports success; what was told to stop may do so as well."""
        request = self.take_request(client, a)
        if request is None or client.engine is None:
            return
        job, failure = request.job, self.effect(client, request.job)
        if request.told_to_stop and b % 2:
            self.perform(client, client.engine.cancelled(job.serial, self.now))
        elif failure is not None:
            self.perform(client, client.engine.failed(job.serial, failure, self.now, 0.5))
        else:
            self.perform(client, client.engine.succeeded(job.serial, self.now))

    def op_fail(self, client: Client, a: int, b: int) -> None:
        """A running request fails, before or after its work was done."""
        request = self.take_request(client, a)
        if request is None or client.engine is None:
            return
        if b % 2 and request.job.kind is not JobKind.DOWNLOAD:
            self.effect(client, request.job)
        if request.told_to_stop and b % 3 == 0:
            self.perform(client, client.engine.cancelled(request.job.serial, self.now))
            return
        kind = FailureKind.PERMANENT if b % 5 == 0 else FailureKind.RETRYABLE
        if not request.told_to_stop:
            self.note_failure(client, request.job, kind)
        self.perform(
            client, client.engine.failed(request.job.serial, Failure(kind, "failed"), self.now, (b % 10) / 10)
        )

    def note_failure(self, client: Client, job: Job, kind: FailureKind) -> None:
        """From when on the transfer may rest: it failed for good, or as often as the policy allows."""
        name = job.remote_key if job.kind is JobKind.DELETE else job.file_id
        client.failures[name] += 1
        exhausted = job.kind is not JobKind.DELETE and client.failures[name] >= RETRY.max_attempts
        if kind is FailureKind.PERMANENT or exhausted:
            client.refused.add(name)

    def op_wait(self, client: Client, a: int, b: int) -> None:
        """Time passes; every engine whose timer is due is woken."""
        self.now += 1 + a % 10
        for other in self.clients:
            if other.engine is not None:
                wakeup = other.engine.next_wakeup()
                if wakeup is not None and wakeup <= self.now:
                    self.surviving(other, lambda c=other: self.perform(c, c.engine.tick(self.now)))

    def op_lose(self, client: Client, a: int, b: int) -> None:
        """The object store loses an object that some client still holds, and not only until it is
        collected."""
        held = {content for other in self.clients for content in other.blobs if self.use_of(other, content)}
        lost = sorted(key for key in self.remote if content_hash_of(key) in held)
        if lost:
            self.remote.discard(lost[a % len(lost)])

    # --- the shell of the engine
    # --------------------------------------------------------------------------------------

    def start(self, client: Client) -> None:
        """A tab takes the lead: everything is rebuilt from durable state."""
        client.engine = self.make_engine()
        client.requests.clear()
        client.crash_after = None
        client.refused.clear()
        client.failures.clear()
        client.dirty = set(client.records) | set(client.rows)
        self.deliver(client)
        for content in sorted(client.blobs):  # the garbage that an earlier life has left
            if not self.use_of(client, content):
                client.blobs.discard(content)
        self.perform(client, client.engine.set_gate(client.online, self.now))

    def die(self, client: Client) -> None:
        """The tab dies. Its requests, and deletions that race with edits made elsewhere while they are not
        synced or not seen yet, may leave objects behind that nobody owes; no bytes are lost by that."""
        for request in client.requests.values():
            if request.job.kind is JobKind.UPLOAD:
                self.strays.add(request.job.remote_key)
        touched = {event.record.id for event in client.pending} | client.dirty
        for other in self.clients:
            for event in (*self.log, *other.pending):
                if event.record.id in touched:
                    self.strays.add(remote_key(event.record.path))
        self.start(client)

    def deliver(self, client: Client) -> None:
        """Show the engine what changed, read from durable state at this moment."""
        while client.dirty and client.engine is not None:
            seen, client.dirty = client.dirty, set()
            records = [client.records[i] for i in sorted(seen) if i in client.records]
            facts = [self.fact(client, record) for record in records]
            try:
                self.perform(client, client.engine.observe(facts, list(client.outbox.values()), self.now))
            except Crash:
                client.dirty |= seen
                raise

    def fact(self, client: Client, record: FileRecord) -> FileFact:
        row = client.rows.get(record.id)
        local = record.content_hash if record.content_hash in client.blobs else ""
        if not local and row is not None and row.local_hash in client.blobs:
            local = row.local_hash
        control = client.controls.get(record.id, Control.NONE)
        return FileFact(record, row, local, control, evicted=record.id in client.evicted)

    def perform(self, client: Client, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if client.crash_after is not None:
                client.crash_after -= 1
                if client.crash_after < 0:
                    raise Crash
            self.perform_one(client, effect)

    def perform_one(self, client: Client, effect: fx.Effect) -> None:
        match effect:
            case fx.Persist(row):
                client.rows[row.file_id] = row
            case fx.RemoveRow(file_id):
                client.rows.pop(file_id, None)
            case fx.CommitRemoteKey(file_id, content_hash, key):
                assert key in client.sent, f"{key} is recorded, but nothing was uploaded"
                old = client.records[file_id]
                new = replace(
                    old, remote_key=key, content_hash=content_hash, path=file_path("s", content_hash)
                )
                self.commit(client, Event("updated", new, only_if=(content_hash, old.remote_key)))
            case fx.WithdrawRemoteKey(file_id, content_hash, key):
                old = client.records[file_id]
                new = replace(
                    old, remote_key="", content_hash=content_hash, path=file_path("s", content_hash)
                )
                self.commit(client, Event("updated", new, only_if=(content_hash, key)))
            case fx.OweRemoteDelete(delete):
                client.outbox[delete.remote_key] = delete
            case fx.FinishRemoteDelete(key):
                client.outbox.pop(key, None)
            case fx.DeleteBlob(content_hash):
                self.check_unreferenced(client, content_hash)
                client.blobs.discard(content_hash)
            case fx.Start(job):
                assert client.online, "a job starts behind a closed gate"
                self.check_start(client, job)
                client.requests[job.serial] = Request(job)
            case fx.Cancel(serial):
                client.requests[serial].told_to_stop = True
            case fx.Notify():
                pass

    def effect(self, client: Client, job: Job) -> Failure | None:
        """What the request does to the object store or to the own bytes; a failure when it cannot."""
        if job.kind is JobKind.UPLOAD:
            if job.content_hash not in client.blobs:
                return Failure(FailureKind.LOCAL_MISSING, "the bytes are gone")
            self.remote.add(job.remote_key)
            client.sent.add(job.remote_key)
        elif job.kind is JobKind.DELETE:
            self.remote.discard(job.remote_key)
        elif job.remote_key not in self.remote:
            return Failure(FailureKind.REMOTE_MISSING, "not found")
        else:
            client.blobs.add(job.content_hash)
        return None

    # --- small things
    # -----------------------------------------------------------------------------------------------

    def commit(self, client: Client, event: Event) -> None:
        client.pending.append(event)
        client.rebuild()

    def owe(self, client: Client, old: FileRecord) -> None:
        key = remote_key(old.path)
        client.outbox[key] = RemoteDelete(key, old.content_hash, old.id, int(self.now))

    def pick(self, client: Client, n: int) -> FileRecord | None:
        live = [record for record in client.records.values() if record.is_live]
        return live[n % len(live)] if live else None

    def files_of(self, client: Client, content_hash: str) -> list[FileRecord]:
        """The live files of a content, as a client knows them."""
        return [r for r in client.records.values() if r.is_live and r.content_hash == content_hash]

    def does_without(self, client: Client, record: FileRecord) -> bool:
        """Whether a client needs no own copy of a file."""
        return record.id in client.evicted and record.is_uploaded

    def take_request(self, client: Client, n: int) -> Request | None:
        serials = sorted(client.requests)
        return client.requests.pop(serials[n % len(serials)]) if serials else None

    # --- what must hold
    # -----------------------------------------------------------------------------------------------

    def check_start(self, client: Client, job: Job) -> None:
        same = [r.job for r in client.requests.values() if r.job.content_hash == job.content_hash]
        for other in same:
            uploads = other.kind is job.kind is JobKind.UPLOAD and other.file_id != job.file_id
            assert uploads, f"{job} and {other} touch the same bytes at once"
        if job.kind is JobKind.DELETE:
            live = self.files_of(client, job.content_hash)
            assert not live, f"{job} would delete the content of {live}"
            cause = client.records.get(job.file_id)
            finished = cause is None or not cause.is_live or cause.is_uploaded
            assert finished, f"{job}: the old content would go before the new is uploaded"
        else:
            row = client.rows[job.file_id]
            status = row.upload_status if job.kind is JobKind.UPLOAD else row.download_status
            assert status is Status.IN_PROGRESS, f"{job} started before its row was stored"
            assert client.records[job.file_id].content_hash == job.content_hash
            assert not client.controls.get(job.file_id, Control.NONE), (
                f"{job} starts although it is held back"
            )
            if job.kind is JobKind.DOWNLOAD:
                assert job.file_id not in client.evicted, f"{job} starts although nobody wants it"

    def check_unreferenced(self, client: Client, content_hash: str) -> None:
        use = self.use_of(client, content_hash)
        assert not use, f"the bytes of {use} would be deleted"

    def use_of(self, client: Client, content_hash: str) -> str:
        """What a client needs its bytes of a content for; empty when they are garbage."""
        for record in client.records.values():
            row = client.rows.get(record.id)
            local = row.local_hash if row is not None else ""
            needed = record.is_live and content_hash in (record.content_hash, local)
            if needed and not self.does_without(client, record):
                return f"{record}"
        return "an edit that is not up" if self.is_old(client, content_hash) else ""

    def is_old(self, client: Client, content_hash: str) -> bool:
        """Whether it is the old content of an edit whose new content is not uploaded."""
        causes = [
            client.records.get(e.file_id) for e in client.outbox.values() if e.content_hash == content_hash
        ]
        return any(cause is not None and cause.is_live and not cause.is_uploaded for cause in causes)

    def check(self) -> None:
        """The invariants that hold at every moment."""
        for client in self.clients:
            running = [r for r in client.requests.values() if not r.told_to_stop]
            for kind, limit in (
                (JobKind.UPLOAD, LIMITS.uploads),
                (JobKind.DOWNLOAD, LIMITS.downloads),
                (JobKind.DELETE, LIMITS.deletes),
            ):
                alive = sum(r.job.kind is kind for r in client.requests.values())
                assert alive <= limit, f"{client.name}: {alive} of {kind.value} at once"
            assert client.online or not running, f"{client.name}: requests run while offline"
            for file_id, row in client.rows.items():
                busy = Status.IN_PROGRESS in (row.upload_status, row.download_status)
                jobs = [r for r in running if r.job.file_id == file_id and r.job.kind is not JobKind.DELETE]
                assert len(jobs) == (1 if busy else 0), f"{client.name}: {row} but {len(jobs)} jobs"
        self.check_no_loss()

    def check_no_loss(self) -> None:
        """A file that nobody has deleted or replaced has its bytes somewhere."""
        doomed: set[str] = set()
        final: dict[str, FileRecord] = {}
        for event in self.log:
            apply_event(final, replace(event, only_if=None))
        for client in self.clients:
            for event in client.pending:
                if event.only_if is None:
                    doomed.add(event.record.id)
        held = set().union(*(c.blobs for c in self.clients)) | {content_hash_of(key) for key in self.remote}
        for record in final.values():
            if record.is_live and record.id not in doomed:
                assert record.content_hash in held, f"the bytes of {record} are lost"
        for client in self.clients:
            for record in client.records.values():
                mine = any(e.record.id == record.id and e.only_if is None for e in client.pending)
                if mine and record.is_live:
                    assert record.content_hash in held, (
                        f"{client.name}: the bytes of the unsynced {record} are lost"
                    )

    # --- the end ---------------------------------------------------------------------------------------
    # ---------------

    def converge(self) -> None:
        """Everybody is online and nothing fails any more: all clients must come to rest by themselves, and,
        after a restart, with equal files; so must a fresh client."""
        for client in self.clients:
            client.crash_after = None
            self.op_online(client, 1, 0)
            self.deliver(client)
        self.work_off()
        self.check_at_rest()
        self.clients.append(Client("fresh"))
        for client in self.clients:
            client.controls.clear()
            client.evicted.clear()
            client.online = True
            self.die(client)
        self.work_off()
        self.check_converged()

    def work_off(self) -> None:
        """Let everything that runs or waits succeed, until all is quiet."""
        for _ in range(100):
            for client in self.clients:
                client.crash_after = None
                self.op_sync(client, 0, 0)
                self.deliver(client)
                self.op_wait(client, 9, 0)
                self.deliver(client)
                for _ in range(100):
                    self.op_finish(client, 0, 0)
                    self.deliver(client)
                    if not client.requests:
                        break
            self.check()
            if self.is_quiet():
                break

    def check_at_rest(self) -> None:
        """Without a restart, only what failed for good, is paused or was cancelled may be left over."""
        for client in self.clients:
            for row in client.rows.values():
                statuses = (row.upload_status, row.download_status)
                if self.does_without(client, client.records[row.file_id]):
                    resting = (row.local_hash, *statuses) == ("", Status.DONE, Status.PENDING)
                    assert resting, f"{client.name}: {row} of an evicted file"
                    continue
                excused = row.file_id in client.refused or client.controls.get(row.file_id, Control.NONE)
                assert (
                    excused or statuses == (Status.DONE, Status.DONE) or self.waits_for_others(client, row)
                ), f"{client.name}: {row} rests although nothing fails"
            for content in client.blobs:
                evicted = any(self.does_without(client, file) for file in self.files_of(client, content))
                assert not evicted or self.use_of(client, content), f"{client.name} keeps {content}"
            for key, entry in client.outbox.items():
                cause = client.records.get(entry.file_id)
                unfinished = cause is not None and cause.is_live and not cause.is_uploaded
                excused = unfinished or key in client.refused or self.is_live(client, entry)
                assert excused, f"{client.name}: {entry} is forgotten"

    def is_live(self, client: Client, entry: RemoteDelete) -> bool:
        """Whether a live file has the content of an outbox entry."""
        return any(r.is_live and r.content_hash == entry.content_hash for r in client.records.values())

    def waits_for_others(self, client: Client, row: LocalFileState) -> bool:
        """Whether a file that is to be downloaded is not in the object store: its owner cannot upload it."""
        record = client.records[row.file_id]
        is_here = record.content_hash in client.blobs
        return row.download_status is Status.PENDING and not record.is_uploaded and not is_here

    def is_quiet(self) -> bool:
        """Whether nothing is left that would go on by itself."""
        return all(
            not c.pending
            and c.applied == len(self.log)
            and not c.requests
            and not c.dirty
            and all(self.is_live(c, entry) for entry in c.outbox.values())
            and all(
                row.upload_status is row.download_status is Status.DONE
                or self.does_without(c, c.records[row.file_id])
                for row in c.rows.values()
            )
            for c in self.clients
        )

    def check_converged(self) -> None:
        first = self.clients[0].records
        live = {record.content_hash for record in first.values() if record.is_live}
        for client in self.clients:
            assert client.records == first, f"{client.name} has other files"
            for record in client.records.values():
                if record.is_live:
                    assert record.is_uploaded, f"{client.name}: {record} was never uploaded"
                    row = client.rows.get(record.id)
                    done = row is not None and row.upload_status is row.download_status is Status.DONE
                    assert done, f"{client.name}: {record} rests at {row}"
                    assert row is not None
                    assert row.local_hash == record.content_hash
                else:
                    assert record.id not in client.rows, f"{client.name} keeps the row of {record}"
            assert client.blobs >= live, f"{client.name} lacks bytes"
            owed = [entry for entry in client.outbox.values() if not self.is_live(client, entry)]
            assert not owed, f"{client.name} still owes {owed}"
        stored = {content_hash_of(key) for key in self.remote}
        assert stored >= live, "the object store lacks live content"
        strays = {content_hash_of(key) for key in self.strays}
        assert stored - live <= strays, f"orphans remain: {stored - live - strays}"


OPERATIONS: dict[str, int] = {
    "save": 4,
    "update": 3,
    "delete": 3,
    "control": 1,
    "online": 2,
    "restart": 1,
    "crash_soon": 1,
    "sync": 6,
    "finish": 8,
    "fail": 3,
    "wait": 3,
    "lose": 1,
    "evict": 3,
    "demand": 1,
}
"""The operations and how often a random walk takes each."""
