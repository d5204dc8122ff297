"""Remote deletes: when an object that this client answers for may go, and what an uncertain end means."""

from __future__ import annotations

from collections.abc import Iterable

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.records import RemoteDelete
from filesync_web.engine.effects import (
    Cancel,
    FinishRemoteDelete,
    Job,
    JobKind,
    Notify,
    Start,
)
from filesync_web.engine.outbox import OutboxEntry
from filesync_web.engine.retry import FIRST_TRY
from filesync_web.engine.state import EngineState
from filesync_web.engine.transfers import Transfers


class RemoteDeletes:
    """The half of the engine that empties the outbox; a key is a content hash."""

    def __init__(self, state: EngineState, transfers: Transfers) -> None:
        self._state = state
        self._queue = state.queues[JobKind.DELETE]
        self._transfers = transfers

    def observe(self, file_id: str, deletes: Iterable[RemoteDelete]) -> None:
        """The part of the outbox that a file caused, as it is stored now."""
        for entry in self._state.outbox.replace(file_id, deletes):
            if not entry.causes:
                self._queue.discard(entry.content_hash)
                self._interrupt(entry)
            self._state.touch({entry.content_hash})

    def recheck(self, content_hash: str) -> None:
        """Queue the delete of a content if it is due; if not, hold it back."""
        entry = self._state.outbox.get(content_hash)
        if entry is not None:
            if not self._is_due(entry):
                self._interrupt(entry)
            self.wait(content_hash)

    # --- jobs: the interface of a JobOwner

    def job(self, key: str) -> Job:
        entry = self._entry(key)
        serial = self._state.jobs.next_serial()
        return Job(serial, JobKind.DELETE, min(entry.causes), entry.content_hash, entry.remote_key, 0)

    def wait(self, key: str) -> None:
        entry = self._entry(key)
        if self._is_due(entry) and entry.job is None:
            self._queue.put(
                key,
                priority=0,
                age=entry.queued_at,
                not_before=entry.retry.not_before,
                now=self._state.now,
            )
        else:
            self._queue.discard(key)

    def start(self, job: Job) -> None:
        self._entry(job.content_hash).job = job
        self._state.emit(Start(job))

    def succeeded(self, job: Job) -> None:
        entry = self._take(job)
        if entry is not None and self._is_due(entry):
            self._state.emit(*map(FinishRemoteDelete, self._state.outbox.remove(entry)))
        self._after(job)

    def cancelled(self, job: Job) -> None:
        self._take(job)
        self._after(job)

    def failed(self, job: Job, failure: Failure) -> None:
        """Try again later."""
        if failure.kind is FailureKind.REMOTE_MISSING:
            self.succeeded(job)
            return
        entry, state = self._take(job), self._state
        if entry is not None:
            entry.retry = entry.retry.after(failure, state.policy, state.now, state.jitter)
            state.emit(Notify(FileSyncEvent("sync:error", job.file_id, error=failure.message)))
        self._after(job)

    def pause_all(self) -> None:
        for entry in self._state.outbox:
            self._interrupt(entry)
            self.wait(entry.content_hash)

    def resume_all(self) -> None:
        for entry in self._state.outbox:
            if entry.retry != FIRST_TRY:
                entry.retry = FIRST_TRY
                self.wait(entry.content_hash)

    # ---

    def _is_due(self, entry: OutboxEntry) -> bool:
        """Whether the object may go, as far as the files are concerned."""
        is_live = self._state.files.has_content(entry.content_hash)
        return not is_live and not any(map(self._state.is_unfinished, entry.causes))

    def _after(self, job: Job) -> None:
        """A delete has ended, late or not, and the object may be gone, while a file came to count on it: if
        its bytes are here, they are uploaded again. If not, only a download can tell: a key that is
        withdrawn while the object is there would make nobody fetch it any more."""
        self._state.touch({job.content_hash})
        for file in self._state.files.with_content(job.content_hash):
            if file.is_here and file.record.is_uploaded:
                self._transfers.withdraw(file)

    def _interrupt(self, entry: OutboxEntry) -> None:
        if entry.job is not None:
            self._state.emit(Cancel(entry.job.serial))
            entry.job = None

    def _take(self, job: Job) -> OutboxEntry | None:
        """The entry whose current job has ended; None when the report is late."""
        entry = self._state.outbox.get(job.content_hash)
        if entry is None or entry.job != job:
            return None
        entry.job = None
        return entry

    def _entry(self, key: str) -> OutboxEntry:
        entry = self._state.outbox.get(key)
        if entry is None:
            raise LookupError(f"the delete of {key} waits but is not known")
        return entry
