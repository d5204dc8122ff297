"""The contract of a sync storage, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from filesync_server.sync.postgres import PostgresStorage
from filesync_server.sync.sqlite import SqliteStorage
from filesync_server.sync.storage import AdminStorage, Appended, Log, Page, timestamp
from filesync_web.livestore.messages import BackendIdMismatch, Event, PulledEvent, ServerAhead
from tests.server.support import Clock

NOW = "2027-01-15T08:00:00.000Z"
Opener = Callable[[], AdminStorage]
"""Opens the same logs once more, as a restarted server or another process does."""


@pytest.fixture(params=["sqlite", "postgres"])
async def opened(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[Opener, list[AdminStorage]]]:
    if request.param == "postgres":
        postgres = request.getfixturevalue("postgres")
        url = await postgres.new_database()
    made: list[AdminStorage] = []

    def make() -> AdminStorage:
        if request.param == "sqlite":
            made.append(SqliteStorage(tmp_path / "sync.sqlite", clock=clock))
        else:
            made.append(PostgresStorage(url, clock=clock))
        return made[-1]

    yield make, made
    for storage in made:
        await storage.close()


@pytest.fixture
def make(opened: tuple[Opener, list[AdminStorage]]) -> Opener:
    return opened[0]


@pytest.fixture
def storage(make: Opener) -> AdminStorage:
    return make()


def event(number: int, parent: int | None = None, args: Any = None, **fields: str) -> Event:
    known = {"name": "v1.Test", "client_id": "clientA", "session_id": "sessionA"} | fields
    return Event(args=args, seq_num=number, parent_seq_num=number - 1 if parent is None else parent, **known)


def chain(count: int, start: int = 1, **fields: Any) -> list[Event]:
    return [event(number, **fields) for number in range(start, start + count)]


async def page_of(storage: AdminStorage, after: int = 0, store_id: str = "s") -> Page:
    page = await storage.read(store_id, after, None)
    assert isinstance(page, Page)
    return page


async def numbers(storage: AdminStorage, after: int = 0, store_id: str = "s") -> list[int]:
    return [pulled.event.seq_num for pulled in (await page_of(storage, after, store_id)).events]


async def test_an_unknown_store_is_empty_and_gets_a_lasting_identity(make: Opener) -> None:
    first = await page_of(make())
    assert (first.events, first.remaining, len(first.backend_id)) == ((), 0, 21)
    assert await page_of(make()) == first
    assert (await page_of(make(), store_id="t")).backend_id != first.backend_id


async def test_what_was_appended_is_read_by_everyone(make: Opener) -> None:
    batch = [
        event(1, args={"text": "ü😀\0", "half": "\ud83d", "n": 1.5, "big": 2**53, "none": None}),
        event(5, 1, args=None, name="nul \0 and \t", client_id="\0", session_id="ü"),
        event(6, args=[]),
    ]
    pulled = tuple(PulledEvent(event, NOW) for event in batch)
    appended = await make().append("s", batch, None)
    assert appended == Appended(appended.backend_id, pulled)  # type: ignore[union-attr]
    for storage in (make(), make()):
        assert await page_of(storage) == Page(appended.backend_id, pulled, 0)  # type: ignore[union-attr]


async def test_reading_begins_after_the_cursor(storage: AdminStorage) -> None:
    await storage.append("s", [event(1), event(4, 1), event(9, 4)], None)
    found = [await numbers(storage, after) for after in (0, 1, 2, 4, 8, 9, 100)]
    assert found == [[1, 4, 9], [4, 9], [4, 9], [9], [9], [], []]
    assert (await page_of(storage, 100)).remaining == 0


async def test_a_page_has_at_most_100_events(storage: AdminStorage) -> None:
    for start in (1, 101, 201):
        await storage.append("s", chain(100 if start < 201 else 50, start), None)
    pages = [await page_of(storage, after) for after in (0, 100, 200, 120)]
    assert [(len(page.events), page.remaining) for page in pages] == [
        (100, 150),
        (100, 50),
        (50, 0),
        (100, 30),
    ]


async def test_a_page_has_at_most_900000_bytes_but_one_event(storage: AdminStorage) -> None:
    sizes = [440_000, 440_000, 440_000, 899_800, 10, 899_800]
    for number, size in enumerate(sizes, 1):
        await storage.append("s", [event(number, args="x" * size)], None)
    assert [await numbers(storage, after) for after in (0, 2, 3, 4, 5)] == [[1, 2], [3], [4], [5], [6]]


async def test_an_append_must_start_at_the_head(storage: AdminStorage) -> None:
    await storage.append("s", chain(2), None)
    for parent in (0, 1, 3):
        rejection = await storage.append("s", [event(parent + 1, parent)], None)
        assert rejection == ServerAhead(minimum_expected_num=2, provided_num=parent)
    assert await numbers(storage) == [1, 2]
    assert isinstance(await storage.append("s", [event(3)], None), Appended)


async def test_an_empty_batch_is_accepted(storage: AdminStorage) -> None:
    assert isinstance(await storage.append("s", [], None), Appended)
    assert await numbers(storage) == []


async def test_another_backend_id_is_a_mismatch(storage: AdminStorage) -> None:
    own = (await page_of(storage)).backend_id
    mismatch = BackendIdMismatch(expected=own, received="other")
    assert await storage.read("s", 0, "other") == mismatch
    assert await storage.append("s", [event(1)], "other") == mismatch
    assert await storage.append("s", [], "other") == mismatch
    assert isinstance(await storage.append("s", [event(1)], own), Appended)
    assert isinstance(await storage.read("s", 0, own), Page)
    assert isinstance(await storage.read("never seen", 0, "other"), BackendIdMismatch)
    assert isinstance(await storage.append("nor this", [event(1)], "other"), BackendIdMismatch)


async def test_of_appends_at_once_one_wins(make: Opener) -> None:
    storages = [make() for _ in range(3)]
    for head in range(10):
        batches = [[event(head + 1, args=number)] for number in range(6)]
        outcomes = await asyncio.gather(
            *(storages[i % 3].append("s", batch, None) for i, batch in enumerate(batches))
        )
        (winner,) = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Appended)]
        assert outcomes.count(ServerAhead(head + 1, head)) == 5
        (pulled,) = (await page_of(storages[0], head)).events
        assert pulled.event.args == winner


async def test_logs_are_listed(make: Opener) -> None:
    storage = make()
    assert await storage.logs() == {}
    own = (await page_of(storage, store_id="b")).backend_id
    appended = await storage.append("a", [event(7, 0), event(8)], None)
    assert isinstance(appended, Appended)
    expected = {"a": Log("a", appended.backend_id, 8, 2, NOW), "b": Log("b", own, 0, 0, NOW)}
    assert await make().logs() == expected
    assert await storage.logs(["b", "c"]) == {"b": expected["b"]}
    assert await storage.logs([]) == {}


async def test_a_log_is_restored_as_it_was(make: Opener, clock: Clock) -> None:
    storage = make()
    events = [PulledEvent(event(2 * n, max(0, 2 * n - 2), args="ü" * n), timestamp(n)) for n in range(1, 251)]
    log = Log("s", "identity", 500, 250, timestamp(0))
    await storage.restore(log, iter(events), replace=False)
    assert await make().logs() == {"s": log}
    read = [pulled for after in (0, 200, 400) for pulled in (await page_of(storage, after)).events]
    assert read == events
    assert (await page_of(storage)).remaining == 150
    assert isinstance(await storage.append("s", [event(501)], "identity"), Appended)


async def test_events_are_replaced_only_when_told(storage: AdminStorage) -> None:
    await storage.append("s", chain(3), None)
    before = await page_of(storage)
    log = Log("s", "identity", 1, 1, NOW)
    with pytest.raises(FileExistsError, match="3 events"):
        await storage.restore(log, [PulledEvent(event(1, args="new"), NOW)], replace=False)
    assert await page_of(storage) == before
    await storage.restore(log, [PulledEvent(event(1, args="new"), NOW)], replace=True)
    assert await page_of(storage) == Page("identity", (PulledEvent(event(1, args="new"), NOW),), 0)
    # A store that was only looked at has nothing to lose.
    await page_of(storage, store_id="t")
    await storage.restore(Log("t", "identity", 0, 0, NOW), [], replace=False)
    assert (await page_of(storage, store_id="t")).backend_id == "identity"


async def test_a_restore_that_fails_changes_nothing(storage: AdminStorage) -> None:
    await storage.append("s", chain(3), None)
    before = await page_of(storage)

    def broken() -> Any:
        for one in chain(150):
            yield PulledEvent(one, NOW)
        raise ValueError("a bad line")

    with pytest.raises(ValueError, match="a bad line"):
        await storage.restore(Log("s", "identity", 200, 200, NOW), broken(), replace=True)
    assert await page_of(storage) == before


async def test_compacting_keeps_every_event(storage: AdminStorage) -> None:
    await storage.append("s", chain(100, args="x" * 1000), None)
    before = await page_of(storage)
    await storage.restore(Log("t", "identity", 0, 0, NOW), [], replace=False)
    await storage.compact()
    assert await page_of(storage) == before
    assert set(await storage.logs()) == {"s", "t"}


async def test_what_was_stored_before_nesting_had_a_bound_hinders_nothing(storage: AdminStorage) -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    await storage.append("s", [event(1), event(2, args=deep), event(3, args=[1])], None)
    assert [pulled.event.args for pulled in (await page_of(storage)).events] == [None, None, [1]]
