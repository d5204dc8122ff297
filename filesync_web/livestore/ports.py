"""What the store needs of the outside world: the event log, a channel and a lock between tabs, a socket.

The *event log* holds the confirmed events by sequence number, and the local entries (pending synced events
and client-only ones) by a number that grows with each append. It is shared by all tabs of a device and is the
one place where their order is decided: each operation is one transaction that also returns what happened
since the caller last looked, so that every tab applies the same events in the same order.

Durations are seconds. Every awaiting call may be cancelled; a cancelled write may have happened or not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from random import Random
from typing import Any, Protocol

from filesync_web.core.light_dataclass import dataclass
from filesync_web.livestore.messages import Event, Json
from filesync_web.ports import Clock


@dataclass(frozen=True, slots=True)
class LocalEvent:
    """An event to append.

    `compaction_key`: it replaces the older client-only entries of that key. `only_if`: SQL and parameters (a
    list of JSON values) of a query; as soon as it has no row, the pending event is void: it has no effect and
    is not sent.
    """

    name: str
    args: Json
    client_id: str
    session_id: str
    synced: bool
    compaction_key: str | None = None
    only_if: Sequence[Json] | None = None


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """An event of this device in the log; `id` grows with each append and is never used again."""

    id: int
    event: LocalEvent


@dataclass(frozen=True, slots=True)
class ConfirmedEntry:
    """A confirmed event; `local_id` is the entry that it was while pending, None for a foreign event."""

    event: Event
    local_id: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has seen the log.

    `epoch` grows when the confirmed events are dropped because the backend was reset; `confirmed` is the last
    sequence number, `local` the last entry's id.
    """

    epoch: int = 0
    confirmed: int = 0
    local: int = 0


DISCARDED = "$discarded"
"""The name of the client-only entry that says which pending entries were discarded; its args are their ids.
"""

START = Position()
"""The position of a reader that has seen nothing."""


@dataclass(frozen=True, slots=True)
class LogDelta:
    """What a reader has not seen, both lists in order, and the log's facts as of the same transaction:
    `resets` counts how often the confirmed events were dropped.

    When `position.epoch` is not the reader's, `confirmed` holds all confirmed events and `local` all entries.
    Entries that were compacted away or confirmed meanwhile are missing from `local`.
    """

    position: Position
    confirmed: Sequence[ConfirmedEntry] = ()
    local: Sequence[LocalEntry] = ()
    backend_id: str | None = None
    sync_enabled: bool = True
    resets: int = 0


class EventLog(Protocol):
    """The durable log of one store on this device. A write has reached the disk when its call returns.

    Beside it lies the database of the state, so that a start need not apply all events. That one may be lost,
    or be older than the log, without harm. `shares_state`: what one tab saves of it, all others begin with.

    Raises `StoreError` when the log cannot be read or written.
    """

    shares_state: bool

    async def open(self, client_id: str) -> str:
        """Open the log, creating it when there is none; return its client id: `client_id` for a new log."""
        ...

    async def read(self, seen: Position, *, all_pending: bool = False) -> LogDelta:
        """What happened since `seen`. With `all_pending`, `local` also holds the older pending entries, as a
        reader that starts from a snapshot needs them.
        """
        ...

    async def append(self, events: Sequence[LocalEvent], seen: Position) -> LogDelta:
        """Append all events or none; return what happened since `seen`, these included."""
        ...

    async def confirm(self, entries: Sequence[ConfirmedEntry], backend_id: str, seen: Position) -> LogDelta:
        """Append confirmed events and remove the local entries that they confirm.

        Happens only when `seen` is still the head of the confirmed events, in the same epoch, and no pending
        entry was appended after it; else nothing changes. Returns what happened since `seen` in either case.
        """
        ...

    async def discard(self, ids: Sequence[int]) -> None:
        """Remove pending entries that have become void, and append a client-only entry `DISCARDED` with their
        ids, so that other readers drop them as well. Does nothing when they are gone already.
        """
        ...

    async def reset(self, seen: Position, offered: Sequence[LocalEvent] = ()) -> LogDelta:
        """Drop the confirmed events and the backend id, and begin a new epoch. Pending and client-only
        entries stay; `offered` are pending from now on, in front of those that were, which get new ids.

        Happens only when `seen` is still the head of the confirmed events, in the same epoch. Returns what
        happened since in either case.
        """
        ...

    async def set_sync_enabled(self, enabled: bool) -> None:
        """Keep the flag that says whether metadata is synced; a new log says True."""
        ...

    async def open_state(self, *, fresh: bool = False) -> sqlite3.Connection:
        """The state's database, for this tab alone, as it was when it was last saved; `fresh`: empty.
        Takes little time, however large the database is. The caller closes it before this log.
        """
        ...

    async def save_state(self) -> None:
        """Keep what is committed in that database, as of this call or later, for the next `open_state`."""
        ...

    async def close(self) -> None:
        """Let go of the log; another may open it."""
        ...


Message = dict[str, Any]
"""What tabs say to each other: a flat JSON object with a `type`."""

LOG_CHANGED = "log-changed"
"""The `type` that says: something was written to the log, look there."""


class Channel(Protocol):
    """Messages to the other tabs of this store, in order; the sender does not get its own."""

    def post(self, message: Message) -> None:
        """Send to all others; never raises, does nothing once closed."""
        ...

    def listen(self, callback: Callable[[Message], None]) -> None:
        """Call back for each message from now on; there is one listener."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class LeaderLock(Protocol):
    """One exclusive lock per store between all tabs."""

    async def acquire(self, *, steal: bool = False) -> None:
        """Wait until this tab holds the lock. `steal` takes it from its holder at once."""
        ...

    async def lost(self) -> None:
        """Return when another tab has stolen the lock that this one holds."""
        ...

    def release(self) -> None:
        """Give the lock up; does nothing when it is not held."""
        ...


class SocketClosedError(ConnectionError):
    """The socket is closed, or could not be opened; `status` is the HTTP status of a refused upgrade, if
    known.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Socket(Protocol):
    """An open WebSocket with text frames."""

    async def send(self, text: str) -> None:
        """Send one frame; raises `SocketClosedError`."""
        ...

    async def receive(self) -> str:
        """The next frame; raises `SocketClosedError` when none will come any more."""
        ...

    async def close(self) -> None:
        """Close; never raises."""
        ...


SocketFactory = Callable[[str], Awaitable[Socket]]
"""Opens a WebSocket to a URL; raises `SocketClosedError`. The URL's query may hold a token: never log it."""


@dataclass(frozen=True, slots=True)
class StorePorts:
    """Everything that a store needs of the place where it runs.

    `log`, `channel` and `lock` are those of this device for one store. Without `open_socket` it never syncs.
    `random` spreads the reconnects. `push_gap`: seconds from a push of all that is pending to the next one,
    some times as many while many events come, so that those which come one after the other go together: in a
    page each push takes time from what draws.
    """

    log: EventLog
    channel: Channel
    lock: LeaderLock
    clock: Clock
    open_socket: SocketFactory | None = None
    random: Random = field(default_factory=Random)
    push_gap: float = 0.0
