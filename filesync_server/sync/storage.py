"""The port between the sync backend and where event logs are kept.

A log is append-only and belongs to one store id. Its backend id is made with it and names this log for ever.
Implementations: `sqlite.SqliteStorage` (one server process), `postgres.PostgresStorage` (several).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent, ServerAhead

STORE_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
"""What may name a store: 1 to 255 characters, none of them a control character."""

Rejection = ServerAhead | BackendIdMismatch
"""Why an append was refused; nothing was stored."""

OnAppend: TypeAlias = Callable[[str | None, int | None], None]
"""Called with a store id and its head, when another process may have appended to that log. None: to any log,
or up to an unknown head. It does not block and does not raise."""


class StorageError(OSError):
    """The event logs cannot be used at the moment; the message has no secret in it."""


@dataclass(frozen=True, slots=True)
class Log:
    """What names a log and where it ends. `length` counts its events, `created_at` is ISO 8601."""

    store_id: str
    backend_id: str
    head: int
    length: int
    created_at: str

    def mismatch(self, backend_id: str | None) -> BackendIdMismatch | None:
        """What to answer a client that knows another log under this store id. None: it may go on."""
        if backend_id in {None, self.backend_id}:
            return None
        return BackendIdMismatch(expected=self.backend_id, received=str(backend_id))

    def rejection(self, batch: Sequence[Event], backend_id: str | None) -> Rejection | None:
        """Why this batch cannot be appended here. None: it can."""
        mismatch = self.mismatch(backend_id)
        if mismatch or not batch or batch[0].parent_seq_num == self.head:
            return mismatch
        return ServerAhead(minimum_expected_num=self.head, provided_num=batch[0].parent_seq_num)


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive events of a log. `remaining` counts the events after them."""

    backend_id: str
    events: tuple[PulledEvent, ...]
    remaining: int


@dataclass(frozen=True, slots=True)
class Appended:
    """The batch is durable; `events` carry the time at which it was stored."""

    backend_id: str
    events: tuple[PulledEvent, ...]


class SyncStorage(Protocol):
    """What the hub needs. All methods raise OSError (mostly StorageError) when the logs cannot be used."""

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        """The next events with a `seq_num` above `after`, within the limits of one chunk.

        `backend_id` is checked when it is given. Creates the log at first contact.
        """

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        """Append the whole batch behind the head, durably, or nothing. The batch is a valid chain."""

    async def logs(self, store_ids: Collection[str] | None = None) -> Mapping[str, Log]:
        """The logs of these stores as they are now, or all; those that do not exist are left out."""

    def watch(self, on_append: OnAppend) -> None:
        """From now on tell of what other processes append, also of what was missed meanwhile.

        Needs a running event loop; called at most once.
        """

    async def close(self) -> None: ...


class AdminStorage(SyncStorage, Protocol):
    """What the admin commands need beyond that."""

    async def restore(self, log: Log, events: Iterable[PulledEvent], *, replace: bool) -> None:
        """Make the log with these events, all or nothing; they are iterated in this or another thread.

        Raises FileExistsError when the store has events already; `replace` drops them.
        """

    async def compact(self) -> None:
        """Give back the disk space of what is no longer there. Drops nothing."""


def new_backend_id() -> str:
    """21 URL-safe characters, as LiveStore's own backend makes them."""
    return secrets.token_urlsafe(16)[:21]


def timestamp(now: float) -> str:
    """Unix time in seconds as ISO 8601 with milliseconds, the form of `created_at`."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
