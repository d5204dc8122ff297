"""The hub, when another process appends to the same logs: orders that real processes show only by luck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from filesync_server.sync.hub import Hub
from filesync_server.sync.sqlite import SqliteStorage
from filesync_server.sync.storage import Log, OnAppend, Page, StorageError
from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent, ServerAhead
from tests.harness.waiting import until


class Storage(SqliteStorage):
    """Tells only what the test tells, holds `logs` when it is told to, and counts reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.on_append: OnAppend | None = None
        self.found = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.reads = 0
        self.is_broken = False

    def watch(self, on_append: OnAppend) -> None:
        self.on_append = on_append

    async def logs(self, store_ids: Collection[str] | None = None) -> Mapping[str, Log]:
        logs = await super().logs(store_ids)
        self.found.set()
        await self.go_on.wait()
        return logs

    async def read(self, store_id: str, after: int, backend_id: str | None) -> Page | BackendIdMismatch:
        self.reads += 1
        if self.is_broken:
            raise StorageError("the test says no")
        return await super().read(store_id, after, backend_id)


class Reader:
    """A listener that writes down what it is told."""

    live_pulls = 1
    waiting_bytes = 0

    def __init__(self) -> None:
        self.got: list[int] = []
        self.is_over = False

    def broadcast(self, _backend_id: str, events: Sequence[PulledEvent]) -> None:
        self.got += [pulled.event.seq_num for pulled in events]

    def shut_down(self) -> None:
        self.is_over = True


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "sync.sqlite")


@pytest.fixture
async def hub(storage: Storage) -> AsyncIterator[Hub]:
    hub = Hub(storage)
    yield hub
    await hub.close()


@pytest.fixture
async def other(tmp_path: Path, storage: Storage) -> AsyncIterator[SqliteStorage]:
    """The other process."""
    other = SqliteStorage(tmp_path / "sync.sqlite")
    yield other
    await other.close()


def chain(*numbers: int) -> list[Event]:
    return [Event("v1.Test", None, number, number - 1, "clientA", "sessionA") for number in numbers]


async def test_what_is_heard_while_the_first_reader_looks_is_not_lost(
    hub: Hub, storage: Storage, other: SqliteStorage
) -> None:
    reader = Reader()
    hub.join("s", reader)
    assert storage.on_append
    storage.go_on.clear()
    first = asyncio.create_task(hub.read("s", 0, None))
    await storage.found.wait()  # it has seen an empty log, and does not know it yet
    await other.append("s", chain(1), None)
    storage.on_append("s", 1)
    storage.go_on.set()
    page = await first
    assert isinstance(page, Page)
    await until(lambda: reader.got == [1], "the reader has the event")


async def test_hints_save_reads(hub: Hub, storage: Storage, other: SqliteStorage) -> None:
    reader = Reader()
    hub.join("s", reader)
    assert storage.on_append
    await hub.read("s", 0, None)
    await hub.append("s", chain(1), None)
    storage.reads = 0
    storage.on_append("s", 1)  # our own push
    storage.on_append("unused", 5)
    await other.append("s", chain(2, 3), None)
    for head in (2, 3, 3):
        storage.on_append("s", head)
    await until(lambda: reader.got == [1, 2, 3], "the reader has all three events")
    storage.on_append("s", 3)
    storage.on_append(None, None)
    await hub.append("s", chain(4), None)
    assert (reader.got, storage.reads) == ([1, 2, 3, 4], 1)


async def test_a_push_here_goes_out_behind_what_was_not_heard(hub: Hub, other: SqliteStorage) -> None:
    reader = Reader()
    hub.join("s", reader)
    await hub.read("s", 0, None)
    await other.append("s", chain(*range(1, 101)), None)
    await other.append("s", chain(*range(101, 151)), None)
    assert await hub.append("s", chain(151), None) is None
    assert reader.got == list(range(1, 152))


async def test_a_client_that_is_ahead_of_the_log_is_reported(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    assert await hub.append("s", chain(1, 2), None) is None
    assert await hub.append("s", chain(2), None) == ServerAhead(2, 1)
    assert not caplog.records, "being behind is what happens every day"
    assert await hub.append("s", chain(6), None) == ServerAhead(2, 5)
    assert "pushes behind event 5 of a log that ends at 2" in caplog.text


async def test_what_could_not_be_read_is_read_at_the_next_look(
    hub: Hub, storage: Storage, other: SqliteStorage, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()
    hub.join("s", reader)
    assert storage.on_append
    await hub.read("s", 0, None)
    await other.append("s", chain(1), None)
    storage.is_broken = True
    storage.on_append("s", 1)
    await until(lambda: "cannot be read" in caplog.text, "the failed look is logged")
    storage.is_broken = False
    storage.on_append(None, None)
    await until(lambda: reader.got == [1], "the reader has the event")


@pytest.mark.parametrize("sign", ["push", "look"])
async def test_listeners_to_a_replaced_log_are_ended(
    hub: Hub, storage: Storage, other: SqliteStorage, sign: str
) -> None:
    reader, newcomer = Reader(), Reader()
    hub.join("s", reader)
    assert storage.on_append
    await hub.read("s", 0, None)
    await hub.append("s", chain(1, 2), None)
    events = [PulledEvent(event, "2027-01-15T08:00:00.000Z") for event in chain(1)]
    await other.restore(Log("s", "another", 1, 1, ""), events, replace=True)
    if sign == "push":
        assert await hub.append("s", chain(2), "another") is None
    else:
        storage.on_append(None, None)
    await until(lambda: reader.is_over, "the listener is ended")
    assert reader.got == [1, 2]
    hub.leave("s", reader)
    hub.join("s", newcomer)
    page = await hub.read("s", 0, None)
    assert isinstance(page, Page)
    assert page.backend_id == "another"
    head = page.events[-1].event.seq_num
    await hub.append("s", chain(head + 1), None)
    assert newcomer.got == [head + 1]
    assert not newcomer.is_over


@pytest.mark.parametrize("asked", ["without a cursor", "with the old cursor", "with the new cursor"])
async def test_a_reader_shows_that_the_log_was_replaced(
    hub: Hub, storage: Storage, other: SqliteStorage, asked: str
) -> None:
    idle = Reader()
    hub.join("s", idle)
    page = await hub.read("s", 0, None)
    assert isinstance(page, Page)
    await other.restore(Log("s", "another", 0, 0, ""), [], replace=True)
    newcomer = Reader()
    hub.join("s", newcomer)
    known = {
        "without a cursor": None,
        "with the old cursor": page.backend_id,
        "with the new cursor": "another",
    }
    await hub.read("s", 0, known[asked])
    assert idle.is_over
    hub.leave("s", idle)
    hub.leave("s", newcomer)
    again = Reader()
    hub.join("s", again)
    await hub.read("s", 0, None)
    await hub.append("s", chain(1), "another")
    assert (again.got, again.is_over) == ([1], False)


async def test_an_administrator_who_replaces_a_log_in_the_file_is_noticed(
    tmp_path: Path, other: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody pushes and nobody reads: the storage itself looks now and then."""
    monkeypatch.setattr("filesync_server.sync.sqlite.LOOK_INTERVAL", 0.01)
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite"))
    reader = Reader()
    hub.join("s", reader)
    await hub.read("s", 0, None)
    await hub.append("s", chain(1), None)
    await other.append("unrelated", chain(1), None)
    await until(lambda: not hub._followers, "the look has ended")
    assert (reader.got, reader.is_over) == ([1], False)
    await other.restore(Log("s", "another", 0, 0, ""), [], replace=True)
    await until(lambda: reader.is_over, "the listener is ended")
    await hub.close()
