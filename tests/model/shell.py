"""The shell of the engine in the small world: it carries out effects on durable state until a client dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.paths import file_path
from filesync_web.core.records import Control, FileRecord, Priority, TransferControl
from filesync_web.core.versions import file_and_content
from filesync_web.engine import effects as fx
from filesync_web.engine.effects import Job, JobKind
from filesync_web.engine.file_entry import FileFact
from tests.model.invariants import Invariants
from tests.model.state import Client, Crash, Request
from tests.model.tables import Event

DURABLE = (fx.WriteRow, fx.RemoveRow, fx.ChangeRemoteKey, fx.QueueRemoteDelete, fx.FinishRemoteDelete)
"""The effects that go into the store."""


class Shell(Invariants):
    """Starts engines, shows them what changed, and does what they ask for."""

    def surviving(self, client: Client, action: Callable[[], None]) -> None:
        """Do something that the client may die of; it is then started anew."""
        try:
            action()
        except Crash:
            self.die(client)

    def start(self, client: Client) -> None:
        """A tab takes the lead: everything is rebuilt from durable state."""
        client.engine = self.make_engine(client)
        client.requests.clear()
        client.ending.clear()
        client.crash_after = None
        client.failures.clear()
        client.shown.clear()
        client.dirty = set(client.records) | set(client.rows)
        self.deliver(client)
        self.check_start_over(client)
        for content in sorted(client.blobs):  # the garbage that an earlier life has left
            if not self.use_of(client, content):
                client.blobs.discard(content)
        self.perform(client, client.engine.set_gate(client.online, self.now))

    def die(self, client: Client) -> None:
        """The tab dies, with its engine and its requests; what is durable stays, and another tab takes
        over."""
        self.start(client)

    def deliver(self, client: Client) -> None:
        """Show the engine what changed, read from durable state at this moment."""
        while client.dirty and client.engine is not None:
            seen, client.dirty = client.dirty, set()
            facts = [self.fact(client, record) for record in self.to_show(client, seen)]
            client.shown -= {fact.record.id for fact in facts}
            client.shown |= {fact.record.id for fact in facts if fact.record.is_live}
            try:
                self.perform(client, client.engine.observe(facts, self.now))
            except Crash:
                client.dirty |= seen
                raise

    def to_show(self, client: Client, seen: set[str]) -> list[FileRecord]:
        """The files among these, and of their versions those with which this client has to do: which it keeps
        and may have or answer for, or which the engine knows, or which left a row."""
        file_ids = {file_and_content(some_id)[0] for some_id in seen} & client.records.keys()
        versions = {
            some_id for some_id in (client.kept.keys() | client.rows.keys() | client.shown) if "@" in some_id
        }
        records = []
        for some_id in sorted(file_ids | {v for v in versions if file_and_content(v)[0] in file_ids}):
            record = client.user(some_id)
            if record is not None and (some_id not in client.kept or self.is_concerned(client, record)):
                records.append(record)
            elif some_id in client.records or some_id in client.rows or some_id in client.shown:
                last = client.records.get(some_id) or client.tables.version(some_id)
                assert last is not None, f"{client.name}: nobody knows {some_id}"
                records.append(replace(last, deleted_at=last.deleted_at or self.wall_clock))
        return records

    def is_concerned(self, client: Client, record: FileRecord) -> bool:
        """Whether a client has to do with what is kept: so thousands of versions of others cost nothing."""
        answered = {delete.content_hash for delete in client.outbox.values()}
        return (
            record.content_hash in client.blobs | answered
            or record.id in client.asked_for
            or record.id in client.rows
        )

    def fact(self, client: Client, record: FileRecord) -> FileFact:
        row = client.rows.get(record.id)
        local = record.content_hash if record.content_hash in client.blobs else ""
        if not local and row is not None and row.local_hash in client.blobs:
            local = row.local_hash
        control = TransferControl(
            record.id,
            client.controls.get(record.id, Control.NONE),
            priority=Priority.SHOWN if record.id in client.asked_for else Priority.NORMAL,
            evicted=record.id in client.evicted,
        )
        is_version = record.id not in client.records
        deletes = [d for d in client.outbox.values() if d.file_id == record.id and not is_version]
        return FileFact(record, row, local, control, tuple(deletes), is_kept=record.id in client.kept)

    def perform(self, client: Client, effects: list[fx.Effect]) -> None:
        for effect in effects:
            self.die_if_due(client)
            self.perform_one(client, effect)

    def die_if_due(self, client: Client) -> None:
        if client.crash_after is not None:
            client.crash_after -= 1
            if client.crash_after < 0:
                raise Crash

    def perform_together(self, client: Client, effects: list[fx.Effect]) -> None:
        """What is durable is written all at once, then the rest is done: what is begun only to be stopped is
        not begun, and bytes that were garbage are looked at again, since one of the later ends may have
        withdrawn the key of the edit that they are the old content of."""
        stopped = {effect.serial for effect in effects if isinstance(effect, fx.Cancel)}
        written = [effect for effect in effects if isinstance(effect, DURABLE)]
        if written:
            self.die_if_due(client)
        for effect in written:
            self.perform_one(client, effect)
        for effect in effects:
            if isinstance(effect, fx.Start) and effect.job.serial in stopped:
                client.requests[effect.job.serial] = Request(effect.job)
            elif isinstance(effect, fx.DeleteBlob) and self.is_old(client, effect.content_hash):
                continue
            elif effect not in written:
                self.perform(client, [effect])

    def perform_late(self, client: Client, effects: list[fx.Effect]) -> None:
        """Do what was decided before a commit that the engine has not been shown yet: bytes that were garbage
        are looked at again, and a job may begin for a file that has other content now."""
        for effect in effects:
            self.die_if_due(client)
            if isinstance(effect, fx.DeleteBlob) and self.use_of(client, effect.content_hash):
                continue
            if isinstance(effect, fx.Start):
                client.requests[effect.job.serial] = Request(effect.job)
            else:
                self.perform_one(client, effect)

    def perform_one(self, client: Client, effect: fx.Effect) -> None:
        match effect:
            case fx.WriteRow(row):
                client.rows[row.file_id] = row
            case fx.RemoveRow(file_id):
                client.rows.pop(file_id, None)
            case fx.ChangeRemoteKey():
                self.change_remote_key(client, effect)
            case fx.QueueRemoteDelete(delete):
                client.outbox[delete.remote_key, delete.file_id] = delete
            case fx.FinishRemoteDelete(delete):
                client.outbox.pop((delete.remote_key, delete.file_id), None)
            case fx.DeleteBlob(content_hash):
                if not self.show_users(client, content_hash):
                    self.check_unreferenced(client, content_hash)
                    client.blobs.discard(content_hash)
            case fx.Start(job):
                assert client.online, "a job starts behind a closed gate"
                self.check_start(client, job)
                is_refused = job.kind is JobKind.DELETE and self.show_users(client, job.content_hash)
                client.requests[job.serial] = Request(job, is_refused=is_refused)
            case fx.Cancel(serial):
                if serial not in client.ending:
                    client.requests[serial].told_to_stop = True
            case fx.Notify():
                pass

    def change_remote_key(self, client: Client, change: fx.ChangeRemoteKey) -> None:
        content_hash, new_key, only_if = change.content_hash, change.new, (change.content_hash, change.old)
        assert new_key in ("", *client.sent), f"{new_key} is recorded, but nothing was uploaded"
        if (version := client.tables.version(change.file_id)) is not None:
            self.commit(client, Event("stored", version, only_if, content_hash=content_hash, value=new_key))
            return
        old, path = client.records[change.file_id], file_path("s", content_hash)
        new = replace(old, remote_key=new_key, content_hash=content_hash, path=path)
        self.commit(client, Event("updated", new, only_if))

    def show_users(self, client: Client, content_hash: str) -> bool:
        """The last look before bytes or an object go: what is kept of that content, and the engine was not
        shown because this client had nothing to do with it, is shown to it now. Returns whether there is."""
        unknown = {r.id for r in self.users_of(client, content_hash) if r.id in client.kept} - client.shown
        client.dirty |= unknown
        return bool(unknown)

    def look_again(self, client: Client, job: Job) -> None:
        """Whatever a download reports, its bytes may be here now."""
        if job.kind is JobKind.DOWNLOAD:
            client.dirty |= {record.id for record in self.users_of(client, job.content_hash)}

    def effect(self, client: Client, request: Request) -> Failure | None:
        """What the request does to the object store or to the own bytes; a failure when it cannot."""
        job = request.job
        if job.kind is JobKind.UPLOAD:
            if job.content_hash not in client.blobs:
                return Failure(FailureKind.LOCAL_MISSING, "the bytes are gone")
            self.remote.add(job.remote_key)
            self.damaged.discard(job.remote_key)
            client.sent.add(job.remote_key)
        elif job.kind is JobKind.DELETE and request.is_refused:
            pass
        elif job.kind is JobKind.DELETE:
            self.remote.discard(job.remote_key)
            self.damaged.discard(job.remote_key)
        elif job.remote_key not in self.remote:
            return Failure(FailureKind.REMOTE_MISSING, "not found")
        elif job.remote_key in self.damaged:
            return Failure(FailureKind.WRONG_BYTES, "wrong bytes")
        else:
            client.blobs.add(job.content_hash)
        return None
