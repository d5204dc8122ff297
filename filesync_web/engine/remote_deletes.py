"""Remote deletes: when an object that this client has orphaned may go, and what an uncertain end
means."""

from __future__ import annotations

from collections.abc import Iterable

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.records import RemoteDelete
from filesync_web.engine.effects import (
    Cancel,
    FinishRemoteDelete,
    Job,
    JobKind,
    Notify,
    QueueRemoteDelete,
    Start,
)
from filesync_web.engine.outbox import OutboxEntry
from filesync_web.engine.state import EngineState
from filesync_web.engine.transfers import Transfers

NEVER = float("inf")


class RemoteDeletes:
    """The half of the engine that empties the outbox."""

    def __init__(self, state: EngineState, retry: RetryPolicy, transfers: Transfers) -> None:
        self._state = state
        self._retry = retry
        self._transfers = transfers

    def replace(self, deletes: Iterable[RemoteDelete]) -> None:
        """The outbox as it is stored now."""
        for gone in self._state.outbox.replace(deletes):
            self._state.queues[JobKind.DELETE].discard(gone.delete.remote_key)
            self._interrupt(gone)
            self._state.release({gone.delete.content_hash})

    def queue_orphaned(self, now: float) -> None:
        """Take into the outbox the objects that this client sent and others have orphaned."""
        for file_id, content_hash, key in sorted(self._state.orphaned_objects):
            if self._state.outbox.get(key) is None:
                delete = RemoteDelete(key, content_hash, file_id, queued_at=int(now * 1000))
                self._state.outbox.add(delete)
                self._state.emit(QueueRemoteDelete(delete))
        self._state.orphaned_objects.clear()

    def recheck(self, entries: Iterable[OutboxEntry], now: float) -> None:
        """Queue the deletes that are due, and hold back those that are not."""
        state, queue = self._state, self._state.queues[JobKind.DELETE]
        for entry in entries:
            key = entry.delete.remote_key
            if state.files.with_content(entry.delete.content_hash):
                queue.discard(key)
                self._interrupt(entry)
            elif entry.serial is not None or state.is_unfinished(entry.delete.file_id):
                queue.discard(key)
            else:
                queue.put(key, priority=0, age=entry.delete.queued_at, not_before=entry.not_before, now=now)

    def pause_all(self, now: float) -> None:
        """The gate closes."""
        for entry in self._state.outbox:
            self._interrupt(entry)
        self.recheck(self._state.outbox, now)

    def resume_all(self, now: float) -> None:
        """The gate opens: what waited for a retry is tried at once."""
        for entry in self._state.outbox:
            if entry.not_before != NEVER:
                entry.not_before = 0.0
        self.recheck(self._state.outbox, now)

    def job(self, key: str) -> Job:
        """The job of a waiting entry."""
        entry = self._entry(key)
        delete = entry.delete
        serial = self._state.jobs.next_serial()
        return Job(serial, JobKind.DELETE, delete.file_id, delete.content_hash, key)

    def wait(self, key: str, now: float) -> None:
        """A waiting entry cannot run yet."""
        self.recheck([self._entry(key)], now)

    def start(self, job: Job) -> None:
        """The job of a waiting entry begins."""
        self._entry(job.remote_key).serial = job.serial
        self._state.emit(Start(job))

    def deleted(self, job: Job, now: float) -> None:
        """The object is gone."""
        entry = self._take(job)
        if entry is not None and not self._state.files.with_content(job.content_hash):
            self._state.outbox.remove(job.remote_key)
            self._state.emit(FinishRemoteDelete(job.remote_key))
        self._state.release({job.content_hash})
        self._withdraw_live(job, now)

    def cancelled(self, job: Job, now: float) -> None:
        """The job ended by order; the object may be gone or not."""
        entry = self._take(job)
        if entry is not None:
            self.recheck([entry], now)
        self._withdraw_live(job, now)

    def failed(self, job: Job, failure: Failure, now: float, jitter: float) -> None:
        """Try again later; what is refused for good rests until the next start."""
        if failure.kind is FailureKind.REMOTE_MISSING:
            self.deleted(job, now)
            return
        entry = self._take(job)
        if entry is not None:
            entry.attempts += 1
            is_final = failure.kind is not FailureKind.RETRYABLE
            delay = self._retry.delay(entry.attempts, jitter, failure.retry_after)
            entry.not_before = NEVER if is_final else now + delay
            self._state.emit(Notify(FileSyncEvent("sync:error", job.file_id, error=failure.message)))
            self.recheck([entry], now)
        self._withdraw_live(job, now)

    def _withdraw_live(self, job: Job, now: float) -> None:
        """A file that came to count on the object meanwhile is to be uploaded again."""
        for file in self._state.files.with_content(job.content_hash):
            self._transfers.withdraw(file)
            self._transfers.reconcile(file, now)

    def _interrupt(self, entry: OutboxEntry) -> None:
        if entry.serial is not None:
            self._state.emit(Cancel(entry.serial))
            entry.serial = None

    def _take(self, job: Job) -> OutboxEntry | None:
        """The entry whose current job has ended; None when the report is late."""
        entry = self._state.outbox.get(job.remote_key)
        if entry is None or entry.serial != job.serial:
            return None
        entry.serial = None
        return entry

    def _entry(self, key: str) -> OutboxEntry:
        entry = self._state.outbox.get(key)
        if entry is None:
            raise LookupError(f"the delete of {key} waits but is not known")
        return entry
