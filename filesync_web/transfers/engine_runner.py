"""The only shell of the engine: feeds it facts, performs its effects.

It works while this tab leads, one input at a time: an input's effects are done before the next input is
read, so what the engine is told of the store is never older than what it asked for. Jobs run as tasks
beside it and report their end once. Everything the engine needs to go on is in the store; losing this
object loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import first_of
from filesync_web.core.failures import failure_of
from filesync_web.core.records import FileRecord, RemoteDelete, TransferControl
from filesync_web.engine import effects as fx
from filesync_web.engine.effects import Job, JobKind
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact
from filesync_web.engine.state import Limits
from filesync_web.errors import FileSyncError, NetworkError
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.workspace import Workspace
from filesync_web.livestore.schema import NewEvent
from filesync_web.options import FileSyncOptions
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.job_runner import JobRunner
from filesync_web.transfers.online import OnlineMonitor

logger = logging.getLogger(__name__)

FACTS_PER_BATCH = 500
"""Files that are looked at in one go when a tab begins to lead: some 100 ms in a browser."""

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
        self._jobs = jobs
        self._garbage = garbage
        self._monitor = monitor
        self._relay = relay
        self._options = options
        self._dirty: set[str] = set()
        self._reports: deque[tuple[Job, _Outcome]] = deque()
        self._tasks = Tasks(f"transfers of store {workspace.store.store_id!r}")
        self._running: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def changed(self, file_ids: Iterable[str]) -> None:
        """The store has changed what it says of these files, or of the outbox."""
        self._dirty.update(file_ids)
        self._wake.set()

    def wake(self) -> None:
        """Whether transfers may run has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Run transfers until cancelled; then every request is aborted before this returns. Only one call at
        a time."""
        while True:
            await self._run_engine()

    async def _run_engine(self) -> None:
        """Run one engine, until records may have vanished: it would go on with files that are no more."""
        engine, epoch = self._new_engine(), self._store.epoch
        try:
            self._dirty.clear()
            self._reports.clear()
            async for facts in self._all_facts():
                await self._perform(engine.learn(facts, self._clock.monotonic()))
            await self._perform(engine.observe((), self._clock.monotonic()))
            self._garbage.collect_all()
            while self._store.epoch == epoch:
                self._wake.clear()
                if self._dirty:
                    await self._observe(engine)
                elif self._reports:
                    await self._report(engine, *self._reports.popleft())
                else:
                    await self._perform(engine.set_gate(self._monitor.may_transfer, self._clock.monotonic()))
                    await self._pause(engine.next_wakeup())
        finally:
            await self._tasks.cancel_and_wait()

    def _new_engine(self) -> Engine:
        options = self._options
        limits = Limits(options.max_concurrent_uploads, options.max_concurrent_downloads)
        return Engine(remote=self._workspace.remote.exists, limits=limits, retry=options.retry)

    # --- facts

    async def _observe(self, engine: Engine) -> None:
        file_ids, self._dirty = self._dirty, set()
        found = [self._tables.record(file_id) for file_id in sorted(file_ids)]
        facts = [await self._fact(record) for record in found if record is not None]
        live = [record for record in found if record is not None and record.is_live and record.is_usable]
        await self._garbage.keep(record.content_hash for record in live)
        await self._perform(engine.observe(facts, self._clock.monotonic()))

    async def _fact(self, record: FileRecord) -> FileFact:
        row, control = self._tables.row(record.id), self._tables.control(record.id)
        local_hash = row.local_hash if row is not None else ""
        content_hash = record.content_hash
        if content_hash not in {"", local_hash} and await self._blobs.size(content_hash) is not None:
            local_hash = content_hash
        deletes = tuple(self._tables.remote_deletes([record.id]))
        return FileFact(record, row, local_hash, control, deletes)

    async def _all_facts(self) -> AsyncIterator[list[FileFact]]:
        """Everything, when this tab begins to lead, in parts between which others get their turn; here the
        rows are not trusted to know which bytes are here."""
        stored = await self._blobs.list()
        ids = self._tables.all_ids()
        for start in range(0, len(ids), FACTS_PER_BATCH):
            await asyncio.sleep(0)
            some = ids[start : start + FACTS_PER_BATCH]
            rows = {row.file_id: row for row in self._tables.rows(some)}
            controls = {control.file_id: control for control in self._tables.controls(some)}
            deletes: defaultdict[str, list[RemoteDelete]] = defaultdict(list)
            for delete in self._tables.remote_deletes(some):
                deletes[delete.file_id].append(delete)
            facts = []
            for record in self._tables.records(some):
                row = rows.get(record.id)
                candidates = (record.content_hash, row.local_hash if row is not None else "")
                local_hash = next((content for content in candidates if content in stored), "")
                control = controls.get(record.id) or TransferControl(record.id)
                facts.append(FileFact(record, row, local_hash, control, tuple(deletes[record.id])))
            yield facts

    async def _report(self, engine: Engine, job: Job, outcome: _Outcome) -> None:
        now = self._clock.monotonic()
        if outcome is None:
            effects = engine.succeeded(job.serial, now)
        elif isinstance(outcome, asyncio.CancelledError):
            effects = engine.cancelled(job.serial, now)
        else:
            effects = engine.failed(job.serial, failure_of(outcome), now, self._random.random())
        await self._perform(effects)
        if outcome is not None and job.kind is JobKind.DOWNLOAD:
            # Its bytes may have come all the same: it may have been stopped after its last step.
            self._dirty.update(record.id for record in self._tables.files_of(job.content_hash))

    async def _pause(self, until: float | None) -> None:
        """Wait for the next input or wake-up."""
        if until is None:
            await self._wake.wait()
            return
        await first_of(self._clock.sleep(max(0.0, until - self._clock.monotonic())), self._wake.wait())

    # --- effects

    async def _perform(self, effects: list[fx.Effect]) -> None:
        """Do the effects in order; events that follow each other are one commit."""
        events: list[NewEvent] = []
        for effect in effects:
            event = self._event(effect)
            if event is not None:
                events.append(event)
                continue
            if not isinstance(effect, fx.Notify) and events:
                await self._store.commit(*events)
                events = []
            match effect:
                case fx.Start(job):
                    self._start(job)
                case fx.Cancel(serial):
                    if serial in self._running:
                        self._running[serial].cancel()
                case fx.DeleteBlob(content_hash):
                    self._garbage.collect(content_hash)
                case fx.Notify(notice):
                    self._relay.tell(notice)
        if events:
            await self._store.commit(*events)

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
        record, stored = self._tables.record(change.file_id), self._tables.stored(change.file_id)
        if record is None or stored is None:
            return None
        if (record.content_hash, record.remote_key) != (change.content_hash, change.old):
            return None
        return self._workspace.events.remote_key_changed(stored, change.new)  # which mends a wrong key

    # --- jobs

    def _start(self, job: Job) -> None:
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
        self._reports.append((job, outcome))
        self._wake.set()
