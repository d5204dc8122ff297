"""The only shell of the engine: feeds it facts, performs its effects.

It works while this tab leads. Effects are done before the engine is shown facts again, so what it is told of
the store is never older than what it asked for. Jobs run as tasks beside it and report their end once; ends
that have come meanwhile are taken together, and what follows from them is one commit: with many small files
most of the time goes there. Everything the engine needs to go on is in the store; losing this object loses
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import first_of
from filesync_web.core.failures import failure_of
from filesync_web.core.foreign import accepted
from filesync_web.core.versions import file_and_content
from filesync_web.engine import effects as fx
from filesync_web.engine.demand import Downloads
from filesync_web.engine.effects import Job, JobKind
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact
from filesync_web.engine.state import Limits
from filesync_web.errors import FileSyncError, NetworkError
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.sync_status import MetadataSyncStatus
from filesync_web.options import FileSyncOptions
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.facts import Facts
from filesync_web.transfers.job_runner import JobRunner
from filesync_web.transfers.online import OnlineMonitor
from filesync_web.transfers.own_events import OwnEvents

logger = logging.getLogger(__name__)

FACTS_PER_BATCH = 250
"""Files that are looked at in one go: some 50 ms in a browser."""

MAX_SLEEP = 24 * 3600.0
"""Seconds: a platform's timers do not count more than some weeks, and its clock may be set."""

PLENTY = 8
GATHERING = 0.1
"""While at least `PLENTY` jobs still run, the connections have work: then the ends of others wait so many
seconds for more of them, and what follows is written down, and signed, together."""

_Outcome = BaseException | None


