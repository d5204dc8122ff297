"""What every event log must do: memory and SQLite file on CPython, memory and IndexedDB inside Pyodide."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from filesync_web.errors import FileSyncError, StoreError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import (
    DISCARDED,
    START,
    ConfirmedEntry,
    EventLog,
    LocalEvent,
    LogDelta,
    Position,
)

MakeLog: TypeAlias = Callable[[], EventLog]
"""Makes another `EventLog` of the same storage, as another tab or the next start would."""

IN_BROWSER = sys.platform == "emscripten"
KINDS = ["memory", "indexeddb"] if IN_BROWSER else ["memory", "sqlite"]


def _factory(kind: str, folder: Path) -> MakeLog:
    if kind == "memory":
        from filesync_web.testing.livestore import MemoryEventLog, MemoryLogStorage

        storage = MemoryLogStorage()
        return lambda: MemoryEventLog(storage)
    if kind == "sqlite":
        from filesync_web.native.event_log import SqliteEventLog

        return lambda: SqliteEventLog(folder / "new folder" / "log.sqlite")
    from filesync_web.browser.event_log import IndexedDbEventLog

    name = f"contract-{uuid.uuid4().hex}"
    return lambda: IndexedDbEventLog(name)


@pytest.fixture(params=KINDS)
async def make_log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakeLog]:
    make, made = _factory(request.param, tmp_path), []

    def tracked() -> EventLog:
        made.append(make())
        return made[-1]

    yield tracked
    for log in made:
        await log.close()


@pytest.fixture
async def log(make_log: MakeLog) -> EventLog:
    log = make_log()
    await log.open("client")
    return log


def local(name: str, *, synced: bool = True, key: str | None = None) -> LocalEvent:
    return LocalEvent(name, {"text": f"é\ud800 {name}", "list": [1, None]}, "client", "session", synced, key)


def event(seq_num: int, name: str = "theirs") -> Event:
    return Event(name, {"n": seq_num}, seq_num, seq_num - 1, "other", "session")


def names(delta: LogDelta) -> tuple[list[str], list[str]]:
    return [entry.event.name for entry in delta.confirmed], [entry.event.name for entry in delta.local]


async def read(log: EventLog) -> tuple[Sequence[str], Sequence[str]]:
    return names(await log.read(START))


async def test_a_new_log_is_empty_and_keeps_its_client_id(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    assert await one.open("first") == "first"
    assert await two.open("second") == "first"
    delta = await one.read(START)
    assert names(delta) == ([], [])
    assert delta.backend_id is None
    assert delta.sync_enabled
    assert delta.position.epoch != START.epoch


async def test_append_returns_what_was_appended_in_order(log: EventLog) -> None:
    before = (await log.read(START)).position
    events = [local("a"), local("b", synced=False, key="k"), local("c")]
    delta = await log.append(events, before)
    assert [entry.event for entry in delta.local] == events
    ids = [entry.id for entry in delta.local]
    assert ids == sorted(set(ids))
    assert delta.position == Position(before.epoch, 0, ids[-1])
    assert names(await log.read(delta.position)) == ([], [])


async def test_a_reader_sees_what_another_appended_in_the_same_order(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    await one.open("x")
    await two.open("x")
    start = (await one.read(START)).position
    await asyncio.gather(*(log.append([local(f"{i}")], start) for i, log in enumerate([one, two] * 5)))
    assert await read(one) == await read(two)
    assert sorted((await read(one))[1]) == [str(i) for i in range(10)]
    delta = await two.append([local("last")], start)
    assert names(delta)[1][-1] == "last"
    assert len(delta.local) == 11


async def test_an_append_after_one_of_another_tab_tells_of_both(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    await one.open("x")
    await two.open("x")
    seen = (await two.read(START)).position
    assert (await one.read(START)).position == seen
    await one.append([local("a")], seen)
    delta = await two.append([local("b")], seen)
    assert names(delta) == ([], ["a", "b"])
    assert [entry.id for entry in delta.local] == [seen.local + 1, seen.local + 2]
    assert await read(one) == await read(two) == ([], ["a", "b"])
    assert names(await two.append([local("c")], delta.position)) == ([], ["c"])


async def test_a_confirmation_after_an_append_of_another_tab_does_not_happen(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    await one.open("x")
    await two.open("x")
    seen = (await two.read(START)).position
    await one.append([local("a")], seen)
    delta = await two.confirm([ConfirmedEntry(event(1))], "backend", seen)
    assert names(delta) == ([], ["a"])
    delta = await two.confirm([ConfirmedEntry(event(1))], "backend", delta.position)
    assert (names(delta), delta.backend_id) == ((["theirs"], []), "backend")
    assert await read(one) == await read(two) == (["theirs"], ["a"])


async def test_what_is_told_is_no_more_the_callers(log: EventLog) -> None:
    args: dict[str, list[int]] = {"list": [1]}
    seen = (await log.read(START)).position
    delta = await log.append([LocalEvent("a", args, "client", "session", synced=True)], seen)
    args["list"].append(2)
    assert delta.local[0].event.args == {"list": [1]}


async def test_entries_survive_closing(make_log: MakeLog) -> None:
    first = make_log()
    await first.open("x")
    await first.append([local("a")], START)
    await first.confirm([ConfirmedEntry(event(1))], "backend", (await first.read(START)).position)
    await first.close()
    second = make_log()
    await second.open("y")
    assert await read(second) == (["theirs"], ["a"])
    assert (await second.read(START)).local[0].event == local("a")


async def test_a_newer_entry_replaces_the_older_one_of_its_key(log: EventLog) -> None:
    delta = await log.append(
        [local("a", synced=False, key="k"), local("b", synced=False, key="other")], START
    )
    await log.append([local("c", synced=False, key="k"), local("d", synced=False, key="k")], START)
    assert (await read(log))[1] == ["b", "d"]
    assert names(await log.read(delta.position))[1] == ["d"]


async def test_ids_are_never_used_again(log: EventLog) -> None:
    first = await log.append([local("a", synced=False, key="k")], START)
    second = await log.append([local("b", synced=False, key="k")], START)
    assert second.local[-1].id > first.local[-1].id


async def test_confirm_moves_entries_from_pending_to_confirmed(log: EventLog) -> None:
    delta = await log.append([local("mine"), local("later")], START)
    mine = ConfirmedEntry(Event("mine", {}, 2, 1, "client", "session"), delta.local[0].id)
    after = await log.confirm([ConfirmedEntry(event(1)), mine], "backend", delta.position)
    assert list(after.confirmed) == [ConfirmedEntry(event(1)), mine]
    assert after.position.confirmed == 2
    assert after.backend_id == "backend"
    assert await read(log) == (["theirs", "mine"], ["later"])
    assert [e.local_id for e in (await log.read(START)).confirmed] == [None, delta.local[0].id]


async def test_confirm_does_nothing_when_another_was_first(log: EventLog) -> None:
    start = (await log.read(START)).position
    await log.confirm([ConfirmedEntry(event(1, "first"))], "backend", start)
    delta = await log.confirm([ConfirmedEntry(event(1, "second"))], "other backend", start)
    assert names(delta)[0] == ["first"]
    assert delta.backend_id == "backend"


async def test_confirm_does_nothing_when_a_pending_entry_is_not_seen_yet(log: EventLog) -> None:
    start = (await log.read(START)).position
    await log.append([local("unseen")], start)
    delta = await log.confirm([ConfirmedEntry(event(1))], "backend", start)
    assert names(delta) == ([], ["unseen"])
    delta = await log.confirm([ConfirmedEntry(event(1))], "backend", delta.position)
    assert names(delta)[0] == ["theirs"]


async def test_confirm_does_not_mind_client_only_entries(log: EventLog) -> None:
    start = (await log.read(START)).position
    await log.append([local("mine", synced=False)], start)
    assert names(await log.confirm([ConfirmedEntry(event(1))], "b", start)) == (["theirs"], ["mine"])


async def test_discard_removes_pending_entries_and_tells_other_readers(log: EventLog) -> None:
    delta = await log.append([local("a"), local("b"), local("own", synced=False)], START)
    a, b, own = (entry.id for entry in delta.local)
    await log.discard([a, own, 12345])
    after = await log.read(delta.position, all_pending=True)
    assert names(after)[1] == ["b", DISCARDED]
    assert after.local[0].id == b
    assert after.local[1].event == LocalEvent(DISCARDED, [a, own, 12345], "", "", synced=False)
    assert (await read(log))[1] == ["b", "own", DISCARDED]
    await log.discard([a])
    assert (await log.read(START)).position == after.position


async def test_conditions_are_kept(log: EventLog) -> None:
    conditional = LocalEvent("a", {}, "c", "s", synced=True, only_if=["SELECT ?", [1, None]])
    await log.append([conditional], START)
    assert (await log.read(START)).local[0].event == conditional


async def test_arguments_that_are_nested_too_deep_are_read_as_null_and_hide_no_others(log: EventLog) -> None:
    """No event that is committed or arrives today has them; a log of an earlier version may."""
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    start = (await log.read(START)).position
    theirs = ConfirmedEntry(Event("deep", {"x": deep}, 2, 1, "other", "session"))
    await log.confirm([ConfirmedEntry(event(1)), theirs, ConfirmedEntry(event(3))], "backend", start)
    await log.append([LocalEvent("own", deep, "client", "session", synced=True), local("after")], start)
    delta = await log.read(START)
    assert [entry.event.args for entry in delta.confirmed] == [{"n": 1}, None, {"n": 3}]
    assert [entry.event.args for entry in delta.local] == [None, local("after").args]


async def test_reset_keeps_what_is_local_and_begins_an_epoch(log: EventLog) -> None:
    delta = await log.append([local("pending"), local("own", synced=False)], START)
    seen = (await log.confirm([ConfirmedEntry(event(1))], "backend", delta.position)).position
    after = await log.reset(seen)
    assert names(after) == ([], ["pending", "own"])
    assert after.position.epoch > seen.epoch
    assert after.position.confirmed == 0
    assert after.backend_id is None
    assert after.resets == 1
    again = await log.reset(seen)
    assert (again.position, again.resets) == (after.position, 1)
    stale = await log.confirm([ConfirmedEntry(event(2))], "backend", seen)
    assert names(stale)[0] == []


async def test_what_is_offered_again_at_a_reset_is_pending_in_front_of_what_was(make_log: MakeLog) -> None:
    log = make_log()
    await log.open("client")
    pending = [
        local("first"),
        LocalEvent("second", {}, "client", "s2", synced=True, only_if=["SELECT ?", [1]]),
    ]
    delta = await log.append([pending[0], local("own", synced=False, key="k"), pending[1]], START)
    seen = (
        await log.confirm([ConfirmedEntry(event(1)), ConfirmedEntry(event(2))], "b", delta.position)
    ).position
    offered = [LocalEvent("theirs", {"n": n}, "other", "session", synced=True) for n in (1, 2)]
    after = await log.reset(seen, offered)
    assert after.confirmed == []
    synced = [entry.event for entry in after.local if entry.event.synced]
    assert synced == [*offered, *pending]
    ids = [entry.id for entry in after.local if entry.event.synced]
    assert min(ids) > delta.position.local
    assert after.position == Position(seen.epoch + 1, 0, ids[-1])
    assert [entry.event.name for entry in after.local if not entry.event.synced] == ["own"]
    later = await log.append([local("third")], after.position)
    assert [entry.event.name for entry in later.local] == ["third"]
    confirmed = [ConfirmedEntry(event(1), ids[0]), ConfirmedEntry(event(2), ids[1])]
    await log.confirm(confirmed, "new", later.position)
    other = make_log()
    await other.open("client")
    left = await other.read(Position(after.position.epoch, 2, later.position.local), all_pending=True)
    assert [entry.event.name for entry in left.local] == ["first", "second", "third"]


async def test_a_reset_does_nothing_when_something_was_confirmed_meanwhile(log: EventLog) -> None:
    start = (await log.read(START)).position
    await log.confirm([ConfirmedEntry(event(1))], "backend", start)
    after = await log.reset(start, [local("offered")])
    assert names(after) == (["theirs"], [])
    assert after.position.epoch == start.epoch


async def test_a_reader_of_an_older_epoch_gets_everything(log: EventLog) -> None:
    seen = (await log.append([local("a"), local("b", synced=False)], START)).position
    current = (await log.reset(seen)).position
    await log.confirm([ConfirmedEntry(event(1))], "backend", current)
    assert names(await log.read(seen)) == (["theirs"], ["a", "b"])


async def test_all_pending_brings_back_older_pending_entries(log: EventLog) -> None:
    events = [local("a"), local("b", synced=False), local("c")]
    seen = (await log.append(events, START)).position
    await log.append([local("d", synced=False), local("e")], seen)
    assert names(await log.read(seen))[1] == ["d", "e"]
    assert names(await log.read(seen, all_pending=True))[1] == ["a", "c", "d", "e"]


async def test_the_sync_flag_is_kept(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    await one.open("x")
    await one.set_sync_enabled(False)
    await two.open("x")
    assert not (await two.read(START)).sync_enabled
    await two.set_sync_enabled(True)
    assert (await one.read(START)).sync_enabled


async def test_the_state_is_kept_as_it_was_committed(make_log: MakeLog) -> None:
    one, two = make_log(), make_log()
    await one.open("one")
    db = await one.open_state()
    db.execute("CREATE TABLE t (x)")
    db.execute("INSERT INTO t VALUES (zeroblob(300000))")
    db.execute("BEGIN")
    db.execute("INSERT INTO t SELECT zeroblob(300000) FROM t")
    await one.save_state()
    assert db.execute("SELECT count(*) FROM t").fetchone() == (2,)
    db.close()
    await one.close()
    await two.open("two")
    kept = await two.open_state()
    assert kept.execute("SELECT count(*), sum(length(x)) FROM t").fetchone() == (1, 300_000)
    kept.execute("DELETE FROM t")
    await two.save_state()
    kept.close()
    fresh = await two.open_state(fresh=True)
    assert fresh.execute("SELECT * FROM sqlite_master").fetchall() == []
    fresh.close()
    await two.close()


async def test_two_tabs_have_each_a_state_of_their_own(make_log: MakeLog) -> None:
    logs = [make_log(), make_log()]
    for log in logs:
        await log.open("client")
    databases = [await log.open_state() for log in logs]
    for db in databases:
        db.execute("CREATE TABLE t (x)")
        db.execute("BEGIN")
        db.execute("INSERT INTO t VALUES (1)")
    for db, log in zip(databases, logs, strict=True):
        assert db.execute("SELECT count(*) FROM t").fetchone() == (1,)
        db.close()
        await log.close()


async def test_a_closed_log_says_so(log: EventLog) -> None:
    await log.close()
    with pytest.raises(StoreError):
        await log.append([local("a")], START)
    await log.close()


async def test_a_failed_append_leaves_nothing(log: EventLog) -> None:
    class NotJson:
        pass

    bad = LocalEvent("bad", {"x": NotJson()}, "client", "session", synced=True)
    with pytest.raises(FileSyncError):
        await log.append([local("good"), bad], START)
    assert (await read(log))[1] == []
