"""A small world for the store: devices with tabs, one backend, and everything that can go wrong between them.

A trace is a list of steps `(name, who, a, turns)`; `turns` says how far the event loop runs before the next
step, so that steps fall into the middle of what others do. Afterwards the world heals, and then must agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, TypeAlias

from filesync_web.errors import FileSyncError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import ConfirmedEntry, LogDelta, Position, Socket
from filesync_web.livestore.schema import NewEvent
from filesync_web.livestore.state import State
from filesync_web.livestore.store import Store
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.testing.sync_backend import MemorySocket, MemorySyncBackend
from tests.unit.livestore.support import NOTES, Device, draft_set, note_added, note_changed, note_liked, notes

Step: TypeAlias = tuple[str, int, int, int]

OPERATIONS = {
    "add": 6,
    "change": 6,
    "like": 6,
    "like_if": 4,
    "batch": 2,
    "draft": 2,
    "open_tab": 3,
    "close_tab": 2,
    "crash": 3,
    "offline": 2,
    "online": 3,
    "drop": 3,
    "lose_answer": 3,
    "repeat": 1,
    "overtake": 2,
    "save": 2,
    "reset": 1,
    "restore": 1,
    "switch": 2,
    "freeze": 3,
    "thaw": 3,
    "wait": 6,
}
"""What may happen, and how often."""

IDS = 4
QUERY = "SELECT id, body, likes FROM notes ORDER BY id"


class _Tab:
    def __init__(self, store: Store, sockets: list[MemorySocket]) -> None:
        self.store = store
        self.sockets = sockets


class World:
    """Devices that share one store by one backend."""

    def __init__(self, clients: int = 3) -> None:
        self.clock = ManualClock()
        self.backend = MemorySyncBackend(chunk_events=3)
        self.devices = [Device(clock=self.clock) for _ in range(clients)]
        self.tabs: list[list[_Tab]] = [[] for _ in range(clients)]
        self.committed: Counter[str] = Counter()
        self.certain: Counter[str] = Counter()
        self._serial = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, steps: Sequence[Step]) -> None:
        """Do all steps, heal, and check."""
        for device in range(len(self.devices)):
            await self._open_tab(device)
        for name, who, a, turns in steps:
            await getattr(self, f"_{name}")(who % len(self.devices), a)
            await settle(turns)
        await self._heal()
        self._check()
        for tabs in self.tabs:
            for tab in tabs:
                await tab.store.close()

    # --- commits --------------------------------------------------------------------------------------------

    async def _add(self, who: int, a: int) -> None:
        self._commit(who, a, note_added(id=str(a % IDS), body=f"{who}"))

    async def _change(self, who: int, a: int) -> None:
        self._commit(who, a, note_changed(id=str(a % IDS), body=f"{who}:{a}"))

    async def _like(self, who: int, a: int) -> None:
        self._commit(who, a, note_liked(id=str(a % IDS)))

    async def _like_if(self, who: int, a: int) -> None:
        condition = notes.where(id=str(a % IDS), body=f"{who}:{a}")
        self._commit(who, a, note_liked(id=str(a % IDS)).only_if(condition), certain=False)

    async def _batch(self, who: int, a: int) -> None:
        self._commit(
            who, a, *[note_liked(id=str(n % IDS)) for n in range(a + 1)], note_added(id=str(a % IDS))
        )

    async def _draft(self, who: int, a: int) -> None:
        self._commit(who, a, draft_set(id=str(a % IDS), body=f"{a}"), certain=False)

    def _commit(self, who: int, a: int, *events: NewEvent, certain: bool = True) -> None:
        """Begin to commit in one of the device's tabs; it goes on while the next steps happen."""
        tabs = self.tabs[who]
        if not tabs:
            return
        tab = tabs[a % len(tabs)]
        keys = [self._key(tab.store, e) for e in events if e.definition.synced]
        self.committed.update(keys)

        async def commit() -> None:
            await tab.store.commit(*events)
            if certain:
                self.certain.update(keys)

        self._begin(commit())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        async def until_closed() -> None:
            with contextlib.suppress(FileSyncError):  # the tab crashed or was closed meanwhile
                await work

        task = asyncio.create_task(until_closed())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _key(self, store: Store, event: NewEvent) -> str:
        return json.dumps([event.definition.name, event.args, store.client_id, store.session_id])

    # --- tabs -----------------------------------------------------------------------------------------------

    async def _open_tab(self, who: int, _a: int = 0) -> None:
        if len(self.tabs[who]) < 3:
            sockets: list[MemorySocket] = []

            async def open_socket(url: str) -> Socket:
                sockets.append(await self.backend.open_socket(url))
                return sockets[-1]

            self._serial += 1
            store = await self.devices[who].tab(f"s{self._serial}", open_socket=open_socket)
            self.tabs[who].append(_Tab(store, sockets))

    async def _close_tab(self, who: int, a: int) -> None:
        if self.tabs[who]:
            await self.tabs[who].pop(a % len(self.tabs[who])).store.close()

    async def _save(self, who: int, a: int) -> None:
        """The device keeps the state of one of its tabs; later ones begin with it."""
        if self.tabs[who]:
            self._begin(self.tabs[who][a % len(self.tabs[who])].store._replica.save_state())

    async def _crash(self, who: int, a: int) -> None:
        """The tab is gone in the middle of what it did: nothing more reaches its log or its connection."""
        if self.tabs[who]:
            tab = self.tabs[who].pop(a % len(self.tabs[who]))
            tab.store._replica._log._is_open = False
            for socket in tab.sockets:
                socket.break_off()
            await tab.store.close()

    async def _freeze(self, who: int, a: int) -> None:
        """The tab hears and says nothing to the others, but goes on syncing for a while: soon there are two
        leaders.
        """
        channels = [*self.devices[who].channels.values()]
        if channels:
            channels[a % len(channels)].frozen = True
            await self.clock.advance(2)

    async def _thaw(self, who: int, _a: int) -> None:
        for channel in self.devices[who].channels.values():
            channel.thaw()

    # --- the network and the backend ------------------------------------------------------------------------

    async def _offline(self, _who: int, _a: int) -> None:
        self.backend.offline = True

    async def _online(self, _who: int, _a: int) -> None:
        self.backend.offline = False

    async def _drop(self, who: int, _a: int) -> None:
        for tab in self.tabs[who]:
            for socket in tab.sockets:
                socket.break_off()

    async def _lose_answer(self, _who: int, a: int) -> None:
        self.backend.fail_after_push += 1 + a % 2

    async def _repeat(self, _who: int, _a: int) -> None:
        self.backend.repeat_chunks = not self.backend.repeat_chunks

    async def _overtake(self, _who: int, _a: int) -> None:
        self.backend.overtaking = not self.backend.overtaking

    async def _reset(self, _who: int, _a: int) -> None:
        """The backend comes back with nothing."""
        if len(self.backend.events) > 3:
            self.backend.reset()

    async def _restore(self, _who: int, a: int) -> None:
        """The backend comes back as it was some events ago."""
        self.backend.restore(max(0, len(self.backend.events) - a))

    async def _switch(self, who: int, a: int) -> None:
        if self.tabs[who]:
            await self.tabs[who][0].store.set_sync_enabled(bool(a % 2))

    async def _wait(self, _who: int, a: int) -> None:
        await self.clock.advance(a * 0.7)

    # --- the end --------------------------------------------------------------------------------------------

    async def _heal(self) -> None:
        self.backend.offline = False
        self.backend.fail_after_push = 0
        for who, tabs in enumerate(self.tabs):
            await self._thaw(who, 0)
            if not tabs:
                await self._open_tab(who)
            await self.tabs[who][0].store.set_sync_enabled(True)
        for _ in range(60):
            await self.clock.advance(10)
            if not self._tasks and all(self._is_idle(tab.store) for tabs in self.tabs for tab in tabs):
                return

    def _is_idle(self, store: Store) -> bool:
        status = store.sync_status
        return (
            status.pending == 0
            and status.connected
            and store._replica.position.confirmed == self.backend.head
        )

    def _check(self) -> None:
        expected = self._replayed()
        for who, tabs in enumerate(self.tabs):
            storage = self.devices[who].storage
            assert [entry.event for entry in storage.confirmed] == self.backend.events
            assert not [entry for entry in storage.local if entry.event.synced]
            leaders = [tab for tab in tabs if tab.store.leader]
            assert len(leaders) == 1
            for tab in tabs:
                assert tab.store.sync_status.pending == 0
                assert tab.store._replica.state.query(QUERY)[1] == expected
                assert tab.store.query("SELECT * FROM drafts ORDER BY id") == tabs[0].store.query(
                    "SELECT * FROM drafts ORDER BY id"
                )
        arrived = Counter(
            json.dumps([event.name, event.args, event.client_id, event.session_id])
            for event in self.backend.events
        )
        assert not arrived - self.committed, "doubled, or never committed"
        assert not self.certain - arrived, "lost"

    def _replayed(self) -> list[tuple[str, str, int]]:
        """What the backend's events make, applied one after the other to nothing."""
        state = State(NOTES)
        events: list[Event] = self.backend.events
        state.apply(LogDelta(Position(1, self.backend.head, 0), [ConfirmedEntry(event) for event in events]))
        rows: list[tuple[str, str, int]] = state.query(QUERY)[1]
        state.close()
        return rows


def run_trace(steps: Sequence[Step], clients: int = 3) -> World:
    """Run a trace in a fresh world; raises AssertionError when the world does not agree in the end."""
    world = World(clients)
    asyncio.run(asyncio.wait_for(world.run(steps), 60))
    return world
