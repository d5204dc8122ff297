"""Who listens to which store: appends go through here, one at a time per store, and reach every listener in
order. Whose append is next, `turns` says.

A room remembers up to where its listeners were told (`head`). What another process appended is read from
there on, when the storage says so or a push shows it; so each broadcast follows the one before without a gap.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent, ServerAhead

from .storage import Appended, Page, Rejection, SyncStorage
from .turns import Turns

T = TypeVar("T")

log = logging.getLogger(__name__)


class Listener(Protocol):
    """A connection. It must not block and must not raise."""

    def broadcast(self, backend_id: str, events: Sequence[PulledEvent]) -> None: ...

    def shut_down(self) -> None: ...

    @property
    def live_pulls(self) -> int:
        """How many pulls hear of every push."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits until the client reads."""


@dataclass(frozen=True, slots=True)
class HubLoad:
    """What a hub has to do at this moment, for who watches it."""

    stores: int
    connections: int
    live_pulls: int
    waiting_pushes: int
    waiting_bytes: int


class _Room:
    """One store in use. `lock` is held while events are appended or broadcast.

    `head` is None until the first listener reads; from then on every event behind it is broadcast.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self.lock = asyncio.Lock()
        self.turns = Turns(self.lock, clock, sleep)
        self.listeners: set[Listener] = set()
        self.appending = 0
        self.head: int | None = None
        self.backend_id: str | None = None
        self.behind = False

    def broadcast(self, backend_id: str, events: Sequence[PulledEvent]) -> None:
        self.backend_id = backend_id
        if events:
            self.head = events[-1].event.seq_num
            for listener in list(self.listeners):
                listener.broadcast(backend_id, events)

    def shut_down(self) -> None:
        for listener in list(self.listeners):
            listener.shut_down()


class Hub:
    """The stores that are in use, over one storage. Use it in one event loop.

    `clock` gives seconds of a monotonic clock, `sleep` waits for so many.
    """

    def __init__(
        self,
        storage: SyncStorage,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._sleep = sleep
        self._rooms: dict[str, _Room] = {}
        self._watching = False
        self._appends: set[asyncio.Task[Rejection | None]] = set()
        self._followers: set[asyncio.Task[None]] = set()

    def join(self, store_id: str, listener: Listener) -> None:
        if not self._watching:
            self._watching = True
            self._storage.watch(self._on_append)
        room = self._room(store_id)
        room.listeners.add(listener)
        room.turns.join(listener)

    def leave(self, store_id: str, listener: Listener) -> None:
        room = self._rooms.get(store_id)
        if room:
            room.listeners.discard(listener)
            room.turns.leave(listener)
            self._forget_if_empty(store_id, room)

    def load(self) -> HubLoad:
        """How much there is to do now."""
        rooms = self._rooms.values()
        listeners = [listener for room in rooms for listener in room.listeners]
        return HubLoad(
            stores=len(rooms),
            connections=len(listeners),
            live_pulls=sum(listener.live_pulls for listener in listeners),
            waiting_pushes=sum(room.appending for room in rooms),
            waiting_bytes=sum(listener.waiting_bytes for listener in listeners),
        )

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        """The next page of the log. A listener reads here first; what comes later is broadcast to it."""
        room = self._rooms.get(store_id)
        if room and room.head is None:
            async with room.lock:
                if room.head is None:
                    found = (await self._storage.logs([store_id])).get(store_id)
                    room.head = found.head if found else 0
                    room.backend_id = found.backend_id if found else None
        page = await self._storage.read(store_id, after, backend_id)
        if room:
            self._compare_identity(
                room, page.expected if isinstance(page, BackendIdMismatch) else page.backend_id
            )
        return page

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None, pusher: Listener | None = None
    ) -> Rejection | None:
        """Append durably and broadcast to all listeners, in that order; None when it was accepted.

        Waits a moment when others go before the `pusher`. Goes on when the caller is cancelled: what is
        durable must also be heard.
        """
        task = _spawn(self._append(store_id, batch, backend_id, pusher), self._appends)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End all connections, finish running appends, close the storage."""
        for room in list(self._rooms.values()):
            room.shut_down()
        if self._appends:
            await asyncio.wait(self._appends)
        for task in self._followers:
            task.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        await self._storage.close()

    async def _append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None, pusher: Listener | None
    ) -> Rejection | None:
        room = self._room(store_id)
        room.appending += 1
        came_at = self._clock()
        try:
            async with room.turns.next_push(pusher):
                outcome = await self._storage.append(store_id, batch, backend_id)
                if isinstance(outcome, Appended):
                    room.turns.accepted(pusher)
                    await self._deliver(store_id, room, outcome)
                    return None
                if isinstance(outcome, ServerAhead):
                    room.turns.refused(pusher, outcome, came_at)
                    await self._tell_what_is_lacking(store_id, room, batch[0], outcome)
                return outcome
        finally:
            room.appending -= 1
            self._forget_if_empty(store_id, room)

    async def _tell_what_is_lacking(
        self, store_id: str, room: _Room, event: Event, refusal: ServerAhead
    ) -> None:
        if refusal.provided_num > refusal.minimum_expected_num:
            log.warning(
                "client %.40r pushes behind event %d of a log that ends at %d: it is stuck",
                event.client_id,
                refusal.provided_num,
                refusal.minimum_expected_num,
            )
        if refusal.minimum_expected_num > (room.head or 0):
            await self._catch_up(store_id, room)

    async def _deliver(self, store_id: str, room: _Room, new: Appended) -> None:
        if room.head is None or not new.events:
            return
        is_next = new.events[0].event.parent_seq_num == room.head
        if is_next and room.backend_id in {None, new.backend_id}:
            room.broadcast(new.backend_id, new.events)
        else:
            await self._catch_up(store_id, room)

    async def _catch_up(self, store_id: str, room: _Room) -> None:
        """Broadcast what the log has behind the room's head. The caller holds the room's lock."""
        while room.head is not None:
            page = await self._storage.read(store_id, room.head, room.backend_id)
            if isinstance(page, BackendIdMismatch):
                self._compare_identity(room, page.expected)
                return
            room.broadcast(page.backend_id, page.events)
            if not page.remaining:
                return

    def _compare_identity(self, room: _Room, found: str) -> None:
        """End the connections to a log that was replaced by another: what they were told is no longer
        true."""
        if room.backend_id is None and room.head is not None:
            room.backend_id = found  # the log was made by this reading
        if room.backend_id in {None, found}:
            return
        log.warning("the log of a store was replaced: its clients start over")
        room.head = room.backend_id = None
        room.shut_down()

    # --- what other processes append ------------------------------------------------------------------------

    def _on_append(self, store_id: str | None, head: int | None) -> None:
        if store_id is None:
            _spawn(self._compare(), self._followers)
        elif room := self._rooms.get(store_id):
            self._follow(store_id, room, head)

    async def _compare(self) -> None:
        """Look for rooms that are behind their logs."""
        rooms = {store_id: room for store_id, room in self._rooms.items() if room.listeners}
        if not rooms:
            return
        try:
            logs = await self._storage.logs(list(rooms))
        except OSError as error:  # the storage calls again when it can be used
            log.warning("what other processes append cannot be read at the moment: %s", error)
            return
        for store_id, room in rooms.items():
            found = logs.get(store_id)
            if found:
                is_replaced = room.backend_id not in {None, found.backend_id}
                self._follow(store_id, room, None if is_replaced else found.head)

    def _follow(self, store_id: str, room: _Room, head: int | None) -> None:
        """Catch up with the log up to `head` (None: all of it) once nobody else uses the room."""
        is_known = room.head is not None and head is not None and head <= room.head
        if not is_known and not room.behind:
            room.behind = True
            _spawn(self._follow_once(store_id, room), self._followers)

    async def _follow_once(self, store_id: str, room: _Room) -> None:
        async with room.lock:
            room.behind = False  # what is heard from here on may be missed by the reading below
            try:
                await self._catch_up(store_id, room)
            except OSError as error:
                log.warning("what other processes append cannot be read at the moment: %s", error)

    def _room(self, store_id: str) -> _Room:
        return self._rooms.setdefault(store_id, _Room(self._clock, self._sleep))

    def _forget_if_empty(self, store_id: str, room: _Room) -> None:
        if not room.listeners and not room.appending and self._rooms.get(store_id) is room:
            del self._rooms[store_id]


def _spawn(work: Coroutine[Any, Any, T], tasks: set[asyncio.Task[T]]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
