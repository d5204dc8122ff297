"""A store that is closed, or leads no more, leaves nothing of its own behind: no task, connection or file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from filesync_web.errors import StorageUnavailableError, StoreClosedError, StoreError
from filesync_web.livestore.election import RETRY_DELAY
from filesync_web.livestore.ports import Socket
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_client import GOODBYE_TIMEOUT
from filesync_web.testing.clock import settle
from filesync_web.testing.livestore import MemoryEventLog, MemoryLeaderLock
from filesync_web.testing.sync_backend import MemorySocket, MemorySyncBackend
from tests.unit.livestore.support import Device, bodies, note_added

NO_LOCKS = StorageUnavailableError("locks between tabs need a secure page")


@pytest.fixture
def backend() -> MemorySyncBackend:
    return MemorySyncBackend()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """Every task that the test has begun has ended."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()


def is_left_alone(device: Device, backend: MemorySyncBackend) -> bool:
    return not backend.sockets and not device.hub.channels and device.locks.holder is None


# --- without a lock -----------------------------------------------------------------------------------------


async def test_a_store_without_locks_works_here_says_why_it_does_not_sync_and_closes(
    backend: MemorySyncBackend, caplog: pytest.LogCaptureFixture
) -> None:
    device = Device()
    device.locks.error = NO_LOCKS
    store = await device.tab(open_socket=backend.open_socket)
    await store.commit(note_added(id="a"))
    await device.clock.advance(10 * RETRY_DELAY)
    assert bodies(store) == {"a": ""}
    assert not store.leader
    assert "cannot lead: locks between tabs need a secure page" in store.sync_status.last_error
    assert caplog.text.count("need a secure page") == 1
    await store.close()
    assert is_left_alone(device, backend)
    with pytest.raises(StoreClosedError):
        store.query("SELECT 1")


async def test_a_lock_that_failed_is_asked_for_again(backend: MemorySyncBackend) -> None:
    device = Device()
    device.locks.error = NO_LOCKS
    store = await device.tab(open_socket=backend.open_socket)
    device.locks.error = None
    await device.clock.advance(RETRY_DELAY)
    assert store.leader
    assert store.sync_status.connected
    assert store.sync_status.last_error == ""
    await store.close()


async def test_a_lock_that_fails_while_it_is_held_ends_the_lead_and_is_asked_for_again(
    backend: MemorySyncBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, broken = Device(), asyncio.Event()

    async def lost(_lock: MemoryLeaderLock) -> None:
        await broken.wait()
        raise StoreError("the lock is broken")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryLeaderLock, "lost", lost)
        store = await device.tab(open_socket=backend.open_socket)
        assert store.leader
        broken.set()
        await settle()
    assert not store.leader
    assert device.locks.holder is None
    assert backend.sockets == []
    assert "the lock is broken" in store.sync_status.last_error
    await device.clock.advance(RETRY_DELAY)
    assert store.leader
    await store.close()


# --- with held work -----------------------------------------------------------------------------------------


class StubbornSocket:
    """A connection whose other side takes nothing any more, and that takes its time to close."""

    def __init__(self, socket: Socket, go: asyncio.Event) -> None:
        self._socket = socket
        self._go = go
        self.is_stuck = False
        self.is_closed = False

    async def send(self, text: str) -> None:
        if self.is_stuck:
            await asyncio.Event().wait()
        await self._socket.send(text)

    async def receive(self) -> str:
        return await self._socket.receive()

    async def close(self) -> None:
        await self._go.wait()
        await self._socket.close()
        self.is_closed = True


async def test_closing_waits_for_the_connection_to_be_closed_but_not_for_who_takes_nothing(
    backend: MemorySyncBackend,
) -> None:
    device, go, sockets = Device(), asyncio.Event(), []

    async def open_socket(url: str) -> Socket:
        sockets.append(StubbornSocket(await backend.open_socket(url), go))
        return sockets[-1]

    store = await device.tab(open_socket=open_socket)
    assert store.sync_status.connected
    sockets[0].is_stuck = True
    closing = asyncio.create_task(store.close())
    await device.clock.advance(GOODBYE_TIMEOUT)
    assert not closing.done()
    go.set()
    await closing
    assert sockets[0].is_closed
    assert is_left_alone(device, backend)