class EngineRunner:
    """Runs the transfers of one store, while `run` runs."""

    def __init__(
        self,
        workspace: Workspace,
        options: FileSyncOptions,
        *,
        jobs: JobRunner,
        garbage: GarbageCollector,
        monitor: OnlineMonitor,
        relay: EventRelay,
    ) -> None:
        self._workspace = workspace
        self._store = workspace.store
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._clock = workspace.platform.clock
        self._random = workspace.platform.random
        self._saves = workspace.saves
        self._jobs = jobs
        self._garbage = garbage
        self._monitor = monitor
        self._relay = relay
        self._options = options
        self._dirty: set[str] = set()
        self._new: dict[str, str] = {}  # saved just now, not looked at yet: by file, its content
        self._is_waiting = False  # to look at those
        self._own = OwnEvents()
        self._facts = Facts(workspace, ())
        self._reports: list[tuple[Job, _Outcome]] = []
        self._reports_due = 0.0  # when they are to wait no longer for more, by the monotonic clock
        self._tasks = Tasks(f"transfers of store {workspace.store.store_id!r}")
        self._running: dict[int, asyncio.Task[None]] = {}
        self._engine: Engine | None = None
        self._wake = asyncio.Event()

    def changed(self, events: Sequence[tuple[str, Any]]) -> None:
        """The store has these events, by wire name and arguments."""
        new = self._saved_now(events) if self._engine is not None else {}
        self._look_at_soon(new)
        self._look_at(self._own.news(events) - new.keys())
        if any(self._workspace.events.is_policy_set(name) for name, _args in events):
            for file_ids in self._tables.all_ids(FACTS_PER_BATCH):
                self._look_at(file_ids)

    def _look_at(self, file_ids: Iterable[str]) -> None:
        before = len(self._dirty)
        self._dirty.update(file_ids)
        if len(self._dirty) > before:
            self._wake.set()

    def _saved_now(self, events: Sequence[tuple[str, Any]]) -> dict[str, str]:
        """The new files that this tab is saving, of which these events tell, and their contents."""
        made = map(self._workspace.events.new_content, events)
        return {file_id: content for file_id, content in filter(None, made) if self._saves.is_saving(file_id)}

    def _look_at_soon(self, new: Mapping[str, str]) -> None:
        """Look at files that are being saved when none is any more, or it takes long. There is nothing to do
        for them earlier, as their uploads give way too; so the others are saved sooner, and all are looked at
        together."""
        self._new.update(new)
        if new and not self._is_waiting:
            self._is_waiting = True
            self._tasks.spawn(self._look_at_new(), "wait for saves")

    async def _look_at_new(self) -> None:
        await self._saves.calm()
        self._is_waiting = False
        self._look_at(self._new)

    def _collect_replaced(self, facts: Sequence[FileFact]) -> None:
        """The engine has not seen what a file had first, if that was edited or deleted in the meantime."""
        for record in [fact.record for fact in facts if fact.record.id in self._new]:
            content = self._new.pop(record.id)
            if content != record.content_hash or not record.is_live:
                self._garbage.collect(content)

    def _look_at_users(self, content_hash: str) -> None:
        self._look_at(file_and_content(user.id)[0] for user in self._tables.users_of(content_hash))

    def wake(self) -> None:
        """Whether transfers may run has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Run transfers until cancelled; then every request is aborted before this returns. Only one call at
        a time."""
        unsubscribe = self._store.on_sync_status(self._on_sync_status)
        try:
            while True:
                await self._run_engine()
        finally:
            unsubscribe()

    def _on_sync_status(self, _status: MetadataSyncStatus) -> None:
        """Whoever has caught up with the backend may let go what has ended meanwhile."""
        end = self._facts.next_end
        if end is not None and end <= self._tables.versions.judged_at:
            self._wake.set()

    async def _run_engine(self) -> None:
        """Run one engine, until records may have vanished: it would go on with files that are no more."""
        epoch = self._store.epoch
        try:
            self._dirty.clear()
            self._new.clear()
            self._is_waiting = False
            self._own.clear()
            self._reports.clear()
            stored = await self._blobs.list()
            self._facts = Facts(self._workspace, stored)
            engine = self._engine = self._new_engine(stored)
            async for facts in self._facts.of(self._tables.all_ids(FACTS_PER_BATCH)):
                await self._perform(engine.learn(facts, self._clock.monotonic()))
            self._facts.has_begun()
            await self._perform(engine.observe((), self._clock.monotonic()))
            self._garbage.collect_all()
            while self._store.epoch == epoch:
                self._wake.clear()
                self._dirty |= self._facts.ended(self._tables.versions.judged_at)
                if self._reports and (self._dirty or self._has_gathered):
                    await self._report(engine)
                elif self._dirty:
                    await self._observe(engine)
                else:
                    await self._perform(engine.set_gate(self._monitor.may_transfer, self._clock.monotonic()))
                    await self._pause(engine.next_wakeup())
        finally:
            self._engine = None
            await self._tasks.cancel_and_wait()

    def running_jobs(self) -> list[Job] | None:
        """What is under way, the oldest first; None while this tab runs no transfers."""
        return None if self._engine is None else self._engine.running_jobs()

    def describe_retry(self, some_id: str) -> dict[str, Any] | None:
        """How often the transfer of a file or a version has failed in a row here, and in how many seconds it
        is tried again, in JSON values; None while this tab runs no transfers, or has not tried it."""
        retry = self._engine.retry_of(some_id) if self._engine is not None else None
        if retry is None or not retry.attempts:
            return None
        again_in = max(0.0, retry.not_before - self._clock.monotonic())
        return {"attempts": retry.attempts, "again_in": round(again_in, 1), "rests": retry.is_resting}

    def _new_engine(self, stored: Mapping[str, int]) -> Engine:
        options = self._options
        limits = Limits(options.max_concurrent_uploads, options.max_concurrent_downloads)
        downloads = Downloads(options.downloads == "on_demand", options.keep_bytes)
        return Engine(
            remote=self._workspace.remote.exists,
            limits=limits,
            retry=options.retry,
            downloads=downloads,
            stored=stored,
        )

    # --- facts

    async def _observe(self, engine: Engine) -> None:
        file_ids, self._dirty = sorted(self._dirty), set()
        starts = range(0, len(file_ids), FACTS_PER_BATCH)
        parts = (file_ids[start : start + FACTS_PER_BATCH] for start in starts)
        async for facts in self._facts.of(parts):
            live = [fact.record for fact in facts if fact.record.is_live and fact.record.is_usable]
            await self._garbage.keep(record.content_hash for record in live)
            self._collect_replaced(facts)
            await self._perform(engine.learn(facts, self._clock.monotonic()))
        await self._perform(engine.observe((), self._clock.monotonic()))

    @property
    def _has_gathered(self) -> bool:
        """Whether the ends of jobs that have come need not wait for more."""
        return len(self._running) < PLENTY or self._clock.monotonic() >= self._reports_due

    async def _report(self, engine: Engine) -> None:
        """Tell the engine the ends of jobs that have come."""
        reports, self._reports = self._reports, []
        effects = [effect for report in reports for effect in self._told(engine, *report)]
        downloads = [report for report in reports if report[0].kind is JobKind.DOWNLOAD]
        arrivals = [self._jobs.arrival(job) for job, outcome in downloads if outcome is None]
        await self._perform(effects, *filter(None, arrivals))
        for job, outcome in downloads:
            if outcome is not None:
                # Its bytes may have come all the same: it may have been stopped after its last step.
                self._look_at_users(job.content_hash)

    def _told(self, engine: Engine, job: Job, outcome: _Outcome) -> list[fx.Effect]:
        now = self._clock.monotonic()
        if outcome is None:
            return engine.succeeded(job.serial, now)
        if isinstance(outcome, asyncio.CancelledError):
            return engine.cancelled(job.serial, now)
        return engine.failed(job.serial, failure_of(outcome), now, self._random.random())

    async def _pause(self, until: float | None) -> None:
        """Wait for the next input or wake-up; when ends of jobs gather, no longer than they are to, and no
        longer than until something that is kept ends. What has ended already waits for a connection."""
        times = [time for time in (until, self._reports_due if self._reports else None) if time is not None]
        if (end := self._facts.next_end) is not None and (left := end / 1000 - self._clock.time()) > 0:
            times.append(self._clock.monotonic() + min(left, MAX_SLEEP))
        if not times:
            await self._wake.wait()
            return
        await first_of(self._clock.sleep(max(0.0, min(times) - self._clock.monotonic())), self._wake.wait())

    # --- effects

    async def _perform(self, effects: list[fx.Effect], *more: NewEvent) -> None:
        """Write down what is to be durable, with `more` that is, all at once; then do the rest in order."""
        events = [event for effect in effects if (event := self._event(effect)) is not None]
        events += more
        if events:
            self._own.expect(events)
            await self._store.commit(*events)
        for effect in effects:
            match effect:
                case fx.Start(job):
                    self._start(job)
                case fx.Cancel(serial):
                    if serial in self._running:
                        self._running[serial].cancel()
                case fx.DeleteBlob(content_hash):
                    self._look_at_users(content_hash)  # the engine need not know of all that is kept
                    self._garbage.collect(content_hash)
                case fx.Notify(notice):
                    self._relay.tell(notice)

    def _event(self, effect: fx.Effect) -> NewEvent | None:
        """The event that an effect commits; None for the effects that commit none."""
        events = self._workspace.events
        match effect:
            case fx.WriteRow(row):
                return events.row_written(row)
            case fx.RemoveRow(file_id):
                return events.row_removed(file_id)
            case fx.ChangeRemoteKey():
                return self._remote_key_event(effect)
            case fx.QueueRemoteDelete(delete):
                return events.remote_delete_queued(delete)
            case fx.FinishRemoteDelete(delete):
                return events.remote_delete_done(delete)
            case _:
                return None

    def _remote_key_event(self, change: fx.ChangeRemoteKey) -> NewEvent | None:
        stored = self._tables.stored(change.file_id)
        if stored is None:
            return None
        record = accepted(stored, self._store.store_id)
        if (record.content_hash, record.remote_key) != (change.content_hash, change.old):
            return None
        return self._workspace.events.remote_key_changed(stored, change.new)  # which mends a wrong key

    # --- jobs

    def _start(self, job: Job) -> None:
        if job.kind is JobKind.DOWNLOAD:
            self._facts.may_be_here(job.content_hash)
        self._running[job.serial] = self._tasks.spawn(
            self._jobs.run(job), f"{job.kind.value} {job.file_id}", on_end=lambda task: self._ended(job, task)
        )

    def _ended(self, job: Job, task: asyncio.Task[None]) -> None:
        """Report the end of a job, also of one that was cancelled before its first step."""
        outcome = asyncio.CancelledError() if task.cancelled() else task.exception()
        if outcome is not None and not task.cancelled():
            trace = None if isinstance(outcome, FileSyncError) else outcome  # nobody foresaw that one
            told = "the %s of %s failed: %s"
            level = logging.ERROR if trace else logging.INFO
            logger.log(level, told, job.kind.value, job.remote_key, outcome, exc_info=trace)
            if isinstance(outcome, NetworkError):
                self._monitor.check_now()
        self._running.pop(job.serial, None)
        if not self._reports:
            self._reports_due = self._clock.monotonic() + GATHERING
            self._wake.set()
        elif len(self._running) < PLENTY:
            self._wake.set()
        self._reports.append((job, outcome))
