"""The shell of the engine in the small world: it carries out effects on durable state until a client dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.paths import file_path
from filesync_web.core.records import Control, FileRecord, Priority, TransferControl
from filesync_web.engine import effects as fx
from filesync_web.engine.effects import Job, JobKind
from filesync_web.engine.file_entry import FileFact
from tests.model.invariants import Invariants
from tests.model.state import Client, Crash, Event, Request

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
            records = [client.records[i] for i in sorted(seen) if i in client.records]
            facts = [self.fact(client, record) for record in records]
            try:
                self.perform(client, client.engine.observe(facts, self.now))
            except Crash:
                client.dirty |= seen
                raise

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
        deletes = tuple(delete for delete in client.outbox.values() if delete.file_id == record.id)
        return FileFact(record, row, local, control, deletes)

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
            case fx.ChangeRemoteKey(file_id, content_hash, old_key, new_key):
                assert new_key in ("", *client.sent), f"{new_key} is recorded, but nothing was uploaded"
                new = replace(
                    client.records[file_id],
                    remote_key=new_key,
                    content_hash=content_hash,
                    path=file_path("s", content_hash),
                )
                self.commit(client, Event("updated", new, only_if=(content_hash, old_key)))
            case fx.QueueRemoteDelete(delete):
                client.outbox[delete.remote_key, delete.file_id] = delete
            case fx.FinishRemoteDelete(delete):
                client.outbox.pop((delete.remote_key, delete.file_id), None)
            case fx.DeleteBlob(content_hash):
                self.check_unreferenced(client, content_hash)
                client.blobs.discard(content_hash)
            case fx.Start(job):
                assert client.online, "a job starts behind a closed gate"
                self.check_start(client, job)
                client.requests[job.serial] = Request(job)
            case fx.Cancel(serial):
                if serial not in client.ending:
                    client.requests[serial].told_to_stop = True
            case fx.Notify():
                pass

    def look_again(self, client: Client, job: Job) -> None:
        """Whatever a download reports, its bytes may be here now."""
        if job.kind is JobKind.DOWNLOAD:
            client.dirty |= {record.id for record in self.files_of(client, job.content_hash)}

    def effect(self, client: Client, job: Job) -> Failure | None:
        """What the request does to the object store or to the own bytes; a failure when it cannot."""
        if job.kind is JobKind.UPLOAD:
            if job.content_hash not in client.blobs:
                return Failure(FailureKind.LOCAL_MISSING, "the bytes are gone")
            self.remote.add(job.remote_key)
            self.damaged.discard(job.remote_key)
            client.sent.add(job.remote_key)
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
