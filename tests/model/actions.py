"""What users, servers, the network and time do in the small world: the operations of a trace."""

from __future__ import annotations

from dataclasses import replace

from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.metadata import FileMetadata, encode_metadata
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.records import Control, FileRecord, LocalFileState, Status
from filesync_web.core.versions import Conflict, file_and_content
from filesync_web.engine.effects import JobKind
from tests.model.shell import Shell
from tests.model.state import (
    CONTENTS,
    DOWNLOADS,
    Client,
    Crash,
    content_hash_of,
    metadata_of,
    size_of,
)
from tests.model.tables import NO_FILE, POLICIES, Event

_FAILURES = {
    # what a request reports that fails in another way than by a passing cause; two of them may be mistaken
    0: FailureKind.PERMANENT,
    5: FailureKind.PERMANENT,
    6: FailureKind.WRONG_BYTES,
    8: FailureKind.REMOTE_MISSING,
}


class Actions(Shell):
    """Every `op_` takes a client and two integers, which pick among what is possible at that moment."""

    def op_save(self, client: Client, a: int, b: int) -> None:
        content = CONTENTS[a % len(CONTENTS)]
        client.blobs.add(content)
        file_id = f"f{next(self.ids)}"
        metadata, now = metadata_of(content), self.wall_clock
        record = FileRecord(file_id, file_path("s", content), "", content, metadata, now, now)
        self.commit(client, Event("created", record))
        client.rows[file_id] = LocalFileState(file_id, record.path, content, Status.DONE, Status.QUEUED)
        client.dirty.add(file_id)

    def op_update(self, client: Client, a: int, b: int) -> None:
        old = self.pick(client, b)
        if old is not None:
            self.edit(client, old, CONTENTS[a % len(CONTENTS)])

    def edit(self, client: Client, old: FileRecord, content: str) -> None:
        """Give a file other content."""
        if old.content_hash == content:
            return
        client.blobs.add(content)
        path = file_path("s", content)
        self.commit_edit(client, old, content)
        client.rows[old.id] = LocalFileState(old.id, path, content, Status.DONE, Status.QUEUED)

    def commit_edit(self, client: Client, old: FileRecord, content: str, key: str = "") -> None:
        """Say that a file has other content, whose object has this key."""
        new = replace(
            old,
            path=file_path("s", content),
            content_hash=content,
            remote_key=key,
            metadata_json=metadata_of(content),
            updated_at=self.wall_clock,
        )
        if old.is_uploaded:
            client.replaced[old.id] = old.content_hash
        if content in client.blobs:
            self.lapsed.discard((old.id, content))
        self.commit(
            client,
            Event("updated", new, has_bytes=content in client.blobs),
            Event("based", new, content_hash=content, value=old.content_hash),
        )
        client.controls.pop(old.id, None)
        client.asked_for.discard(old.id)
        client.evicted.discard(old.id)
        self.queue_remote_delete(client, old)
        client.dirty.add(old.id)

    def op_rename(self, client: Client, a: int, b: int) -> None:
        """Something else is said of a file, as long as it is what it was; the content stays."""
        old = self.pick(client, a)
        if old is not None:
            custom = FileMetadata(size_bytes=size_of(old.content_hash), custom={"name": f"{b}"})
            named = replace(old, metadata_json=encode_metadata(custom), updated_at=old.updated_at + 1)
            self.commit(client, Event("updated", named, only_if=(old.content_hash, old.remote_key)))

    def op_delete(self, client: Client, a: int, b: int) -> None:
        old = self.pick(client, a)
        if old is not None:
            self.delete(client, old)

    def delete(self, client: Client, old: FileRecord) -> None:
        """Move a file to the trash."""
        deleted = Event("deleted", replace(old, deleted_at=self.wall_clock))
        self.commit(client, deleted, Event("based", old, value=old.content_hash))
        self.queue_remote_delete(client, old)

    def op_edit_deleted(self, client: Client, a: int, b: int) -> None:
        """Somebody edits a file that somebody else has deleted meanwhile."""
        old, other = self.pick(client, a), self.clients[(self.clients.index(client) + 1) % len(self.clients)]
        theirs = other.records.get(old.id) if old is not None else None
        if old is not None and theirs is not None and theirs.is_live:
            self.delete(other, theirs)
            self.op_sync(other, 0, 0)
            self.edit(client, old, CONTENTS[b % len(CONTENTS)])
            self.surviving(other, lambda: self.deliver(other))

    def op_policy(self, client: Client, a: int, b: int) -> None:
        """Somebody chooses how long the store keeps what was replaced or deleted."""
        self.commit(client, Event("policy", NO_FILE, policy=POLICIES[a % len(POLICIES)]))

    def op_restore(self, client: Client, a: int, b: int) -> None:
        """The user takes a file out of the trash, or an earlier content of one, wherever its bytes are."""
        if not client.kept:
            return
        kept = client.kept[sorted(client.kept)[a % len(client.kept)]]
        file_id, content = file_and_content(kept.id)
        if not client.records[file_id].is_live:
            self.commit(client, Event("restored", client.records[file_id]))
        if content:
            self.commit_edit(client, client.records[file_id], content, kept.remote_key)

    def op_purge(self, client: Client, a: int, b: int) -> None:
        """The user deletes a file for good, from the trash or at once."""
        possible = [file_id for file_id, record in client.records.items() if b % 3 == 0 or not record.is_live]
        if possible:
            record = client.records[possible[a % len(possible)]]
            if record.is_live:
                self.delete(client, record)
            self.commit(client, Event("purged", record))

    def op_resolve(self, client: Client, a: int, b: int) -> None:
        """The user has looked at a conflict: its content is a version like others."""
        histories = client.tables.histories.values()
        marked = [v for h in histories for v in h.versions if v.conflict is not Conflict.NONE]
        if marked:
            version = marked[a % len(marked)]
            record = client.records[version.file_id]
            self.commit(client, Event("resolved", record, content_hash=version.content_hash))

    def op_control(self, client: Client, a: int, b: int) -> None:
        record = self.pick(client, a)
        if record is not None:
            client.controls[record.id] = list(Control)[b % 3]
            client.dirty.add(record.id)

    def op_evict(self, client: Client, a: int, b: int) -> None:
        """The user needs room: the bytes of a content go, those of all its files."""
        possible = [record for record in client.users() if self.may_evict(client, record)]
        if not possible:
            return
        record = possible[a % len(possible)]
        files = {file.id for file in self.users_of(client, record.content_hash)}
        client.evicted |= files
        client.asked_for -= files
        client.dirty |= files
        if b % 3 == 0:  # the client dies before the bytes are gone
            raise Crash
        client.blobs.discard(record.content_hash)
        if b % 3 == 1:  # it dies before the rows tell so
            raise Crash
        for file_id in files:
            row = client.rows[file_id]
            client.rows[file_id] = replace(row, local_hash="", download_status=Status.DONE)

    def may_evict(self, client: Client, record: FileRecord) -> bool:
        """What the kit looks at, and what it must rely on: that nobody who has not heard of the files of a
        content deletes its object."""
        key = remote_key(record.path)
        files = self.users_of(client, record.content_hash)
        done = (Status.DONE, Status.DONE)
        rows = [row for file in files if (row := client.rows.get(file.id)) is not None]
        at_rest = [(row.upload_status, row.download_status) for row in rows] == [done] * len(files)
        ids = {file.id for file in files}
        names = {file_and_content(some_id)[0] for some_id in ids} | {NO_FILE.id}
        announced = not any(name_of(event) in names for event in client.pending)
        older = self.is_old(client, record.content_hash) or any(
            row.local_hash == record.content_hash for row in client.rows.values() if row.file_id not in ids
        )
        heard = not any(
            name_of(event) in names for other in self.clients for event in self.log[other.applied :]
        )
        deleting = any(
            request.job.kind is JobKind.DELETE and request.job.remote_key == key
            for other in self.clients
            for request in other.requests.values()
        )
        is_here = record.content_hash in client.blobs
        uploaded = all(file.is_uploaded for file in files) and key in self.remote - self.damaged
        return is_here and uploaded and at_rest and announced and not older and heard and not deleting

    def op_demand(self, client: Client, a: int, b: int) -> None:
        """The user wants a file that was evicted, or that does not come by itself."""
        known = sorted(record.id for record in client.users())
        wanted = [some_id for some_id in known if self.may_do_without(client, some_id)]
        if wanted:
            file_id = wanted[a % len(wanted)]
            client.evicted.discard(file_id)
            client.asked_for.add(file_id)
            client.dirty.add(file_id)

    def op_settings(self, client: Client, a: int, b: int) -> None:
        """The user chooses anew which files come by themselves, and starts the app again."""
        client.downloads = DOWNLOADS[a % len(DOWNLOADS)]
        self.die(client)

    def op_online(self, client: Client, a: int, b: int) -> None:
        client.online = a % 2 == 1
        if client.engine is not None:
            self.perform(client, client.engine.set_gate(client.online, self.now))

    def op_restart(self, client: Client, a: int, b: int) -> None:
        """The leading tab goes, in peace or not, its requests with or without having had their effect;
        another takes over."""
        if b % 2:
            for request in client.requests.values():
                self.effect(client, request)
        self.die(client)

    def op_crash_soon(self, client: Client, a: int, b: int) -> None:
        client.crash_after = a % 6

    def op_sync(self, client: Client, a: int, b: int) -> None:
        """Push what is pending and pull what is new (the transport is atomic here; the store has its own
        model)."""
        tables = client.base.copy()
        for event in self.log[client.applied :]:
            tables.apply(event, is_confirmed=True)
        for event in client.pending:
            self.note_unseen(tables, event)
            if tables.apply(event):
                self.log.append(event)
        client.base = self.confirmed = tables
        client.pending, client.applied, client.synced_at = [], len(self.log), self.wall_clock
        client.rebuild()

    def op_finish(self, client: Client, a: int, b: int) -> None:
        """A running request does its work and reports success; what was told to stop may do so as well."""
        request = self.take_request(client, a)
        if request is None or client.engine is None:
            return
        job, failure = request.job, self.effect(client, request)
        self.look_again(client, job)
        if request.told_to_stop and b % 2:
            self.perform(client, client.engine.cancelled(job.serial, self.now))
        elif failure is not None:
            self.perform(client, client.engine.failed(job.serial, failure, self.now, 0.5))
            if not request.told_to_stop:
                self.check_failed(client, job, failure.kind)
        else:
            self.perform(client, client.engine.succeeded(job.serial, self.now))

    def op_finish_all(self, client: Client, a: int, b: int) -> None:
        """All running requests do their work, and their ends are told in a row before anything follows."""
        if client.engine is None:
            return
        requests, client.requests = client.requests, {}
        client.ending, effects, failed = set(requests), [], []
        for serial, request in sorted(requests.items(), reverse=b % 2 == 1):
            failure = self.effect(client, request)
            self.look_again(client, request.job)
            if failure is not None:
                effects += client.engine.failed(serial, failure, self.now, 0.5)
                failed += [] if request.told_to_stop else [(request.job, failure.kind)]
            else:
                effects += client.engine.succeeded(serial, self.now)
        self.perform_together(client, effects)
        client.ending = set()
        for job, kind in failed:
            self.check_failed(client, job, kind)

    def op_cross(self, client: Client, a: int, b: int) -> None:
        """A request does its work while its file is edited: its end is told, and what follows from it written
        down, before the engine is shown the edit."""
        serials = sorted(serial for serial, r in client.requests.items() if r.job.kind is not JobKind.DELETE)
        if not serials or client.engine is None:
            return
        request = client.requests.pop(serials[a % len(serials)])
        failure = self.effect(client, request)
        self.look_again(client, request.job)
        record = client.records.get(request.job.file_id)
        if record is not None and record.is_live:
            self.edit(client, record, CONTENTS[b % len(CONTENTS)])
        if failure is not None:
            effects = client.engine.failed(request.job.serial, failure, self.now, 0.5)
            client.failures[request.job.file_id] += not request.told_to_stop
        else:
            effects = client.engine.succeeded(request.job.serial, self.now)
        self.perform_late(client, effects)

    def op_fail(self, client: Client, a: int, b: int) -> None:
        """A running request fails, before or after its work was done."""
        request = self.take_request(client, a)
        if request is None or client.engine is None:
            return
        if b % 2:
            self.effect(client, request)
        self.look_again(client, request.job)
        if request.told_to_stop and b % 3 == 0:
            self.perform(client, client.engine.cancelled(request.job.serial, self.now))
            return
        kind = _FAILURES.get(b, FailureKind.RETRYABLE)
        if kind is FailureKind.REMOTE_MISSING and request.job.kind is not JobKind.DOWNLOAD:
            kind = FailureKind.PERMANENT
        self.perform(
            client, client.engine.failed(request.job.serial, Failure(kind, "failed"), self.now, (b % 10) / 10)
        )
        if not request.told_to_stop:
            self.check_failed(client, request.job, kind)

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
        if lost := self.held_objects():
            self.remote.discard(lost[a % len(lost)])
            self.damaged &= self.remote

    def op_damage(self, client: Client, a: int, b: int) -> None:
        """An object that some client still holds gets other bytes; the store knows nothing of it but says so
        to who asks for the object's state."""
        if damaged := self.held_objects():
            self.damaged.add(damaged[a % len(damaged)])

    def held_objects(self) -> list[str]:
        """The keys of objects whose bytes some client needs and has."""
        held = {content for other in self.clients for content in other.blobs if self.use_of(other, content)}
        return sorted(key for key in self.remote if content_hash_of(key) in held)


def name_of(event: Event) -> str:
    """The file that an event is about."""
    return file_and_content(event.record.id)[0]


OPERATIONS: dict[str, int] = {
    "save": 4,
    "update": 3,
    "rename": 1,
    "delete": 3,
    "control": 1,
    "online": 2,
    "restart": 1,
    "crash_soon": 1,
    "sync": 6,
    "finish": 8,
    "finish_all": 2,
    "cross": 1,
    "fail": 3,
    "wait": 3,
    "lose": 1,
    "damage": 1,
    "evict": 3,
    "demand": 2,
    "settings": 1,
    "edit_deleted": 1,
    "policy": 1,
    "restore": 2,
    "purge": 1,
    "resolve": 1,
}
"""The operations and how often a random walk takes each."""
