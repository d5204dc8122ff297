"""The port between the sync backend and where event logs are kept.

A log is append-only and belongs to one store id. Its backend id is made with it and names this log for ever.
Implementations: `sqlite.SqliteStorage` (one machine), `postgres.PostgresStorage` (several processes).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent, ServerAhead

Rejection = ServerAhead | BackendIdMismatch
"""Why an append was refused; nothing was stored."""


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
    """What the hub needs. Raises OSError or the database's error when it cannot be used."""

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        """The next events with a `seq_num` above `after`, within the limits of one chunk.

        `backend_id` is checked when it is given. Creates the log at first contact.
        """

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        """Append the whole batch behind the head, durably, or nothing. The batch is a valid chain."""

    async def close(self) -> None: ...


def new_backend_id() -> str:
    """21 URL-safe characters, as LiveStore's own backend makes them."""
    return secrets.token_urlsafe(16)[:21]
