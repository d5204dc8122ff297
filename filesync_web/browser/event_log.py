"""The event log in IndexedDB: transactional, shared by all tabs and workers of one origin.

Works on the main thread and in workers. Appends ask for `strict` durability: the browser says done when the
operating system has flushed the write. One operation is one job of a worker (`event_log.js`).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Any

import js
import pyodide_js
from pyodide.ffi import to_js

from filesync_web.browser.js_util import js_object
from filesync_web.browser.worker import ScriptWorker
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
        self._is_open = False
        self.worker = ScriptWorker("event_log.js", f"the event log {name}")
        self._state = f"/tmp/filesync-web-{secrets.token_hex(8)}.sqlite3"  # noqa: S108  the page's own memory

    async def open(self, client_id: str) -> str:
        """Open the log, creating it when there is none; returns its client id."""
        self._is_open = True
        return str(await self._run("open", name=self._name, clientId=client_id))

    async def read(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        """What happened since `seen`."""
        return await self._delta("read", seen=_seen(seen), allPending=all_pending)

    async def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        """Append all events or none."""
        texts = [_fields_text(event) for event in events]
        listed = ",".join(map(_entry_of, events, texts))
        facts = self._parsed(await self._run("append", text=f'{{"events":[{listed}],"seen":{_seen(seen)}}}'))
        if "local" in facts:
            return _delta(facts)
        first = facts["position"][2] - len(events) + 1
        own = [_local_entry([n, *json.loads(f"[{text}]")]) for n, text in enumerate(texts, first)]
        return _delta_of(facts, (), own)

    async def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        """Append confirmed events, if `seen` is still current."""
        listed = ",".join(map(_entry_text, entries))
        text = f'{{"entries":[{listed}],"backendId":{to_json(backend_id)},"seen":{_seen(seen)}}}'
        facts = self._parsed(await self._run("confirm", text=text))
        return _delta(facts) if "local" in facts else _delta_of(facts, entries, ())

    async def discard(self, ids: Sequence[int]) -> None:
        """Remove void entries."""
        mark = _event_text(LocalEvent(DISCARDED, list(ids), "", "", synced=False))
        await self._run("discard", text=f'{{"ids":{json.dumps(list(ids))},"mark":{mark}}}')

    async def reset(self, seen: Position, offered: Sequence[LocalEvent] = ()) -> LogDelta:
        """Drop the confirmed events; `offered` are pending from now on."""
        listed = ",".join(map(_event_text, offered))
        return await self._delta("reset", text=f'{{"offered":[{listed}],"seen":{_seen(seen)}}}')

    async def set_sync_enabled(self, enabled: bool) -> None:
        """Keep the flag."""
        await self._run("setSyncEnabled", enabled=enabled)

    async def open_state(self, *, fresh: bool = False) -> sqlite3.Connection:
        """The state, in a file of this page's memory."""
        js_bytes = js.Uint8Array.new(await self._run("loadState", fresh=fresh))
        pyodide_js.FS.writeFile(self._state, js_bytes, js_object({"canOwn": True}))
        return connect_alone(self._state)

    async def save_state(self) -> None:
        """Keep that file for the next page."""
        js_node = pyodide_js.FS.lookupPath(self._state).node
        js_copy = js.Blob.new(to_js([js_node.contents.subarray(0, js_node.usedBytes)]))
        await self._run("saveState", blob=js_copy)

    async def close(self) -> None:
        """Let go of the database."""
        if self._is_open:
            self._is_open = False
            await self.worker.finish()
            if pyodide_js.FS.analyzePath(self._state).exists:
                pyodide_js.FS.unlink(self._state)

    async def _delta(self, operation: str, **args: Any) -> LogDelta:
        return _delta(self._parsed(await self._run(operation, **args)))

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            delta: dict[str, Any] = parse_json(text, max_bytes=None, envelope=_AROUND_ARGUMENTS)
        except ForeignTextError as error:
            raise StoreError(f"the event log {self._name} is damaged: {error}") from error
        return delta

    async def _run(self, operation: str, **args: Any) -> Any:
        if not self._is_open:
            raise StoreError(f"the event log {self._name} is not open")
        try:
            return await self.worker.run(operation, **args)
        except StoreError:
            raise
        except QuotaExceededError as error:
            raise QuotaExceededError(
                "the device has no room for the event log: free some, then try again"
            ) from error
        except StorageUnavailableError as error:
            raise StorageUnavailableError(
                f"the browser keeps no event log for this page ({error}); private mode?"
            ) from error
        except FileSyncError as error:
            raise StoreError(f"the event log {self._name} failed: {error}") from error


def _seen(position: Position) -> str:
    return json.dumps(
        {"epoch": position.epoch, "confirmed": position.confirmed, "local": position.local},
    )


def _delta(parsed: dict[str, Any]) -> LogDelta:
    confirmed = [
        ConfirmedEntry(Event(name, args, seq, parent, client, session), local_id)
        for seq, parent, name, args, client, session, local_id in parsed["confirmed"]
    ]
    return _delta_of(parsed, confirmed, [_local_entry(entry) for entry in parsed["local"]])


def _delta_of(
    facts: dict[str, Any], confirmed: Sequence[ConfirmedEntry], local: Sequence[LocalEntry]
) -> LogDelta:
    position = Position(*facts["position"])
    return LogDelta(position, confirmed, local, facts["backendId"], facts["syncEnabled"], facts["resets"])


def _local_entry(entry: Sequence[Any]) -> LocalEntry:
    id_, name, args, client, session, synced, key, only_if = entry
    return LocalEntry(id_, LocalEvent(name, args, client, session, synced, key, only_if))


def _event_text(event: LocalEvent) -> str:
    return _entry_of(event, _fields_text(event))


def _fields_text(event: LocalEvent) -> str:
    """The members of the array that an event is kept as, behind its id."""
    identity = [event.client_id, event.session_id, event.synced]
    return to_json([event.name, event.args, *identity, event.compaction_key, event.only_if])[1:-1]


def _entry_of(event: LocalEvent, fields: str) -> str:
    return to_json({"key": event.compaction_key, "pending": event.synced, "json": fields})


def _entry_text(entry: ConfirmedEntry) -> str:
    event = entry.event
    fields = [event.seq_num, event.parent_seq_num, event.name, event.args, event.client_id, event.session_id]
    text = to_json([*fields, entry.local_id])
    return to_json({"seqNum": event.seq_num, "localId": entry.local_id, "json": text})
