"""The transfer engine: facts in, effects out.

    facts (record, row, own bytes, controls, outbox) ──┐
    ends of jobs (succeeded, failed, cancelled) ───────┼──> Engine ──> effects, in order
    gate, time ────────────────────────────────────────┘

It does no I/O and knows neither clock nor randomness: an input brings the time (`now`, seconds) and, where it
matters, `jitter` ([0, 1)). Its effects are done in order, and all of them before it is shown facts again;
that is all that the shell (`transfers/engine_runner.py`) has to promise. So several ends of jobs may be told
in a row, and what follows from them be written down together.

Theory of operation
===================

*Rows are the only truth.* What is to be transferred follows from the synced record and this client's row of
it (`localFileState`). There is no list of work beside the rows that could disagree with them: the queues are
views of them, made anew by the first facts. So a crash loses nothing but requests. A new leader is shown all
files; what was in progress is queued, what rested at `error` is tried again.

*Plan.* For each live file two facts decide, by the table in `plan.py`: are the record's bytes here, and does
the record have a remote key?

                     uploaded     not uploaded
    here             nothing      upload
    not here         download     wait until somebody has uploaded it

An edit or a deletion elsewhere, bytes that come with another file of the same content, a key that was
withdrawn: whatever happens changes a fact, and the plan is asked again (`reconcile`). No case has its own
path.

*Transitions.* A status changes by the table in `transitions.py` alone, and an illegal step raises.

*Jobs and late reports.* A job is one attempt and has a serial; the file or outbox entry that wants it holds
it. Cancelling asks it to stop and lets go of it at once, but its request may live on, and may still have its
effect. So a job counts as running until its end is reported, no other job touches the same bytes until then,
and a report of a job that nobody holds is late: it settles nothing. What it may have done is found out:
bytes that have come are garbage or what some file lacked, and an object that a called-off delete may have
taken is uploaded again by who has its bytes.

*Room.* Of each kind as many jobs run as the app has set, else as their sizes allow: many small ones, whose
time goes into round trips, few large ones (`RunningJobs`). The queue's order, priority and then age, holds
also for what has to wait for room.

*Gate.* Jobs start only while the gate is open: online, leading, not stopped. Closing it cancels all of them.

*Retry.* What may pass is tried again after a growing random pause. What failed too often, or looks final,
rests at `error`, and is tried again all the same, slowly (`retry.py`). Whatever may help tries it at once:
the gate opens, the content or the key changes, the bytes come, somebody asks for it.

*Lost objects.* A download that finds no object, or wrong bytes several times, withdraws the key, by an event
that all clients get: whoever has the bytes sees "here, not uploaded". Who withdrew it may be mistaken, and
then nobody else would ever fetch the file; so its row keeps the error, and it looks at the object now and
then.

*Outbox.* Objects are deleted by who answers for them: every client notes an object in its outbox before it
sends the first byte, and an edit or a deletion notes the one that it replaces (`outbox.py`). The entry stays
while any live file has the content, and while the file that caused it has new content that is not up. So
nothing is left behind, whatever edits cross, whoever dies; that two clients may delete the same object does
no harm.

*Garbage.* An input marks the contents of which it changed what needs them. Those that no live file has, and
no unfinished edit, are named as garbage (`DeleteBlob`); the shell looks again before it removes them. The
absence of a record says nothing: only a tombstone or an edit ends a need.

*Demand.* Which files come by themselves is decided in `demand.py`. One that does not is at rest, with nothing
to be done, until somebody asks for it.

*Versions and trash.* What a file had before, and what was deleted, is kept for as long as the store's policy
says (`core/versions.py`). To the engine each such content is a file of its own that is only *kept*: it never
comes by itself, nobody waits for it, and all else holds as it does for live ones. So bytes that are here and
nowhere else are uploaded, objects and bytes stay while anything is kept that has them, and a key that is lost
is withdrawn. When the policy ends it, the engine sees a deletion; it knows neither the policy nor the clock.

*Eviction.* An evicted file is not downloaded, that is all. Bytes of it that are here, or come by another
file, are kept as any others: only the eviction itself removes them, after it has asked the object store.

*Crash safety is the order of effects.* An entry of the outbox before the row that is queued for upload; a
row in progress before its job starts; a remote key only after the upload, and before the row that says done;
the row that says "lost" before the key is withdrawn. After each effect everything may end, and the next
start goes on. What is written down may as well be so all at once, in one transaction, before the rest is
done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure
from filesync_web.engine.demand import Demand, Downloads
from filesync_web.engine.effects import DeleteBlob, Effect, Job, JobKind
from filesync_web.engine.file_entry import FileFact
from filesync_web.engine.remote_deletes import RemoteDeletes
from filesync_web.engine.retry import Retry
from filesync_web.engine.state import EngineState, JobOwner, Limits, RunningJobs
from filesync_web.engine.transfers import Transfers


class Engine:
    """Decides the transfers of one store on one client. `remote=False` is local-only mode: nothing is ever
    transferred. `stored`: the contents that are here when it begins, with their sizes in bytes."""

    def __init__(
        self,
        *,
        remote: bool = True,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        downloads: Downloads | None = None,
        stored: Mapping[str, int] | None = None,
    ) -> None:
        jobs, demand = RunningJobs(limits or Limits()), Demand(downloads or Downloads(), stored or {})
        self._state = EngineState(retry or RetryPolicy(), jobs, demand)
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

    # --- for a report

    def running_jobs(self) -> list[Job]:
        """The jobs whose end was not reported yet, the oldest first."""
        return self._state.jobs.all()

    def retry_of(self, some_id: str) -> Retry | None:
        """How often the transfer of a file or a version has failed in a row; None for one that is not
        known."""
        file = self._state.files.get(some_id)
        return None if file is None else file.retry

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
                state.demand.gone(content_hash)
                state.emit(DeleteBlob(content_hash))
        if self._is_open:
            for kind in JobKind:
                self._start_ready(kind)
        return state.take_effects()

    def _start_ready(self, kind: JobKind) -> None:
        """Start jobs of one kind while there is room; those that touch the same bytes as a running one
        wait. Nobody passes one that there is no room for yet: small files would keep a large one waiting."""
        state, owner, blocked = self._state, self._owners[kind], []
        while not state.jobs.is_full(kind) and (key := state.queues[kind].pop(state.now)) is not None:
            job = owner.job(key)
            if state.jobs.collides(job):
                blocked.append(key)
            elif not state.jobs.has_room_for(job):
                blocked.append(key)
                break
            else:
                state.jobs.add(job)
                owner.start(job)
        for key in blocked:
            owner.wait(key)
