"""What must hold in the small world: at every moment, at rest, and when all clients have converged."""

from __future__ import annotations

from filesync_web.core.failures import FailureKind
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control, FileRecord, LocalFileState, Status
from filesync_web.core.sizes import LARGE, SMALL
from filesync_web.core.versions import file_and_content
from filesync_web.engine.effects import Job, JobKind
from tests.model.state import LIMITS, RETRY, Client, State, content_hash_of, size_of
from tests.model.tables import Event


class Invariants(State):
    """Looks at the state and changes nothing."""

    def check_start(self, client: Client, job: Job) -> None:
        same = [r.job for r in client.requests.values() if r.job.content_hash == job.content_hash]
        for other in same:
            uploads = other.kind is job.kind is JobKind.UPLOAD and other.file_id != job.file_id
            assert uploads, f"{job} and {other} touch the same bytes at once"
        if job.kind is JobKind.DELETE:
            users = {record.id for record in self.users_of(client, job.content_hash)} & client.shown
            assert not users, f"{job} would delete the content of {users}"
            edits = self.edits_of(client, job.content_hash)
            assert not edits, f"{job}: the old content would go before the new is uploaded, of {edits}"
        else:
            row = client.rows[job.file_id]
            status = row.upload_status if job.kind is JobKind.UPLOAD else row.download_status
            assert status is Status.IN_PROGRESS, f"{job} started before its row was stored"
            record = client.user(job.file_id)
            assert record is not None, f"{job} is of nothing"
            assert record.content_hash == job.content_hash, f"{job} is of {record}"
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
        """Each content that a save or an edit confirmed has its bytes somewhere, until the log or somebody's
        change that is not confirmed yet lets it go."""
        held = self.held()
        self.lapsed |= self.ledger.lapsed(self.confirmed, self.wall_clock)
        for client in self.clients:
            self.lapsed |= client.ledger.lapsed(client.tables, client.synced_at)
        promised = self.confirmed.promised(self.wall_clock)
        for client in self.clients:
            made = {(e.record.id, e.record.content_hash) for e in client.pending if is_promise(e)}
            promised |= made & client.tables.promised(client.synced_at)
        lost = [pair for pair in promised - self.lapsed if pair[1] not in held]
        assert not lost, f"the bytes of {lost} are lost"

    def held(self) -> set[str]:
        """The contents that are somewhere."""
        stored = {content_hash_of(key) for key in self.remote - self.damaged}
        return set().union(stored, *(c.blobs for c in self.clients))

    def check_at_rest(self) -> None:
        """Without a restart, only what is paused, was cancelled or waits for others may be left over."""
        for client in self.clients:
            for row in client.rows.values():
                statuses = (row.upload_status, row.download_status)
                record = client.user(row.file_id)
                assert record is not None, f"{client.name}: {row} of nothing"
                if self.does_without(client, record):
                    resting = (row.local_hash, *statuses) == ("", Status.DONE, Status.DONE)
                    unwanted = self.must_do_without(client, row.file_id)
                    assert resting or not unwanted, f"{client.name}: {row} of a file that nobody wants"
                    if resting:
                        continue
                assert not row.is_on_demand, f"{client.name}: {row} of a file that is to be here"
                self.check_tells_what_is_here(client, row)
                is_held = client.controls.get(row.file_id, Control.NONE)
                is_gone = record.content_hash not in self.held()  # rightly: see `check_no_loss`
                is_done = statuses == (Status.DONE, Status.DONE)
                assert is_held or is_done or is_gone or self.waits_for_others(client, row), (
                    f"{client.name}: {row} rests although nothing fails"
                )
            for content in client.blobs:
                assert self.use_of(client, content), f"{client.name} keeps {content}"
            for key, entry in client.outbox.items():
                is_waiting = self.is_used(client, entry) or self.is_old(client, entry.content_hash)
                assert is_waiting, f"{client.name}: {key} is forgotten"

    def check_tells_what_is_here(self, client: Client, row: LocalFileState) -> None:
        """A row says that the bytes are here when they are, and to be uploaded when the store has none."""
        record = client.user(row.file_id)
        if record is not None and record.content_hash in client.blobs:
            assert row.local_hash == record.content_hash, f"{client.name}: {row}, but the bytes are here"
            settled = record.is_uploaded or row.upload_status is not Status.DONE
            assert settled, f"{client.name}: {row} rests as uploaded, and is not"

    def waits_for_others(self, client: Client, row: LocalFileState) -> bool:
        """Whether a file that is to be downloaded is not in the object store: its owner cannot upload it. Who
        found its object missing looks again now and then, so it does not wait for one that is there; but not
        for a file that need not be here until somebody asks for it."""
        record = client.user(row.file_id)
        assert record is not None
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
            and all(self.is_used(c, entry) for entry in c.outbox.values())
            and all(self.is_done(c, row) for row in c.rows.values())
            for c in self.clients
        )

    def is_done(self, client: Client, row: LocalFileState) -> bool:
        """Whether a row is at rest, as far as it can be: what is lost has been let go before."""
        record = client.user(row.file_id)
        if record is None:
            return False
        is_away = row.is_on_demand and self.does_without(client, record)
        return (
            row.upload_status is row.download_status is Status.DONE
            or is_away
            or record.content_hash not in self.held()
        )

    def check_converged(self) -> None:
        """All have the same files and histories, and whatever is needed is in the object store and here; as
        far as it was not lost, which only what was let go before may be."""
        first, held = self.clients[0].tables, self.held()
        uses = [client.tables.promised(client.synced_at) for client in self.clients]
        agreed = set.intersection(*uses) - self.lapsed  # some may know of an end before others
        promised = {content for _file, content in agreed} & held
        olds = set()
        for client in self.clients:
            assert client.tables == first, f"{client.name} has other files"
            for record in client.users():
                pair = (file_and_content(record.id)[0], record.content_hash)
                if pair in agreed and record.content_hash in held:
                    self.check_settled(client, record)
            for row in client.rows.values():
                assert client.user(row.file_id), f"{client.name} keeps {row}"
            left = {d.content_hash for d in client.outbox.values() if not self.is_used(client, d)}
            olds |= {content for content in left if self.is_old(client, content)}
            assert left <= olds, f"{client.name} has not done {left - olds}"
        stored = {content_hash_of(key) for key in self.remote - self.damaged}
        orphans = stored - {content for use in uses for _file, content in use} - olds
        assert stored >= promised, f"the object store lacks {promised - stored}"
        assert not orphans, f"orphans remain: {orphans}"
        unmarked = self.unseen - first.marked()
        assert not unmarked, f"{unmarked} lost to somebody who had not seen it, and nobody is told"

    def check_settled(self, client: Client, record: FileRecord) -> None:
        """The bytes are in the object store, and here if they are to be."""
        assert record.is_uploaded, f"{client.name}: {record} was never uploaded"
        row = client.rows.get(record.id)
        if row is None:
            assert record.id in client.kept, f"{client.name}: {record} has no row"
            assert record.content_hash not in client.blobs, f"{client.name} has {record} and no row"
            return
        done = row.upload_status is row.download_status is Status.DONE
        assert done, f"{client.name}: {record} rests at {row}"
        is_here = row.local_hash == record.content_hash and record.content_hash in client.blobs
        assert is_here or self.may_do_without(client, record.id), f"{client.name}: {row} lacks its bytes"


def is_promise(event: Event) -> bool:
    """Whether its author has said that a file has this content, and has its bytes."""
    return event.kind in ("created", "updated") and event.only_if is None and event.has_bytes
