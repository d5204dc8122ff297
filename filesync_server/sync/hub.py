"""Who listens to which store: appends go through here, one at a time per store, and reach every listener in
order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent

from .storage import Appended, Page, Rejection, SyncStorage


class Listener(Protocol):
    """A connection. It must not block and must not raise."""

    def broadcast(self, backend_id: str, events: Sequence[PulledEvent]) -> None: ...

    def shut_down(self) -> None: ...


class _Room:
    def __init__(self) -> None:
        self.append_lock = asyncio.Lock()
        self.listeners: set[Listener] = set()
        self.appending = 0


class Hub:
    """The stores that are in use, over one storage."""

    def __init__(self, storage: SyncStorage) -> None:
        self._storage = storage
        self._rooms: dict[str, _Room] = {}
        self._appends: set[asyncio.Task[Rejection | None]] = set()

    def join(self, store_id: str, listener: Listener) -> None:
        self._rooms.setdefault(store_id, _Room()).listeners.add(listener)

    def leave(self, store_id: str, listener: Listener) -> None:
        room = self._rooms.get(store_id)
        if room:
            room.listeners.discard(listener)
            self._forget_if_empty(store_id, room)

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        return await self._storage.read(store_id, after, backend_id)

    async def append(self, store_id: str, batch: Sequence[Event], backend_id: str | None) -> Rejection | None:
        """Append durably and broadcast to all listeners, in that order; None when it was accepted.

        Goes on when the caller is cancelled: what is durable must also be heard.
        """
        task = asyncio.create_task(self._append(store_id, batch, backend_id))
        self._appends.add(task)
        task.add_done_callback(self._appends.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End all connections, finish running appends, close the storage."""
        for room in list(self._rooms.values()):
            for listener in list(room.listeners):
                listener.shut_down()
        if self._appends:
            await asyncio.wait(self._appends)
        await self._storage.close()

    async def _append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Rejection | None:
        room = self._rooms.setdefault(store_id, _Room())
        room.appending += 1
        try:
            async with room.append_lock:
                outcome = await self._storage.append(store_id, batch, backend_id)
                if not isinstance(outcome, Appended):
                    return outcome
                if outcome.events:
                    for listener in list(room.listeners):
                        listener.broadcast(outcome.backend_id, outcome.events)
                return None
        finally:
            room.appending -= 1
            self._forget_if_empty(store_id, room)

    def _forget_if_empty(self, store_id: str, room: _Room) -> None:
        if not room.listeners and not room.appending:
            self._rooms.pop(store_id, None)
