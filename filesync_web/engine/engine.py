"""The transfer engine: facts in, effects out.

The rows are the only truth about what is to be transferred; the queues are views of them. The engine
does no I/O and knows no clock: every input brings the time (`now`, seconds) and, where it matters,
randomness (`jitter`, [0, 1)), and returns the effects to perform, in order, before the next input.

*Gate*: whether transfers may run (online, leader, not stopped). *Serial*: names one attempt; a report
whose serial is not that of the file's running job is late, and changes nothing but that the job has
ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure
from filesync_web.core.records import RemoteDelete
from filesync_web.engine.effects import DeleteBlob, Effect, JobKind
from filesync_web.engine.live_files import FileFact
from filesync_web.engine.remote_deletes import NEVER, RemoteDeletes
from filesync_web.engine.state import EngineState, Limits, RunningJobs
from filesync_web.engine.transfers import Transfers


class Engine:
    """See the module. `remote=False` is local-only mode: nothing is ever transferred."""

    def __init__(
        self, *, remote: bool = True, limits: Limits | None = None, retry: RetryPolicy | None = None
    ) -> None:
        retry = retry or RetryPolicy()
        self._state = EngineState(RunningJobs(limits or Limits()))
        self._transfers = Transfers(self._state, retry, remote=remote)
        self._deletes = RemoteDeletes(self._state, retry, self._transfers)
        self._open = False

    def observe(self, facts: Iterable[FileFact], outbox: Iterable[RemoteDelete], now: float) -> list[Effect]:
        """Files that are new, or of which something may have changed, with the outbox of the same moment."""
        self._take_in(facts, now)
        self._deletes.replace(outbox)
        self._deletes.queue_orphaned(now)
        self._deletes.recheck(self._state.outbox, now)
        return self._advance(now)

    def learn(self, facts: Iterable[FileFact], now: float) -> list[Effect]:
        """A part of the files, before the `observe` that completes the picture: nothing starts, nothing is
        garbage yet. So a caller with very many files may rest between the parts."""
        self._take_in(facts, now)
        return self._state.take_effects()

    def set_gate(self, is_open: bool, now: float) -> list[Effect]:
        """Let transfers run, or abort them and let them wait. Opening tries at once what waited for a
        retry."""
        was_open, self._open = self._open, is_open
        if is_open and not was_open:
            self._transfers.resume_all(now)
            self._deletes.resume_all(now)
        elif was_open and not is_open:
            self._transfers.pause_all(now)
            self._deletes.pause_all(now)
        return self._advance(now)

    def succeeded(self, serial: int, now: float) -> list[Effect]:
        """A job did what it was to do."""
        job = self._state.jobs.pop(serial)
        if job is None:
            return []
        if job.kind is JobKind.UPLOAD:
            self._transfers.uploaded(job, now)
            old = self._state.outbox.caused_by(job.file_id)
            self._state.release(entry.delete.content_hash for entry in old)
            self._deletes.recheck(old, now)
        elif job.kind is JobKind.DOWNLOAD:
            self._transfers.downloaded(job, now)
        else:
            self._deletes.deleted(job, now)
        return self._advance(now)

    def failed(self, serial: int, failure: Failure, now: float, jitter: float) -> list[Effect]:
        """A job ended with an error."""
        job = self._state.jobs.pop(serial)
        if job is None:
            return []
        half = self._deletes if job.kind is JobKind.DELETE else self._transfers
        half.failed(job, failure, now, jitter)
        return self._advance(now)

    def cancelled(self, serial: int, now: float) -> list[Effect]:
        """A job that was told to stop has ended; whether it had its effect is unknown."""
        job = self._state.jobs.pop(serial)
        if job is None:
            return []
        half = self._deletes if job.kind is JobKind.DELETE else self._transfers
        half.cancelled(job, now)
        return self._advance(now)

    def tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        return self._advance(now)

    def next_wakeup(self) -> float | None:
        """When `tick` is to be called, if nothing else happens before; None for not at all."""
        if not self._open:
            return None
        times = [time for queue in self._state.queues.values() if (time := queue.next_due()) is not None]
        return min((time for time in times if time != NEVER), default=None)

    def _take_in(self, facts: Iterable[FileFact], now: float) -> None:
        for fact in facts:
            if fact.record.is_live:
                self._transfers.observe_live(fact, now)
            else:
                self._transfers.observe_deleted(fact)

    def _advance(self, now: float) -> list[Effect]:
        """Start what may start, name what is garbage, and hand out the effects of this input."""
        state = self._state
        if self._open:
            for kind in JobKind:
                self._start_ready(kind, now)
        state.emit(
            *(DeleteBlob(content) for content in sorted(state.unreferenced) if not state.is_needed(content))
        )
        state.unreferenced.clear()
        return state.take_effects()

    def _start_ready(self, kind: JobKind, now: float) -> None:
        state, blocked = self._state, []
        while state.jobs.has_room(kind) and (key := state.queues[kind].pop(now)) is not None:
            is_delete = kind is JobKind.DELETE
            job = self._deletes.job(key) if is_delete else self._transfers.job(kind, key)
            if state.jobs.collides(job) or (is_delete and state.is_unfinished(job.file_id)):
                blocked.append(key)
                continue
            state.jobs.add(job)
            if is_delete:
                self._deletes.start(job)
            else:
                self._transfers.start(job, now)
        for key in blocked:
            if kind is JobKind.DELETE:
                self._deletes.wait(key, now)
            else:
                self._transfers.wait(key, now)
