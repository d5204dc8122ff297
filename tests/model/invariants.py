"""What must hold in the small world: at every moment, at rest, and when all clients have converged."""

from __future__ import annotations

from dataclasses import replace

from filesync_web.core.failures import FailureKind
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control, FileRecord, LocalFileState, Status
from filesync_web.core.sizes import LARGE, SMALL
from filesync_web.engine.effects import Job, JobKind
from tests.model.state import LIMITS, RETRY, Client, State, apply_event, content_hash_of, size_of


class Invariants(State):
    """Looks at the state and changes nothing."""

    def check_start(self, client: Client, job: Job) -> None:
        same = [r.job for r in client.requests.values() if r.job.content_hash == job.content_hash]
        for other in same:
            uploads = other.kind is job.kind is JobKind.UPLOAD and other.file_id != job.file_id
            assert uploads, f"{job} and {other} touch the same bytes at once"
        if job.kind is JobKind.DELETE:
            live = self.files_of(client, job.content_hash)
            assert not live, f"{job} would delete the content of {live}"
            edits = self.edits_of(client, job.content_hash)
            assert not edits, f"{job}: the old content would go before the new is uploaded, of {edits}"
        else:
            row = client.rows[job.file_id]
            status = row.upload_status if job.kind is JobKind.UPLOAD else row.download_status
            assert status is Status.IN_PROGRESS, f"{job} started before its row was stored"
            assert client.records[job.file_id].content_hash == job.content_hash
            assert not client.controls.get(job.file_id, Control.NONE), (
                f"{job} starts although it is held back"
            )
            if job.kind is JobKind.DOWNLOAD:
                unwanted = self.must_do_without(client, job.file_id)
                assert not unwanted, f"{job} starts although nobody wants it"
            else:
                kept = [delete.remote_key for delete in client.outbox.values()]
                assert job.remote_key in kept, f"{job} sends what nobody would take away"

    def check_failed(self, client: Client, job: Job, kind: FailureKind) -> None:
        """What may pass by itself does not rest before it was tried as often as the policy says; and what
        rests says why."""
        client.failures[job.file_id] += 1
        row = client.rows.get(job.file_id)
        if row is not None and job.kind is not JobKind.DELETE and row.has_error:
            is_exhausted = client.failures[job.file_id] >= RETRY.max_attempts
            assert kind is FailureKind.PERMANENT or is_exhausted, f"{client.name}: {row} rests too early"
            assert row.last_sync_error, f"{client.name}: {row} does not say why"

    def check_start_over(self, client: Client) -> None:
        """A new leader tries again what rested at `error`, unless the user holds it back."""
        for row in client.rows.values():
            assert not row.has_error or client.controls.get(row.file_id), f"{client.name}: {row} still rests"

    def check_unreferenced(self, client: Client, content_hash: str) -> None:
        use = self.use_of(client, content_hash)
        assert not use, f"the bytes of {use} would be deleted"

    def check(self) -> None:
        """The invariants that hold at every moment."""
        for client in self.clients:
            running = [r for r in client.requests.values() if not r.told_to_stop]
            self.check_limits(client)
            assert client.online or not running, f"{client.name}: requests run while offline"
            for file_id, row in client.rows.items():
                busy = Status.IN_PROGRESS in (row.upload_status, row.download_status)
                jobs = [r for r in running if r.job.file_id == file_id and r.job.kind is not JobKind.DELETE]
                assert len(jobs) == (1 if busy else 0), f"{client.name}: {row} but {len(jobs)} jobs"
        self.check_no_loss()

    def check_limits(self, client: Client) -> None:
        """No more jobs run than was set, and without a number two large ones at most."""
        for kind in JobKind:
            alive = [r.job for r in client.requests.values() if r.job.kind is kind]
            limit = LIMITS.of(kind)
            if limit is None:
                sizes = [size_of(job.content_hash) for job in alive]
                large = [size for size in sizes if size is None or size > LARGE]
                middle = [size for size in sizes if size is not None and SMALL < size <= LARGE]
                assert len(large) <= 2, f"{client.name}: {large} at once"
                assert len(middle) <= 4, f"{client.name}: {middle} at once"
                assert len(alive) <= 24, f"{client.name}: {alive} at once"
            else:
                assert len(alive) <= limit, f"{client.name}: {alive} at once"

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

    def check_at_rest(self) -> None:
        """Without a restart, only what is paused, was cancelled or waits for others may be left over."""
        for client in self.clients:
            for row in client.rows.values():
                statuses = (row.upload_status, row.download_status)
                if self.does_without(client, client.records[row.file_id]):
                    resting = (row.local_hash, *statuses) == ("", Status.DONE, Status.DONE)
                    unwanted = self.must_do_without(client, row.file_id)
                    assert resting or not unwanted, f"{client.name}: {row} of a file that nobody wants"
                    if resting:
                        continue
                assert not row.is_on_demand, f"{client.name}: {row} of a file that is to be here"
                self.check_tells_what_is_here(client, row)
                is_held = client.controls.get(row.file_id, Control.NONE)
                assert (
                    is_held or statuses == (Status.DONE, Status.DONE) or self.waits_for_others(client, row)
                ), f"{client.name}: {row} rests although nothing fails"
            for content in client.blobs:
                assert self.use_of(client, content), f"{client.name} keeps {content}"
            for key, entry in client.outbox.items():
                is_waiting = self.is_live(client, entry) or self.is_old(client, entry.content_hash)
                assert is_waiting, f"{client.name}: {key} is forgotten"

    def check_tells_what_is_here(self, client: Client, row: LocalFileState) -> None:
        """A row says that the bytes are here when they are, and to be uploaded when the store has none."""
        record = client.records[row.file_id]
        if record.content_hash in client.blobs:
            assert row.local_hash == record.content_hash, f"{client.name}: {row}, but the bytes are here"
            settled = record.is_uploaded or row.upload_status is not Status.DONE
            assert settled, f"{client.name}: {row} rests as uploaded, and is not"

    def waits_for_others(self, client: Client, row: LocalFileState) -> bool:
        """Whether a file that is to be downloaded is not in the object store: its owner cannot upload it. Who
        found its object missing looks again now and then, so it does not wait for one that is there; but not
        for a file that need not be here until somebody asks for it."""
        record = client.records[row.file_id]
        key = remote_key(record.path)
        is_waiting = row.download_status in (Status.PENDING, Status.IN_PROGRESS)
        is_free = not client.controls.get(record.id) and not self.may_do_without(client, record.id)
        is_looking = row.last_sync_error and is_free
        is_found = is_looking and key in self.remote - self.damaged
        is_here = record.content_hash in client.blobs
        return is_waiting and not record.is_uploaded and not is_here and not is_found

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
                or (row.is_on_demand and self.does_without(c, c.records[row.file_id]))
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
            due = [entry for entry in client.outbox.values() if not self.is_live(client, entry)]
            assert not due, f"{client.name} has not done {due}"
        stored = {content_hash_of(key) for key in self.remote - self.damaged}
        assert stored >= live, "the object store lacks live content"
        assert stored <= live, f"orphans remain: {stored - live}"
