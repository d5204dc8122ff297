"""What a tab does while it leads: transfers, the probe of the signer, and what the platform may upload later.

It begins when this tab begins to lead and ends when it ceases to, or when it is stopped. An error that nobody
foresaw is logged and told as `sync:error`, and the duty begins anew after a pause: nobody would notice a
leader that does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any

from filesync_web.core.display import FileSyncEvent
from filesync_web.engine.state import Limits
from filesync_web.files.eviction import Eviction
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.tables import FileSyncTables, file_id_of
from filesync_web.livestore.store import Store
from filesync_web.options import FileSyncOptions
from filesync_web.ports import Platform, Unsubscribe
from filesync_web.remote.object_store import Remote
from filesync_web.remote.signer_client import SignerConfig
from filesync_web.transfers.background_uploads import BackgroundUploads
from filesync_web.transfers.engine_runner import EngineRunner
from filesync_web.transfers.event_relay import EventRelay
from filesync_web.transfers.job_runner import JobRunner
from filesync_web.transfers.online import OnlineMonitor

logger = logging.getLogger(__name__)

RESTART_DELAY = 5.0
"""Seconds."""

CHECK_TOPIC = "file-sync-check"


class Leader:
    """See the module. `signer` is what the platform may upload through later; None lets it do nothing."""

    def __init__(
        self,
        store: Store,
        tables: FileSyncTables,
        platform: Platform,
        options: FileSyncOptions,
        *,
        remote: Remote | None,
        signer: SignerConfig | None,
        garbage: GarbageCollector,
        eviction: Eviction,
        relay: EventRelay,
        random: Random,
    ) -> None:
        self._store = store
        self._clock = platform.clock
        self._remote = remote
        self._relay = relay
        self._monitor = OnlineMonitor(
            self._probe,
            platform.connectivity,
            platform.clock,
            self._on_online,
            interval=options.health_check_interval,
            timeout=options.health_check_timeout,
        )
        self._background_uploads = (
            BackgroundUploads(tables, platform.background, signer) if platform.background else None
        )
        jobs = None
        if remote is not None:
            jobs = JobRunner(
                store,
                tables,
                platform.blobs,
                remote,
                eviction=eviction,
                background_uploads=self._background_uploads,
                on_event=self._on_event,
            )
        self._runner = EngineRunner(
            store,
            tables,
            platform.blobs,
            jobs,
            garbage=garbage,
            clock=platform.clock,
            random=random,
            limits=Limits(options.max_concurrent_uploads, options.max_concurrent_downloads),
            retry=options.retry,
            on_event=self._on_event,
            on_network_error=self._monitor.check_now,
        )
        self._subscriptions: list[Unsubscribe] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_started = False

    def start(self) -> None:
        """Begin as soon as this tab leads. Does nothing when started already."""
        if self._is_started:
            return
        self._is_started = True
        self._relay.open()
        self._subscriptions = [
            self._store.on_leader_change(lambda _leads: self._follow_leadership()),
            self._store.on_events(self._on_store_change),
            self._store.on_message(CHECK_TOPIC, lambda _message: self._monitor.check_now()),
        ]
        self._follow_leadership()

    async def stop(self) -> None:
        """Abort everything; returns when it has ended."""
        was_started, self._is_started = self._is_started, False
        self._relay.close()
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._subscriptions.clear()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if was_started and self._background_uploads is not None and self._store.leader:
            await self._background_uploads.clear()

    def check_now(self) -> None:
        """Look at the connection now instead of at the next interval, whichever tab leads."""
        if self._store.leader:
            self._monitor.check_now()
        else:
            self._store.post_message(CHECK_TOPIC, None)

    def _follow_leadership(self) -> None:
        if self._is_started and self._store.leader and not self._tasks:
            tasks = [self._runner.run]
            if self._remote is not None:
                tasks.append(self._monitor.run)
            if self._background_uploads is not None:
                tasks.append(self._background_uploads.run)
            self._tasks = [asyncio.create_task(self._keep_going(duty)) for duty in tasks]
        elif not self._store.leader:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def _keep_going(self, duty: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await duty()
                return
            except Exception as error:  # whatever it is, the tab goes on leading
                logger.exception("file sync of store %s failed; it begins anew", self._store.store_id)
                self._relay.tell(FileSyncEvent("sync:error", error=str(error) or type(error).__name__))
                await self._clock.sleep(RESTART_DELAY)

    async def _probe(self, timeout: float) -> bool:
        return self._remote is not None and await self._remote.is_healthy(timeout=timeout)

    def _on_event(self, event: FileSyncEvent) -> None:
        if event.loaded:
            self._monitor.bytes_moved()
        self._relay.tell(event)

    def _on_online(self, is_online: bool) -> None:
        self._runner.set_gate(is_online)
        self._relay.tell(FileSyncEvent("online" if is_online else "offline"))
        if is_online:
            self._store.nudge_sync()

    def _on_store_change(self, events: Iterable[tuple[str, Any]]) -> None:
        file_ids = {i for _name, args in events if (i := file_id_of(args)) is not None}
        self._runner.changed(file_ids)
        if self._background_uploads is not None:
            self._background_uploads.changed(file_ids)
