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
from filesync_web.engine.effects import DeleteBlob, Effect, JobKind
from filesync_web.engine.live_files import FileFact
from filesync_web.engine.remote_deletes import RemoteDeletes
from filesync_web.engine.state import EngineState, JobOwner, Limits, RunningJobs
from filesync_web.engine.transfers import Transfers


class Engine:
    """Decides the transfers of one store on one client. `remote=False` is local-only mode: nothing is ever
    transferred."""

    def __init__(
        self, *, remote: bool = True, limits: Limits | None = None, retry: RetryPolicy | None = None
    ) -> None:
        self._state = EngineState(retry or RetryPolicy(), RunningJobs(limits or Limits()))
        self._transfers = Transfers(self._state, remote=remote)
        self._deletes = RemoteDeletes(self._state, self._transfers)
        self._owners: dict[JobKind, JobOwner] = {
            JobKind.UPLOAD: self._transfers,
            JobKind.DOWNLOAD: self._transfers,
            JobKind.DELETE: self._deletes,
        }
        self._is_open = False

    # --- inputs

    def observe(self, facts: Iterable[FileFact], now: float) -> list[Effect]:
        """Files that are new, or of which something may have changed."""
        self._take_in(facts, now)
        return self._advance()

    def learn(self, facts: Iterable[FileFact], now: float) -> list[Effect]:
        """A part of the files, before the `observe` that completes the picture: nothing starts, nothing is
        garbage yet. So a caller with very many files may rest between the parts."""
        self._take_in(facts, now)
        return self._state.take_effects()

    def set_gate(self, is_open: bool, now: float) -> list[Effect]:
        """Let transfers run, or abort them and let them wait. Opening tries at once what failed before."""
        self._state.now = now
        was_open, self._is_open = self._is_open, is_open
        if is_open is not was_open:
            for owner in (self._transfers, self._deletes):
                if is_open:
                    owner.resume_all()
                else:
                    owner.pause_all()
        return self._advance()

    def succeeded(self, serial: int, now: float) -> list[Effect]:
        """A job did what it was to do."""
        self._state.now = now
        job = self._state.jobs.pop(serial)
        if job is not None:
            self._owners[job.kind].succeeded(job)
        return self._advance()

    def failed(self, serial: int, failure: Failure, now: float, jitter: float) -> list[Effect]:
        """A job ended with an error."""
        self._state.now, self._state.jitter = now, jitter
        job = self._state.jobs.pop(serial)
        if job is not None:
            self._owners[job.kind].failed(job, failure)
        return self._advance()

    def cancelled(self, serial: int, now: float) -> list[Effect]:
        """A job that was told to stop has ended; whether it had its effect is unknown."""
        self._state.now = now
        job = self._state.jobs.pop(serial)
        if job is not None:
            self._owners[job.kind].cancelled(job)
        return self._advance()

    def tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        self._state.now = now
        return self._advance()

    def next_wakeup(self) -> float | None:
        """When `tick` is to be called, if nothing else happens before; None for not at all."""
        if not self._is_open:
            return None
        times = [time for queue in self._state.queues.values() if (time := queue.next_due()) is not None]
        return min(times, default=None)

    # --- what follows from an input

    def _take_in(self, facts: Iterable[FileFact], now: float) -> None:
        self._state.now = now
        for fact in facts:
            self._deletes.observe(fact.record.id, fact.deletes)
            if fact.record.is_live:
                self._transfers.observe_live(fact)
            else:
                self._transfers.observe_deleted(fact)

    def _advance(self) -> list[Effect]:
        """Look again at what the input touched, start what may start, and hand out the effects."""
        state = self._state
        for content_hash in state.take_touched():
            self._deletes.recheck(content_hash)
            if not state.is_needed(content_hash):
                state.emit(DeleteBlob(content_hash))
        if self._is_open:
            for kind in JobKind:
                self._start_ready(kind)
        return state.take_effects()

    def _start_ready(self, kind: JobKind) -> None:
        """Start jobs of one kind while there is room; those that touch the same bytes as a running one
        wait."""
        state, owner, blocked = self._state, self._owners[kind], []
        while state.jobs.has_room(kind) and (key := state.queues[kind].pop(state.now)) is not None:
            job = owner.job(key)
            if state.jobs.collides(job):
                blocked.append(key)
            else:
                state.jobs.add(job)
                owner.start(job)
        for key in blocked:
            owner.wait(key)
