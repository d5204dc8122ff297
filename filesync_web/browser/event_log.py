"""The event log in IndexedDB: transactional, shared by all tabs and workers of one origin.

Works on the main thread and in workers. Appends ask for `strict` durability: the browser says done when the
operating system has flushed the write. One operation is one call into JavaScript (see `event_log.js`).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pyodide_js
from pyodide.ffi import JsException

from filesync_web.browser.js_util import load_script
from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.errors import FileSyncError, QuotaExceededError, StorageUnavailableError, StoreError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import (
    DISCARDED,
    ConfirmedEntry,
    LocalEntry,
    LocalEvent,
    LogDelta,
    Position,
)
from filesync_web.livestore.state_file import connect_alone
from filesync_web.livestore.wire import to_json

_AROUND_ARGUMENTS = 3  # {"confirmed": [[..., arguments, ...


class IndexedDbEventLog:
    """The `EventLog` port on the IndexedDB database `name`."""

    shares_state = True

    def __init__(self, name: str) -> None:
        self._name = name
        self._js = load_script("event_log.js", ("openLog",))
        self._js_log: Any = None
        self._state = f"/tmp/filesync-web-{secrets.token_hex(8)}.sqlite3"  # noqa: S108  the page's own memory

    async def open(self, client_id: str) -> str:
        """Open the log, creating it when there is none; returns its client id."""
        self._js_log = await self._asked(lambda: self._js.openLog(self._name, client_id))
        return str(self._js_log.clientId)

    async def read(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        """What happened since `seen`."""
        return await self._delta(lambda: self._opened.read(_seen(seen), all_pending))

    async def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        """Append all events or none."""
        listed = ",".join(map(_event_text, events))
        return await self._delta(lambda: self._opened.append(f'{{"events":[{listed}],"seen":{_seen(seen)}}}'))

    async def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        """Append confirmed events, if `seen` is still current."""
        listed = ",".join(map(_entry_text, entries))
        text = f'{{"entries":[{listed}],"backendId":{to_json(backend_id)},"seen":{_seen(seen)}}}'
        return await self._delta(lambda: self._opened.confirm(text))

    async def discard(self, ids: Sequence[int]) -> None:
        """Remove void entries."""
        mark = _event_text(LocalEvent(DISCARDED, list(ids), "", "", synced=False))
        text = f'{{"ids":{json.dumps(list(ids))},"mark":{mark}}}'
        await self._asked(lambda: self._opened.discard(text))

    async def reset(self, seen: Position, offered: Sequence[LocalEvent] = ()) -> LogDelta:
        """Drop the confirmed events; `offered` are pending from now on."""
        text = f'{{"offered":[{",".join(map(_event_text, offered))}],"seen":{_seen(seen)}}}'
        return await self._delta(lambda: self._opened.reset(text))

    async def set_sync_enabled(self, enabled: bool) -> None:
        """Keep the flag."""
        await self._asked(lambda: self._opened.setSyncEnabled(enabled))

    async def open_state(self, *, fresh: bool = False) -> sqlite3.Connection:
        """The state, in a file of this page's memory."""
        await self._asked(lambda: self._opened.loadState(pyodide_js.FS, self._state, fresh))
        return connect_alone(self._state)

    async def save_state(self) -> None:
        """Keep that file for the next page."""
        await self._asked(lambda: self._opened.saveState(pyodide_js.FS, self._state))

    async def close(self) -> None:
        """Let go of the database."""
        js_log, self._js_log = self._js_log, None
        if js_log is not None:
            js_log.close(pyodide_js.FS, self._state)

    @property
    def _opened(self) -> Any:
        if self._js_log is None:
            raise StoreError(f"the event log {self._name} is not open")
        return self._js_log

    async def _delta(self, ask: Callable[[], Awaitable[Any]]) -> LogDelta:
        text = await self._asked(ask)
        try:
            delta = parse_json(text, max_bytes=None, envelope=_AROUND_ARGUMENTS)
        except ForeignTextError as error:
            raise StoreError(f"the event log {self._name} is damaged: {error}") from error
        return LogDelta(
            Position(*delta["position"]),
            [
                ConfirmedEntry(Event(name, args, seq, parent, client, session), local_id)
                for seq, parent, name, args, client, session, local_id in delta["confirmed"]
            ],
            [
                LocalEntry(id_, LocalEvent(name, args, client, session, synced, key, only_if))
                for id_, name, args, client, session, synced, key, only_if in delta["local"]
            ],
            delta["backendId"],
            delta["syncEnabled"],
            delta["resets"],
        )

    async def _asked(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await ask()
        except JsException as error:
            raise self._error(error) from error

    def _error(self, error: JsException) -> FileSyncError:
        if error.name == "QuotaExceededError":
            return QuotaExceededError("the device has no room for the event log: free some, then try again")
        if error.name == "VersionError":
            return StoreError(f"the event log {self._name} has a newer version than this page: reload it")
        if error.name == "SecurityError":
            return StorageUnavailableError(
                f"the browser keeps no event log for this page ({error.message}); private mode?"
            )
        return StoreError(f"the event log {self._name} failed: {error.name}: {error.message}")


def _seen(position: Position) -> str:
    return json.dumps(
        {"epoch": position.epoch, "confirmed": position.confirmed, "local": position.local},
    )


def _event_text(event: LocalEvent) -> str:
    identity = [event.client_id, event.session_id, event.synced]
    fields = [event.name, event.args, *identity, event.compaction_key, event.only_if]
    entry = {"key": event.compaction_key, "pending": event.synced, "json": to_json(fields)[1:-1]}
    return to_json(entry)


def _entry_text(entry: ConfirmedEntry) -> str:
    event = entry.event
    fields = [event.seq_num, event.parent_seq_num, event.name, event.args, event.client_id, event.session_id]
    text = to_json([*fields, entry.local_id])
    return to_json({"seqNum": event.seq_num, "localId": entry.local_id, "json": text})