async def test_what_the_app_is_asked_for_is_cancelled(backend: MemorySyncBackend) -> None:
    device, ends = Device(), []

    async def payload() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await settle()
            ends.append("ended")

    store = await device.tab(open_socket=backend.open_socket, payload=payload)
    await store.close()
    assert ends == ["ended"]
    assert is_left_alone(device, backend)


async def test_a_connection_that_is_being_opened_is_given_up(backend: MemorySyncBackend) -> None:
    device, opened = Device(), []

    async def open_socket(url: str) -> Socket:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            opened.append(await backend.open_socket(url))  # it stands in the very moment
            return opened[0]
        raise AssertionError

    store = await device.tab(open_socket=open_socket)
    await store.close()
    assert opened
    assert is_left_alone(device, backend)


async def test_a_connection_that_cannot_be_closed_does_not_go_on_for_that(
    backend: MemorySyncBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device()
    store = await device.tab(open_socket=backend.open_socket)
    close = MemorySocket.close

    async def fail(socket: MemorySocket) -> None:
        await close(socket)
        raise OSError("not closed")

    monkeypatch.setattr(MemorySocket, "close", fail)
    async with asyncio.timeout(30):
        await store.close()
    assert is_left_alone(device, backend)


async def test_a_pause_and_a_save_are_given_up(backend: MemorySyncBackend) -> None:
    device = Device()
    backend.offline = True
    store = await device.tab(open_socket=backend.open_socket)
    await store.commit(*(note_added(id=str(n)) for n in range(1100)))
    await device.clock.advance(0.1)
    assert device.clock.sleepers >= 2
    await store.close()
    assert device.clock.sleepers == 0


async def test_a_cancelled_close_goes_on_and_a_second_one_waits_for_its_end(
    backend: MemorySyncBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, go = Device(), asyncio.Event()
    append = MemoryEventLog.append

    async def held(self, events, seen):  # type: ignore[no-untyped-def]
        await go.wait()
        return await append(self, events, seen)

    monkeypatch.setattr(MemoryEventLog, "append", held)
    store = await device.tab(open_socket=backend.open_socket)
    commit = asyncio.create_task(store.commit(note_added(id="a")))
    await settle()
    first, second = asyncio.create_task(store.close()), asyncio.create_task(store.close())
    await settle()
    first.cancel()
    await settle()
    assert first.cancelled()
    assert not second.done()
    go.set()
    await asyncio.gather(commit, second)
    assert [entry.event.args["id"] for entry in device.storage.local] == ["a"]
    assert is_left_alone(device, backend)


async def test_closing_does_not_raise_and_closes_the_rest(
    backend: MemorySyncBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    closed: list[str] = []

    def fail(what: str) -> None:
        closed.append(what)
        raise StoreError(f"{what} does not want to")

    async def fail_later(what: str) -> None:
        fail(what)

    monkeypatch.setattr(device.leader_locks["one"], "release", lambda: fail("lock"))
    monkeypatch.setattr(device.channels["one"], "close", lambda: fail("channel"))
    monkeypatch.setattr(store._replica.state, "close", lambda: fail("state"))
    monkeypatch.setattr(store._replica._log, "close", lambda: fail_later("log"))
    await store.close()
    assert closed == ["lock", "channel", "state", "log"]
    assert "not closed as it should be" in caplog.text
    assert backend.sockets == []


# --- the lead -----------------------------------------------------------------------------------------------


async def test_a_lost_lead_ends_what_the_leader_did_before_the_tab_queues_again(
    backend: MemorySyncBackend,
) -> None:
    device, go, sockets = Device(), asyncio.Event(), []

    async def open_socket(url: str) -> Socket:
        sockets.append(StubbornSocket(await backend.open_socket(url), go))
        return sockets[-1]

    one: Store = await device.tab("one", open_socket=open_socket)
    changes: list[bool] = []
    one.on_leader_change(changes.append)
    thief = device.locks.lock()
    await thief.acquire(steal=True)
    await settle()
    assert changes == [False]
    assert not device.locks.queue
    assert len(backend.sockets) == 1
    go.set()
    await settle()
    assert backend.sockets == []
    assert device.locks.queue
    thief.release()
    await settle()
    assert one.leader
    assert len(backend.sockets) == 1
    await one.close()
    assert is_left_alone(device, backend)
