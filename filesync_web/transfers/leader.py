"""What a tab does while it leads: transfers, the probe of the signer, and what the platform may upload later.

An error that nobody foresaw is logged and told as `sync:error`, and the duty begins anew after a pause: no
user notices a leader that does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from filesync_web.aio.tasks import Tasks
from filesync_web.aio.waiting import to_the_end
from filesync_web.core.display import FileSyncEvent
from filesync_web.files.eviction import Eviction
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.workspace import Workspace
from filesync_web.options import FileSyncOptions
from filesync_web.ports import Unsubscribe
from filesync_web.transfers.background_uploads import BackgroundUploads
from filesync_web.transfers.engine_runner import EngineRunner
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.job_runner import JobRunner
from filesync_web.transfers.object_check import ObjectCheck
from filesync_web.transfers.online import OnlineMonitor

logger = logging.getLogger(__name__)

RESTART_DELAY = 5.0
"""Seconds."""

ORPHAN_INTERVAL = 300.0
"""Seconds."""

CHECK_TOPIC = "file-sync-check"


class Leader:
    """Follows the leadership of one store: while this tab has it, it does a leader's duties."""

    def __init__(
        self,
        workspace: Workspace,
        options: FileSyncOptions,
        *,
        garbage: GarbageCollector,
        eviction: Eviction,
        background_uploads: BackgroundUploads,
        relay: EventRelay,
    ) -> None:
        self._remote = workspace.remote
        self._store = workspace.store
        self._tables = workspace.tables
        self._garbage = garbage
        self._clock = workspace.platform.clock
        self._background_uploads = background_uploads
        self._relay = relay
        self._monitor = OnlineMonitor(workspace, options, relay, self._on_online)
        jobs = JobRunner(workspace, eviction, background_uploads, self._on_progress)
        self._runner = EngineRunner(
            workspace, options, jobs=jobs, garbage=garbage, monitor=self._monitor, relay=relay
        )
        self._object_check = ObjectCheck(workspace, self._monitor)
        self._owner = f"file sync of store {workspace.store.store_id!r}"
        self._tasks = Tasks(self._owner)
        self._subscriptions: list[Unsubscribe] = []
        self._following: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._leads = asyncio.Event()
        self._lost = asyncio.Event()

    def start(self) -> None:
        """Begin as soon as this tab leads. Does nothing when started already."""
        if self._following is not None:
            return
        self._relay.open()
        self._subscriptions = [
            self._store.on_leader_change(self._on_leader_change),
            self._store.on_events(self._on_store_change),
            self._store.on_message(CHECK_TOPIC, lambda _message: self._monitor.check_now()),
        ]
        self._on_leader_change(self._store.leader)
        self._following = self._tasks.spawn(self._follow(), "follow the leadership")

    async def stop(self) -> None:
        """Abort everything; returns when it has ended, also what a leadership that was lost has left."""
        following, self._following = self._following, None
        if following is None:
            return
        self._relay.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions.clear()
        following.cancel()
        await asyncio.wait([following])
        if self._following is None and self._store.leader:
            await self._background_uploads.clear()

    def check_now(self) -> None:
        """Look at the connection now instead of at the next interval, whichever tab leads."""
        if self._store.leader:
            self._monitor.check_now()
        else:
            self._store.post_message(CHECK_TOPIC, None)

    # --- for a report

    def describe(self) -> dict[str, Any]:
        """What this tab does as a leader, in JSON values. `jobs`: how many of each kind are under way, those
        included that were told to stop; None while this tab runs none."""
        jobs = self._runner.running_jobs()
        return {
            "is_started": self._following is not None,
            "online": self._relay.online,
            "may_transfer": self._monitor.may_transfer,
            "jobs": None if jobs is None else Counter(job.kind.value for job in jobs),
        }

    def describe_retry(self, some_id: str) -> dict[str, Any] | None:
        """How often the transfer of a file or a version has failed (see `EngineRunner.describe_retry`)."""
        return self._runner.describe_retry(some_id)

    # --- following the leadership

    def _on_leader_change(self, leads: bool) -> None:
        if leads:
            self._leads.set()
        else:
            self._leads.clear()
            self._lost.set()

    async def _follow(self) -> None:
        """Do the duties whenever this tab leads, and not a moment longer.

        Two engines on one store would start the same uploads and write each other's rows. So one task does
        all of it in turn: it waits for the lead, begins the duties, and when the lead is lost waits for their
        end before it looks for the lead again. Tabs lose the lead while they live, when another one takes it
        from a tab that was frozen; what was half done is in the rows, and the next leader goes on with it.
        """
        async with self._turn:  # a `start` while `stop` still waits
            while True:
                await self._leads.wait()
                self._lost.clear()
                if self._store.leader:
                    await self._lead()

    async def _lead(self) -> None:
        duties = Tasks(self._owner)
        try:
            duties.spawn(self._keep_going(self._runner.run), "transfers")
            if self._remote.exists:
                duties.spawn(self._keep_going(self._monitor.run), "probe")
                duties.spawn(self._keep_going(self._object_check.run), "look for lost objects")
            duties.spawn(self._keep_going(self._background_uploads.run), "background uploads")
            duties.spawn(self._keep_going(self._drop_orphans), "orphans")
            await self._lost.wait()
        finally:
            await to_the_end(duties.cancel_and_wait())  # also when a `stop` comes while we wait

    async def _keep_going(self, duty: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await duty()
                return
            except Exception as error:  # whatever it is, the tab goes on leading
                logger.exception("%s failed; it begins anew", self._owner)
                self._relay.tell(FileSyncEvent("sync:error", error=str(error) or type(error).__name__))
                await self._clock.sleep(RESTART_DELAY)

    async def _drop_orphans(self) -> None:
        """Look at times for orphans whose grace is over: not at the start, when the log may lack what others
        have done meanwhile."""
        while True:
            await self._clock.sleep(ORPHAN_INTERVAL)
            if self._tables.orphans():
                self._garbage.collect_all()

    # --- what the duties hear

    def _on_progress(self, event: FileSyncEvent) -> None:
        if event.loaded:
            self._monitor.bytes_moved()
        self._relay.tell(event)

    def _on_online(self, is_online: bool) -> None:
        self._runner.wake()
        self._object_check.wake()
        if is_online:
            self._store.nudge_sync()

    def _on_store_change(self, events: list[tuple[str, Any]]) -> None:
        self._runner.changed(events)
        self._background_uploads.changed(events)
        self._object_check.wake()
