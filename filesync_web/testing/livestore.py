"""Fakes of the store's ports: an event log, channels and a lock that several "tabs" of one test share."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from filesync_web.errors import OutdatedError, StoreError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import (
    DISCARDED,
    ConfirmedEntry,
    LocalEntry,
    LocalEvent,
    LogDelta,
    Message,
    Position,
)
from filesync_web.livestore.state_file import connect_alone
from filesync_web.livestore.wire import kept_args, to_json

E = TypeVar("E", Event, LocalEvent)
T = TypeVar("T", ConfirmedEntry, LocalEntry)


@dataclass(slots=True)
class MemoryLogStorage:
    """What would be on the disk; outlives the `MemoryEventLog`s that use it.

    With `fail_next` the disk refuses the next append. `format` is that of the newest log that has opened it.
    """

    client_id: str = ""
    backend_id: str | None = None
    epoch: int = 1
    last_local: int = 0
    sync_enabled: bool = True
    resets: int = 0
    confirmed: list[ConfirmedEntry] = field(default_factory=list)
    local: list[LocalEntry] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    """By compaction key: the id of the entry that it has left."""
    state: bytes | None = None
    fail_next: bool = False
    format: int = 1

    @property
    def position(self) -> Position:
        head = self.confirmed[-1].event.seq_num if self.confirmed else 0
        return Position(self.epoch, head, self.last_local)


class MemoryEventLog:
    """The `EventLog` port in memory; the logs of one device's tabs share one `MemoryLogStorage`."""

    shares_state = True

    def __init__(self, storage: MemoryLogStorage | None = None, *, format: int = 1) -> None:  # noqa: A002
        self.storage = storage or MemoryLogStorage()
        self._format = format
        self._is_open = False
        self._state: Path | None = None

    async def open(self, client_id: str) -> str:
        self._check_format()
        self.storage.format = self._format
        self._is_open = True
        self.storage.client_id = self.storage.client_id or client_id
        return self.storage.client_id

    async def read(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        await self._turn()
        return self._delta(seen, all_pending=all_pending)

    async def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        await self._turn()
        if self.storage.fail_next:
            self.storage.fail_next = False
            raise StoreError("the disk refused the write")
        self._add(events)
        return self._delta(seen)

    def _add(self, events: Sequence[LocalEvent]) -> None:
        storage = self.storage
        for event in list(map(_kept, events)):
            storage.last_local += 1
            if event.compaction_key is not None:
                self._remove(storage.newest.get(event.compaction_key, 0))
                storage.newest[event.compaction_key] = storage.last_local
            storage.local.append(LocalEntry(storage.last_local, event))

    def _remove(self, entry_id: int) -> None:
        local = self.storage.local
        index = bisect_left(local, entry_id, key=lambda entry: entry.id)
        if index < len(local) and local[index].id == entry_id:
            del local[index]

    async def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        await self._turn()
        storage = self.storage
        is_current = replace(storage.position, local=0) == replace(seen, local=0)
        if is_current and not any(entry.event.synced for entry in self._newer(seen)):
            storage.confirmed += _copies(entries)
            for entry in entries:
                self._remove(entry.local_id or 0)
            storage.backend_id = backend_id
        return self._delta(seen)

    def _newer(self, seen: Position) -> Sequence[LocalEntry]:
        local = self.storage.local
        return local[bisect_right(local, seen.local, key=lambda entry: entry.id) :]

    async def discard(self, ids: Sequence[int]) -> None:
        await self._turn()
        kept = [entry for entry in self.storage.local if not entry.event.synced or entry.id not in ids]
        if len(kept) < len(self.storage.local):
            self.storage.local = kept
            self._add([LocalEvent(DISCARDED, list(ids), "", "", synced=False)])

    async def reset(self, seen: Position, offered: Sequence[LocalEvent] = ()) -> LogDelta:
        await self._turn()
        storage = self.storage
        if replace(storage.position, local=0) == replace(seen, local=0):
            storage.confirmed, storage.backend_id = [], None
            storage.epoch += 1
            storage.resets += 1
            if offered:
                pending = [entry.event for entry in storage.local if entry.event.synced]
                storage.local = [entry for entry in storage.local if not entry.event.synced]
                self._add([*offered, *pending])
        return self._delta(seen)

    async def set_sync_enabled(self, enabled: bool) -> None:
        await self._turn()
        self.storage.sync_enabled = enabled

    async def open_state(self, *, fresh: bool = False) -> sqlite3.Connection:
        await self._turn()
        self._state = self._state or Path(tempfile.mkdtemp()) / "state.sqlite3"
        self._state.write_bytes((not fresh and self.storage.state) or b"")
        return connect_alone(str(self._state))

    async def save_state(self) -> None:
        await self._turn()
        if self._state is not None:
            self.storage.state = self._state.read_bytes()

    async def close(self) -> None:
        self._is_open = False
        if self._state is not None:
            shutil.rmtree(self._state.parent)
            self._state = None

    async def _turn(self) -> None:
        await asyncio.sleep(0)  # a real log gives the others a turn as well
        if not self._is_open:
            raise StoreError("the event log is not open")
        self._check_format()

    def _check_format(self) -> None:
        if self.storage.format > self._format:
            raise OutdatedError("the event log is of a newer version")

    def _delta(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        storage = self.storage
        if seen.epoch != storage.epoch:
            seen = Position(storage.epoch)
        known = bisect_right(storage.local, seen.local, key=lambda entry: entry.id)
        pending = [entry for entry in storage.local[:known] if entry.event.synced] if all_pending else []
        local = pending + storage.local[known:]
        return LogDelta(
            storage.position,
            _copies(storage.confirmed[bisect_right(storage.confirmed, seen.confirmed, key=_seq_num) :]),
            _copies(local),
            storage.backend_id,
            storage.sync_enabled,
            storage.resets,
        )


def _seq_num(entry: ConfirmedEntry) -> int:
    return entry.event.seq_num


def _kept(event: E) -> E:
    """The event as it comes out of a log that keeps JSON."""
    return replace(event, args=kept_args(to_json(event.args)))


def _copies(entries: Iterable[T]) -> list[T]:
    return [replace(entry, event=_kept(entry.event)) for entry in entries]


class MemoryHub:
    """The air between the tabs of one device: make a `MemoryChannel` for each."""

    def __init__(self) -> None:
        self.channels: list[MemoryChannel] = []

    def channel(self) -> MemoryChannel:
        channel = MemoryChannel(self)
        self.channels.append(channel)
        return channel


class MemoryChannel:
    """The `Channel` port inside one process. While `frozen`, messages wait, as in a frozen tab."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._callback: Callable[[Message], None] | None = None
        self._held: list[Message] = []
        self.frozen = False

    def post(self, message: Message) -> None:
        for other in self._hub.channels:
            if other is not self and self in self._hub.channels:
                asyncio.get_running_loop().call_soon(other._deliver, dict(message))  # noqa: SLF001

    def listen(self, callback: Callable[[Message], None]) -> None:
        self._callback = callback

    def close(self) -> None:
        self._callback = None
        if self in self._hub.channels:
            self._hub.channels.remove(self)

    def thaw(self) -> None:
        """Deliver what came while frozen."""
        self.frozen = False
        held, self._held = self._held, []
        for message in held:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        if self.frozen:
            self._held.append(message)
        elif self._callback is not None:
            self._callback(message)


class MemoryLockManager:
    """The Web Locks of one device: make a `MemoryLeaderLock` for each tab. With `error`, none can be had."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.holder: MemoryLeaderLock | None = None
        self.queue: list[tuple[MemoryLeaderLock, asyncio.Future[None]]] = []

    def lock(self) -> MemoryLeaderLock:
        return MemoryLeaderLock(self)

    def grant(self) -> None:
        while self.holder is None and self.queue:
            lock, granted = self.queue.pop(0)
            if not granted.done():
                self.holder = lock
                granted.set_result(None)


class MemoryLeaderLock:
    """The `LeaderLock` port inside one process."""

    def __init__(self, manager: MemoryLockManager) -> None:
        self._manager = manager
        self.stolen: asyncio.Event = asyncio.Event()

    async def acquire(self, *, steal: bool = False) -> None:
        manager = self._manager
        if manager.error is not None:
            raise manager.error
        self.stolen = asyncio.Event()
        if steal:
            if manager.holder is not None:
                manager.holder.stolen.set()
            manager.holder = self
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        manager.queue.append((self, granted))
        manager.grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release()
            granted.cancel()
            raise

    async def lost(self) -> None:
        await self.stolen.wait()

    def release(self) -> None:
        if self._manager.holder is self:
            self._manager.holder = None
            self._manager.grant()
