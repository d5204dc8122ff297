"""Uploads and downloads: how rows follow from facts, and what the end of a job means for its file."""

from __future__ import annotations

from dataclasses import replace

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control
from filesync_web.engine.effects import (
    Cancel,
    CommitRemoteKey,
    Job,
    JobKind,
    Notify,
    Persist,
    RemoveRow,
    Start,
    WithdrawRemoteKey,
)
from filesync_web.engine.live_files import FileEntry, FileFact, at_rest, first_row
from filesync_web.engine.state import EngineState
from filesync_web.engine.transitions import Input


class Transfers:
    """The half of the engine that moves the bytes of live files."""

    def __init__(self, state: EngineState, retry: RetryPolicy, *, remote: bool) -> None:
        self._state = state
        self._retry = retry
        self._remote = remote
        self._tombstones: dict[str, str] = {}

    def observe_live(self, fact: FileFact, now: float) -> None:
        """A live file is new, or something of it may have changed."""
        record, row = fact.record, fact.row or first_row(fact.record)
        known = self._state.files.get(record.id)
        file = known or FileEntry(record, row)
        same_content = file.record.content_hash == record.content_hash
        released = fact.control is Control.NONE and file.control is not Control.NONE
        moved = file.record.remote_key != record.remote_key
        if not same_content or released:
            file.attempts, file.not_before = 0, 0.0
        self._orphan(file, file.sent.keys() - {record.content_hash})
        if file.serial is not None and (not same_content or fact.control is not Control.NONE):
            self.interrupt(file)
        if file.serial is None:
            if file.row.has_error and not row.has_error:
                file.attempts, file.not_before = 0, 0.0  # somebody asks for another try
            file.row = at_rest(row)
        file.record, file.stored = record, fact.row
        file.control, file.priority, file.evicted = fact.control, fact.priority, fact.evicted
        file.row = replace(file.row, path=record.path, local_hash="" if file.is_evicted else fact.local_hash)
        self.reconcile(file, now, retry=known is None or not same_content or released or moved)
        if fact.local_hash == record.content_hash:
            self._arrived(record.content_hash, now)

    def observe_deleted(self, fact: FileFact) -> None:
        """A file was deleted."""
        record, row = fact.record, fact.row
        file = self._state.files.get(record.id)
        if file is not None:
            self.interrupt(file)
            self._unqueue(record.id)
            self._orphan(file, set(file.sent))
        if row is not None:
            if row.local_hash == record.content_hash and not record.is_uploaded:
                # Only who made this content has it: whether its upload came through, nobody else can know.
                self._state.orphaned_objects.add((record.id, record.content_hash, remote_key(record.path)))
            self._state.emit(RemoveRow(record.id))
        self._state.release(self._state.files.remove(record.id))
        seen = self._tombstones.setdefault(record.id, record.content_hash)
        if seen != record.content_hash and record.is_uploaded:
            # An edit that was made elsewhere before the deletion was known there: its object came late.
            self._tombstones[record.id] = record.content_hash
            self._state.orphaned_objects.add((record.id, record.content_hash, record.remote_key))

    def reconcile(self, file: FileEntry, now: float, *, retry: bool = False) -> None:
        """Bring the row to what the plan wants, and stop a job that the plan no longer wants."""
        if file.running is not None:
            if file.plan(remote=self._remote).name == file.running.name:
                self.store(file, now)
                return
            self.interrupt(file)
        file.settle(remote=self._remote, retry=retry)
        self.store(file, now)

    def store(self, file: FileEntry, now: float) -> None:
        """Persist what changed of an entry, and let the indexes and the queues follow."""
        state = self._state
        if file.row != file.stored:
            state.emit(Persist(file.row))
            file.stored = file.row
        state.release(state.files.put(file))
        waiting_for = file.waiting_for
        self._unqueue(file.record.id, but=waiting_for)
        if waiting_for is not None:
            state.queues[waiting_for].put(
                file.record.id,
                priority=file.priority,
                age=file.record.updated_at,
                not_before=file.not_before,
                now=now,
            )

    def _orphan(self, file: FileEntry, contents: set[str]) -> None:
        """What this client began to upload, the file no longer needs: also when the deleting client came
        first."""
        for content in contents:
            self._state.orphaned_objects.add((file.record.id, content, file.sent.pop(content)))

    def _unqueue(self, file_id: str, but: JobKind | None = None) -> None:
        for kind in (JobKind.UPLOAD, JobKind.DOWNLOAD):
            if kind is not but:
                self._state.queues[kind].discard(file_id)

    # --- the gate -----------------------------------------------------------------------------------------

    def pause_all(self, now: float) -> None:
        """The gate closes: every job is told to stop, its file waits."""
        for file in self._state.files:
            if file.serial is not None:
                self.interrupt(file)
                self.store(file, now)

    def resume_all(self, now: float) -> None:
        """The gate opens: what waited for a retry is tried at once."""
        for file in self._state.files:
            if file.not_before or file.retry_with_network:
                retry, file.retry_with_network = file.retry_with_network, False
                file.attempts, file.not_before = 0, 0.0
                self.reconcile(file, now, retry=retry)

    def interrupt(self, file: FileEntry) -> None:
        """Tell the file's job to stop; the file waits again. Does nothing without a job."""
        if file.serial is not None and file.running is not None:
            self._state.emit(Cancel(file.serial))
            file.step(file.running, Input.INTERRUPT)
            file.serial, file.running = None, None

    # --- jobs ---------------------------------------------------------------------------------------------

    def job(self, kind: JobKind, file_id: str) -> Job:
        """The job that a waiting file is to run."""
        file = self._entry(file_id)
        record = file.record
        key = remote_key(record.path) if kind is JobKind.UPLOAD else record.remote_key
        serial = self._state.jobs.next_serial()
        return Job(serial, kind, record.id, record.content_hash, key)

    def wait(self, file_id: str, now: float) -> None:
        """A waiting file cannot run yet."""
        self.store(self._entry(file_id), now)

    def start(self, job: Job, now: float) -> None:
        """The job of a waiting file begins: the row is stored before."""
        file = self._entry(job.file_id)
        file.serial, file.running = job.serial, job.kind
        file.step(job.kind, Input.START)
        if job.kind is JobKind.UPLOAD:
            file.sent[job.content_hash] = job.remote_key
        self.store(file, now)
        self._state.emit(Start(job))
        self._state.notify(job, "start")

    def uploaded(self, job: Job, now: float) -> None:
        """An upload is confirmed by the object store."""
        file = self._take(job)
        if file is None:
            return
        file.step(JobKind.UPLOAD, Input.SUCCEED, error="")
        file.attempts, file.not_before = 0, 0.0
        self._state.emit(CommitRemoteKey(job.file_id, job.content_hash, job.remote_key))
        file.record = replace(file.record, remote_key=job.remote_key)
        self._state.notify(job, "complete")
        self.reconcile(file, now)

    def downloaded(self, job: Job, now: float) -> None:
        """The object has arrived."""
        asked = self._take(job)
        if asked is not None:
            asked.step(JobKind.DOWNLOAD, Input.SUCCEED, error="")
            asked.attempts, asked.not_before = 0, 0.0
            self._state.notify(job, "complete")
        self._arrived(job.content_hash, now)
        self._state.release({job.content_hash})

    def _arrived(self, content_hash: str, now: float) -> None:
        """The bytes are here: for every file of that content that lacks them and does not do without."""
        for file in self._state.files.with_content(content_hash):
            if file.row.local_hash != content_hash and not file.is_evicted:
                file.row = replace(file.row, local_hash=content_hash)
                self.reconcile(file, now, retry=True)

    def cancelled(self, job: Job, now: float) -> None:
        """The job ended by itself without a result."""
        file = self._take(job)
        if file is not None:
            file.step(job.kind, Input.INTERRUPT)
            self.reconcile(file, now)

    def failed(self, job: Job, failure: Failure, now: float, jitter: float) -> None:
        """The job ended with an error: try again later, give up, or learn that bytes are lost."""
        file = self._take(job)
        if file is None:
            return
        file.attempts += 1
        file.not_before = now + self._retry.delay(file.attempts, jitter, failure.retry_after)
        file.row = replace(file.row, last_sync_error=failure.message)
        self._state.notify(job, "error", failure.message)
        if failure.kind is FailureKind.REMOTE_MISSING and job.kind is JobKind.DOWNLOAD:
            file.step(job.kind, Input.INTERRUPT)
            self.withdraw(file)
        elif failure.kind is FailureKind.LOCAL_MISSING:
            file.step(job.kind, Input.INTERRUPT)
            file.row = replace(file.row, local_hash="")
        elif failure.kind is FailureKind.RETRYABLE and file.attempts < self._retry.max_attempts:
            file.step(job.kind, Input.INTERRUPT)
        else:
            self._give_up(file, job, failure)
        self.reconcile(file, now)

    def _give_up(self, file: FileEntry, job: Job, failure: Failure) -> None:
        file.step(job.kind, Input.FAIL)
        file.retry_with_network = failure.kind is FailureKind.RETRYABLE
        if file.retry_with_network:
            self._state.emit(Notify(FileSyncEvent("transfer:exhausted", job.file_id, error=failure.message)))

    def withdraw(self, file: FileEntry) -> None:
        """The file's object is lost: whoever holds the bytes is to upload them again."""
        record = file.record
        if record.is_uploaded:
            self._state.emit(WithdrawRemoteKey(record.id, record.content_hash, record.remote_key))
            file.record = replace(record, remote_key="")

    def _take(self, job: Job) -> FileEntry | None:
        """The file whose current job has ended; None when the report is late."""
        file = self._state.files.get(job.file_id)
        if file is None or file.serial != job.serial:
            return None
        file.serial, file.running = None, None
        return file

    def _entry(self, file_id: str) -> FileEntry:
        file = self._state.files.get(file_id)
        if file is None:
            raise LookupError(f"file {file_id} waits but is not known")
        return file
