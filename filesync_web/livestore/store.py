"""The store of one tab or process: commit events, query their effects, be told of changes.

Everything outside is a port, given to `Store.open`. Works wherever its ports do; all tabs of a device that
share an event log show the same state, and one of them, the leader, syncs it with the backend.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from typing import Any, TypeVar, overload

from filesync_web.aio.listeners import Listeners
from filesync_web.aio.tasks import Tasks
from filesync_web.errors import OutdatedError, StoreClosedError, StoreError
from filesync_web.livestore.connector import Connector
from filesync_web.livestore.election import ANSWER, ASK, Election
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import LOG_CHANGED, LocalEvent, Message, StorePorts
from filesync_web.livestore.queries import rows_of, tables_of
from filesync_web.livestore.replica import Replica
from filesync_web.livestore.schema import NewEvent, Schema
from filesync_web.livestore.state import Change, StateFailedError
from filesync_web.livestore.state_saver import StateSaver
from filesync_web.livestore.statements import Params
from filesync_web.livestore.subscriptions import Subscriptions
from filesync_web.livestore.sync_client import SyncClient
from filesync_web.livestore.sync_report import STATUS, SyncReport
from filesync_web.livestore.sync_status import MetadataSyncStatus, SyncOptions
from filesync_web.livestore.tab_messages import TabMessages
from filesync_web.livestore.tables import Select, Table
from filesync_web.ports import Unsubscribe

logger = logging.getLogger(__name__)

R = TypeVar("R")

_HELLO = "hello"
_NUDGE = "nudge"


class Store:
    """An open store. Make one with `Store.open`; close it with `close`."""

    def __init__(
        self, schema: Schema, store_id: str, ports: StorePorts, sync: SyncOptions | None, session_id: str
    ) -> None:
        self.schema = schema
        self.store_id = store_id
        self._tasks = Tasks(f"store {store_id!r}")
        self._subscriptions = Subscriptions()
        self._leader_listeners: Listeners[bool] = Listeners()
        self._event_listeners: Listeners[list[tuple[str, Json]]] = Listeners()
        self._void_listeners: Listeners[list[tuple[str, Json]]] = Listeners()
        self._close_listeners: Listeners[None] = Listeners()
        self._tabs = TabMessages(ports.channel)
        self._replica = Replica(
            schema,
            ports.log,
            session_id,
            on_change=self._on_change,
            on_void=self._on_void,
            on_append=self._on_append,
            on_outdated=self._on_outdated,
        )
        self._state_saver = StateSaver(self._replica, ports.clock, self._tasks)
        self._report = SyncReport(self._replica, self._tabs.post)
        self._election = Election(
            ports.lock, ports.clock, self._tabs.post, self._on_leadership, self._report.cannot_lead
        )
        self._sync = None if sync is None or ports.open_socket is None else self._sync_client(ports, sync)
        self._is_open = False
        self._closing: asyncio.Task[None] | None = None
        self._is_behind = False
        self._is_outdated = False

    def _sync_client(self, ports: StorePorts, options: SyncOptions) -> SyncClient:
        return SyncClient(
            self._replica,
            Connector(self.store_id, options, ports),
            ports,
            on_change=self._report.connection_changed,
            on_confirmed=lambda: self._tabs.post(LOG_CHANGED),
        )

    @classmethod
    async def open(
        cls,
        *,
        schema: Schema,
        store_id: str,
        ports: StorePorts,
        sync: SyncOptions | None = None,
        session_id: str | None = None,
    ) -> Store:
        """Open the store on its ports. Without `sync` it stays on this device; `session_id` names this tab,
        by default at random. Raises `StoreError` when the log cannot be opened.
        """
        store = cls(schema, store_id, ports, sync, session_id or secrets.token_urlsafe(6))
        await store._start()
        return store

    async def _start(self) -> None:
        self._tabs.join()
        try:
            await self._replica.open(secrets.token_urlsafe(6))
        except BaseException:
            self._tabs.leave()
            raise
        self._is_open = True
        self._tabs.listen(
            {
                LOG_CHANGED: lambda _message: self._catch_up(),
                STATUS: self._report.hear,
                _HELLO: self._on_hello,
                _NUDGE: self._on_nudge,
                ASK: self._election.on_message,
                ANSWER: self._election.on_message,
            }
        )
        self._catch_up()  # what was told while the log was read was not heard
        self._tabs.post(_HELLO)
        self._election.start()

    async def close(self) -> None:
        """End sync, give up leadership, let go of the log; when it returns, all that this store has begun has
        ended, and commits that were under way are in the log. Never raises; does nothing when closed. It goes
        on when it is cancelled, and a second call waits for its end.
        """
        if self._is_open:
            self._is_open = False
            self._closing = self._tasks.spawn(self._close(), "closing")
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._subscriptions.clear()
        self._close_listeners.tell(None)
        try:
            async with AsyncExitStack() as last_first:  # each is done, whatever another one raises
                last_first.push_async_callback(self._replica.close)
                last_first.callback(self._tabs.leave)
                last_first.push_async_callback(self._tasks.cancel_and_wait)
                if self._sync is not None:
                    last_first.push_async_callback(self._sync.stop)
                last_first.push_async_callback(self._election.close)
        except Exception:
            logger.exception("store %r was not closed as it should be", self.store_id)

    # --- events and queries ---------------------------------------------------------------------------------

    async def commit(self, *events: NewEvent) -> None:
        """Commit all of these events or none; when it returns they are durable here and visible to `query`.

        Raises `SchemaError` for an event that is not of this store's schema or that its materializer refuses,
        `EventTooLargeError`, `StoreError` when the log cannot be written, `StoreClosedError`.
        """
        self._check_open()
        if events:
            await self._replica.append(events)

    @overload
    def query(self, query: Select[R] | Table[R]) -> list[R]: ...
    @overload
    def query(self, query: str, params: Params = ()) -> list[Any]: ...
    def query(self, query: Select[Any] | Table[Any] | str, params: Params = ()) -> list[Any]:
        """The rows of a query as of now: records of its table, or named tuples with the columns of the SQL.

        Raises `SchemaError` when `query` is no query of this schema, `StoreClosedError`, and `StoreError`
        when the state turns out to be damaged: `refresh` returns when it has been made anew.
        """
        self._check_open()
        try:
            return rows_of(self._replica.state, query, params)
        except StateFailedError as error:
            self._replica.state_failed(error)
            self._catch_up()
            raise StoreError(f"{error}; it is being made anew from the events, ask again then") from error

    @overload
    def subscribe(
        self, query: Select[R] | Table[R], callback: Callable[[list[R]], object]
    ) -> Unsubscribe: ...
    @overload
    def subscribe(
        self, query: str, callback: Callable[[list[Any]], object], params: Params = ()
    ) -> Unsubscribe: ...
    @overload
    def subscribe(
        self, query: Iterable[Table[Any]], callback: Callable[[frozenset[str]], object]
    ) -> Unsubscribe: ...
    def subscribe(
        self,
        query: Select[Any] | Table[Any] | str | Iterable[Table[Any]],
        callback: Callable[[Any], object],
        params: Params = (),
    ) -> Unsubscribe:
        """Call back with the new rows whenever the result of `query` has changed: once after each batch of
        events, whichever tab or client they come from, and not for the result as of now.

        With several tables instead of a query, call back with the names of those that were written. An error
        that the callback raises is logged. Returns how to unsubscribe.
        """
        self._check_open()
        if not isinstance(query, str | Select | Table):
            return self._subscriptions.add_tables(frozenset(table.name for table in query), callback)

        def read() -> list[Any]:
            return self.query(query) if not isinstance(query, str) else self.query(query, params)

        rows = read()
        tables = tables_of(self._replica.state, query, params)
        return self._subscriptions.add_query(tables, read, rows, callback)

    def on_events(self, callback: Callable[[list[tuple[str, Json]]], object]) -> Unsubscribe:
        """Call back, once after each batch, with the (wire name, wire arguments) of all events whose
        effect may have changed: newly applied ones of any tab or client, and pending ones that were
        rebased."""
        return self._event_listeners.add(callback)

    def on_void(self, callback: Callable[[list[tuple[str, Json]]], object]) -> Unsubscribe:
        """Call back with the (wire name, wire arguments) of events of this device that have no effect, and
        never will: what they were committed for (`NewEvent.only_if`) does not hold any more, after all that
        came before them in the log. Several tabs may be told of one."""
        return self._void_listeners.add(callback)

    def on_close(self, callback: Callable[[None], object]) -> Unsubscribe:
        """Call back when the store is being closed: nothing of it can be queried any more, and no change will
        be told."""
        return self._close_listeners.add(callback)

    def unconfirmed(self) -> list[tuple[str, Json]]:
        """The (wire name, wire arguments) of events that other clients cannot know of; none without sync."""
        entries = self._replica.pending if self._sync is not None else ()
        return [(entry.event.name, entry.event.args) for entry in entries]

    async def refresh(self) -> None:
        """Catch up with the other tabs now; it happens by itself soon after each of their commits."""
        self._check_open()
        await self._replica.refresh()

    # --- tabs and sync --------------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        """The id of this device's copy of the store, the same for all its tabs and for good."""
        return self._replica.client_id

    @property
    def session_id(self) -> str:
        """The id of this tab."""
        return self._replica.session_id

    @property
    def leader(self) -> bool:
        """Whether this tab leads: it alone syncs metadata and runs transfers."""
        return self._election.is_leader

    def on_leader_change(self, callback: Callable[[bool], object]) -> Unsubscribe:
        """Call back when this tab begins (True) or ceases (False) to lead."""
        return self._leader_listeners.add(callback)

    @property
    def epoch(self) -> int:
        """Grows when the sync backend turns out to be another one: what it had confirmed is dropped then, and
        records may have vanished."""
        return self._replica.position.epoch

    @property
    def has_backend(self) -> bool:
        """Whether it was opened with a sync backend; without, it stays on this device."""
        return self._sync is not None

    @property
    def sync_status(self) -> MetadataSyncStatus:
        """The state of metadata sync, also when another tab does it."""
        return self._report.status

    def on_sync_status(self, callback: Callable[[MetadataSyncStatus], object]) -> Unsubscribe:
        """Call back with each new `sync_status`."""
        return self._report.add_listener(callback)

    async def set_sync_enabled(self, enabled: bool) -> None:
        """Switch metadata sync on or off for all tabs, for good. While off, nothing is sent and nothing
        arrives; commits stay pending. Works offline.
        """
        self._check_open()
        await self._replica.set_sync_enabled(enabled)
        self._tabs.post(LOG_CHANGED)

    def post_message(self, topic: str, body: Json) -> None:
        """Tell the other tabs of this store something; it is not kept, and no promise that anybody
        listens."""
        self._tabs.post_topic(topic, body)

    def on_message(self, topic: str, callback: Callable[[Any], object]) -> Unsubscribe:
        """Call back with what other tabs `post_message` on that topic."""
        return self._tabs.on_topic(topic, callback)

    def nudge_sync(self) -> None:
        """Try to connect now instead of after the pause, and find out whether the connection still lives."""
        if self._sync is not None and self.leader:
            self._sync.nudge()
        else:
            self._tabs.post(_NUDGE)

    def describe(self) -> dict[str, Any]:
        """What this store knows of itself, in JSON values, for a report: its ids, how far the log is and how
        metadata sync stands. Events are told by their names alone."""
        sync = None if self._sync is None else {**self._sync.describe(), **asdict(self.sync_status)}
        ids = {"store_id": self.store_id, "client_id": self.client_id, "session_id": self.session_id}
        return {
            **ids,
            "is_open": self._is_open,
            "leads": self.leader,
            "sync": sync,
            "log": self._replica.describe(),
        }

    def tokens(self) -> set[str]:
        """The texts by which this tab has proved itself to the sync backend: for what is to leave them
        out."""
        return self._sync.tokens() if self._sync is not None else set()

    # --- inside ---------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self._is_open:
            raise StoreClosedError(f"store {self.store_id!r} is closed")

    def _on_append(self) -> None:
        self._tabs.post(LOG_CHANGED)
        if self._sync is not None:
            self._sync.wake()

    def _on_change(self, change: Change) -> None:
        self._subscriptions.notify(change.tables)
        if change.events:
            self._event_listeners.tell(change.events)
        self._run_sync_if_wanted()
        self._report.update()
        if self.leader or not self._replica.shares_state:
            self._state_saver.look(is_connected=self._report.status.connected)

    def _on_void(self, events: Sequence[LocalEvent]) -> None:
        self._void_listeners.tell([(event.name, event.args) for event in events])

    async def _on_leadership(self, is_leader: bool) -> None:
        self._leader_listeners.tell(is_leader)
        self._run_sync_if_wanted()
        if self._sync is not None and not is_leader:
            await self._sync.stop()

    def _run_sync_if_wanted(self) -> None:
        """Run the sync client exactly while this tab leads and sync is switched on."""
        if self._sync is not None:
            self._sync.set_active(self._is_open and self.leader and self._replica.sync_enabled)

    def _on_hello(self, _message: Message) -> None:
        """A tab has opened the store: the log may be one of a newer version since."""
        self._catch_up()
        if self.leader:
            self._report.tell()

    def _on_nudge(self, _message: Message) -> None:
        if self.leader:
            self.nudge_sync()

    def _catch_up(self) -> None:
        if not self._is_behind and self._is_open:
            self._is_behind = True
            self._tasks.spawn(self._read_log(), "catching up")

    async def _read_log(self) -> None:
        self._is_behind = False  # what is told from now on needs another look
        with suppress(OutdatedError):  # it is told
            await self._replica.refresh()
        if self._sync is not None:
            self._sync.wake()

    def _on_outdated(self, error: OutdatedError) -> None:
        if not self._is_outdated:
            self._is_outdated = True
            logger.warning("store %r is left to a newer version: %s", self.store_id, error)
            self._tasks.spawn(self._retire(error), "leaving it to a newer version")

    async def _retire(self, error: OutdatedError) -> None:
        """Let a tab of the newer version lead. What this one has read stays readable."""
        self._tabs.leave()
        await self._election.close()
        self._report.left_to_newer_version(str(error))
