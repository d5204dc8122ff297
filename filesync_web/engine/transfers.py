"""Uploads and downloads: how rows follow from facts, and what the end of a job means for its file."""

from __future__ import annotations

from dataclasses import replace

from filesync_web.core.display import FileSyncEvent
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.paths import remote_key
from filesync_web.core.records import Control, FileRecord
from filesync_web.engine.effects import (
    Cancel,
    ChangeRemoteKey,
    Job,
    JobKind,
    Notify,
    RemoveRow,
    Start,
    WriteRow,
)
from filesync_web.engine.file_entry import FileEntry, FileFact, at_rest, first_row
from filesync_web.engine.retry import FIRST_TRY
from filesync_web.engine.state import EngineState
from filesync_web.engine.transitions import Input


class Transfers:
    """The half of the engine that moves the bytes of live files; a key is a file id."""

    def __init__(self, state: EngineState, *, remote: bool) -> None:
        self._state = state
        self._queues = {kind: state.queues[kind] for kind in (JobKind.UPLOAD, JobKind.DOWNLOAD)}
        self._remote = remote

    # --- facts

    def observe_live(self, fact: FileFact) -> None:
        """A live file is new, or something of it may have changed.

        The stored row counts only while no job runs for the file: another tab may have written it (a save, an
        edit, a retry that somebody asked for), but what is in progress only this engine knows. Its path tells
        which content it is about: other content makes a running job worthless. A hold of the user stops it.
        """
        record, row = fact.record, fact.row or first_row(fact.record)
        known = self._state.files.get(record.id)
        file = known or FileEntry(record, row, fact.control)
        is_held = fact.control.state is not Control.NONE
        is_released = not is_held and file.control.state is not Control.NONE
        is_edited = file.row.path != record.path
        is_moved = file.record.remote_key != record.remote_key
        if is_held or is_edited:
            self._interrupt(file)
        is_asked_for = file.job is None and file.row.has_error and not row.has_error
        if is_released or is_edited or is_asked_for:
            file.retry = FIRST_TRY
        if file.job is None:
            file.row = at_rest(row)
        self._change_record(file, record)
        file.stored, file.control, file.is_kept = fact.row, fact.control, fact.is_kept
        file.take_in(fact.local_hash, self._state.demand, forget_error=is_edited or is_moved)
        self.reconcile(file, retry=known is None or is_released or is_edited or is_moved)
        if file.is_here:
            self._arrived(record.content_hash)

    def observe_deleted(self, fact: FileFact) -> None:
        """A tombstone: the file's row goes, and its bytes and its objects may be garbage.

        Which objects it has had need not be found out here: every client that sent one has it in its outbox.
        That includes content that an edit elsewhere gave the file before the deletion was known there, and
        uploads whose end nobody has heard of.
        """
        file_id = fact.record.id
        if (file := self._state.files.get(file_id)) is not None:
            self._interrupt(file)
            self._unqueue(file_id)
        if fact.row is not None:
            self._state.emit(RemoveRow(file_id))
        self._state.touch(self._state.files.remove(file_id))
        self._touch_caused_by(file_id)

    def reconcile(self, file: FileEntry, *, retry: bool = False) -> None:
        """Bring the row to what the plan wants, and stop a job that the plan no longer wants. `retry`:
        something has happened that may help what failed, so it need not wait any longer."""
        if file.job is not None and not file.is_served_by(file.job.kind, remote=self._remote):
            self._interrupt(file)
        if file.job is None:
            file.settle(remote=self._remote, retry=retry)
        if retry and file.retry.not_before:
            file.retry = replace(file.retry, not_before=0.0)
        self._write(file)

    def withdraw(self, file: FileEntry) -> None:
        """The file's object is lost: whoever has the bytes is to upload them again.

        The row goes first: if this client dies in between, it still knows what it has found, and not only
        that there is no object any more.
        """
        record = file.record
        self._change_record(file, replace(record, remote_key=""))
        self.reconcile(file)
        if record.is_uploaded:
            self._state.emit(ChangeRemoteKey(record.id, record.content_hash, record.remote_key, ""))

    # --- jobs: the interface of a JobOwner

    def job(self, key: str) -> Job:
        file = self._entry(key)
        record, kind = file.record, file.waiting_for
        if kind is None:
            raise LookupError(f"no transfer of file {key} waits")
        target = record.remote_key or remote_key(record.path)
        size = parse_metadata(record.metadata_json).size_bytes
        return Job(self._state.jobs.next_serial(), kind, record.id, record.content_hash, target, size)

    def wait(self, key: str) -> None:
        self._write(self._entry(key))

    def start(self, job: Job) -> None:
        file = self._entry(job.file_id)
        file.job = job
        file.step(job.kind, Input.START)
        self._write(file)
        self._state.emit(Start(job))
        self._state.notify(job, "start")

    def succeeded(self, job: Job) -> None:
        file = self._take(job)
        if file is not None:
            file.step(job.kind, Input.SUCCEED, error="")
            file.retry = FIRST_TRY
            if job.kind is JobKind.UPLOAD:
                self._state.emit(ChangeRemoteKey(job.file_id, job.content_hash, "", job.remote_key))
                self._change_record(file, replace(file.record, remote_key=job.remote_key))
            else:
                file.change_row(local_hash=job.content_hash)
            self._state.notify(job, "complete")
            self.reconcile(file)
        if job.kind is JobKind.DOWNLOAD:
            self._arrived(job.content_hash)
            self._state.touch({job.content_hash})

    def cancelled(self, job: Job) -> None:
        self._state.touch({job.content_hash})  # its bytes may have come all the same, for nobody
        file = self._take(job)
        if file is not None:
            file.step(job.kind, Input.INTERRUPT)
            self.reconcile(file)

    def failed(self, job: Job, failure: Failure) -> None:
        """Try again soon or late, or learn that bytes are lost."""
        file, state = self._take(job), self._state
        state.touch({job.content_hash})
        if file is None:
            return
        was_resting = file.retry.is_resting
        file.retry = file.retry.after(failure, state.policy, state.now, state.jitter)
        file.change_row(last_sync_error=failure.message)
        state.notify(job, "error", failure.message)
        is_lost = failure.kind is FailureKind.REMOTE_MISSING or file.retry.is_damaged
        if job.kind is JobKind.DOWNLOAD and is_lost:
            file.step(job.kind, Input.INTERRUPT)
            self.withdraw(file)
            return
        if failure.kind is FailureKind.LOCAL_MISSING:
            file.step(job.kind, Input.INTERRUPT)
            file.change_row(local_hash="")
        else:
            file.step(job.kind, Input.FAIL if file.retry.is_resting else Input.INTERRUPT)
            if failure.kind.may_pass and file.retry.is_resting and not was_resting:
                state.emit(Notify(FileSyncEvent("transfer:exhausted", job.file_id, error=failure.message)))
        self.reconcile(file)

    def pause_all(self) -> None:
        for file in self._state.files:
            if file.job is not None:
                self._interrupt(file)
                self._write(file)

    def resume_all(self) -> None:
        for file in self._state.files:
            if file.retry != FIRST_TRY:
                file.retry = FIRST_TRY
                self.reconcile(file, retry=True)

    # ---

    def _arrived(self, content_hash: str) -> None:
        """The bytes are here: for every file of that content, evicted or not."""
        for file in self._state.files.lacking(content_hash):
            file.change_row(local_hash=content_hash)
            file.retry = FIRST_TRY
            self.reconcile(file, retry=True)

    def _interrupt(self, file: FileEntry) -> None:
        """Tell the file's job to stop; the file waits again. Does nothing without a job."""
        if file.job is not None:
            self._state.emit(Cancel(file.job.serial))
            file.step(file.job.kind, Input.INTERRUPT)
            file.job = None

    def _write(self, file: FileEntry) -> None:
        """Write the row of an entry if it changed, and let the indexes and the queues follow.

        What waits for its upload is answered for from that moment on, not only when it starts: the platform
        may upload it when no tab is open.
        """
        state, waiting_for = self._state, file.waiting_for
        if waiting_for is JobKind.UPLOAD:
            state.answer_for(file.record)
        if file.row != file.stored:
            state.emit(WriteRow(file.row))
            file.stored = file.row
        state.touch(state.files.put(file))
        self._unqueue(file.record.id, but=waiting_for)
        if waiting_for is not None:
            self._queues[waiting_for].put(
                file.record.id,
                priority=file.control.priority - file.is_kept,  # what is current goes first
                age=file.record.updated_at,
                not_before=file.retry.not_before,
                now=state.now,
            )

    def _change_record(self, file: FileEntry, record: FileRecord) -> None:
        """The file has another record; deletes that waited for it may now be due."""
        file.record = record
        self._touch_caused_by(record.id)

    def _touch_caused_by(self, file_id: str) -> None:
        self._state.touch(entry.content_hash for entry in self._state.outbox.caused_by(file_id))

    def _unqueue(self, file_id: str, but: JobKind | None = None) -> None:
        for kind, queue in self._queues.items():
            if kind is not but:
                queue.discard(file_id)

    def _take(self, job: Job) -> FileEntry | None:
        """The file whose current job has ended; None when the report is late."""
        file = self._state.files.get(job.file_id)
        if file is None or file.job != job:
            return None
        file.job = None
        return file

    def _entry(self, file_id: str) -> FileEntry:
        file = self._state.files.get(file_id)
        if file is None:
            raise LookupError(f"file {file_id} waits but is not known")
        return file
