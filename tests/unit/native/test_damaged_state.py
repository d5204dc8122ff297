"""A state that is damaged, or that the disk has no room for, costs nothing: the log has everything."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filesync_web.environment import open_store
from filesync_web.errors import StoreError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import START, LocalEvent
from filesync_web.livestore.state import State
from filesync_web.livestore.store import Store
from filesync_web.native.event_log import SqliteEventLog
from filesync_web.native.state_file import StateFile
from tests.unit.livestore.support import NOTES, bodies, draft_set, drafts, note_added, note_liked, notes

COUNT = 600
BODY = "x" * 300
PAGE = 4096


async def open_here(folder: Path) -> Store:
    return await open_store(NOTES, store_id="s", data_dir=folder)


async def filled(folder: Path) -> Path:
    """A store with many confirmed notes, all of them in its state, closed; returns the file of the state."""
    store = await open_here(folder)
    await store._replica.confirm(arrived(1, COUNT, BODY), "backend", {})
    await store._replica.save_state()
    await store.close()
    state = state_of(folder)
    assert state.stat().st_size > 40 * PAGE
    return state


def arrived(first: int, count: int, body: str = "") -> list[Event]:
    numbers = range(first, first + count)
    return [Event("v1.NoteAdded", {"id": f"{n:04}", "body": body}, n, n - 1, "x", "x") for n in numbers]


def state_of(folder: Path) -> Path:
    (state,) = folder.rglob("*state0.sqlite3")
    return state


def cut_in_half(data: bytearray) -> bytes:
    return data[: len(data) // 2]


def garbage_at_the_head(data: bytearray) -> bytes:
    return b"garbage!" * 20 + data[160:]


def garbage_everywhere(data: bytearray) -> bytes:
    return random.Random(3).randbytes(len(data))


def nothing(_data: bytearray) -> bytes:
    return b""


def bad_pages(data: bytearray) -> bytes:
    """All but the first pages, which opening looks at."""
    for page in range(12, len(data) // PAGE, 2):
        data[page * PAGE : page * PAGE + 200] = b"\xff" * 200
    return data


Damage = Callable[[bytearray], bytes]


@pytest.mark.parametrize("damage", [cut_in_half, garbage_at_the_head, garbage_everywhere, nothing, bad_pages])
async def test_a_damaged_state_is_made_anew_from_the_log(
    tmp_path: Path, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    state = await filled(tmp_path)
    state.write_bytes(damage(bytearray(state.read_bytes())))
    store = await open_here(tmp_path)
    if damage is bad_pages:  # nobody has looked there yet
        with pytest.raises(StoreError, match="ask again"):
            bodies(store)
        await store.refresh()
    assert len(bodies(store)) == COUNT
    assert "made anew" in caplog.text or damage is nothing
    await store.commit(note_liked(id="0007"), draft_set(id="d", body="x"))
    assert store.query(notes.where(id="0007"))[0].likes == 1
    await store.close()
    caplog.clear()
    again = await open_here(tmp_path)
    assert len(bodies(again)) == COUNT
    assert again.query(notes.where(id="0007"))[0].likes == 1
    assert again.query(drafts)[0].body == "x"
    assert caplog.text == ""
    await again.close()


async def test_damage_that_a_commit_finds_does_not_make_it_fail(tmp_path: Path) -> None:
    state = await filled(tmp_path)
    state.write_bytes(bad_pages(bytearray(state.read_bytes())))
    store = await open_here(tmp_path)
    await store.commit(*(note_liked(id=f"{n:04}") for n in range(1, COUNT + 1)))
    assert store.query("SELECT count(*), sum(likes) FROM notes") == [(COUNT, COUNT)]
    await store.close()


async def test_damage_is_told_to_no_subscriber_as_a_change(tmp_path: Path) -> None:
    """What an app shows stays; it is told when the state has been made anew, if then something is new."""
    state = await filled(tmp_path)
    state.write_bytes(bad_pages(bytearray(state.read_bytes())))
    store = await open_here(tmp_path)
    told: list[Any] = []
    store.subscribe(notes.where(id="0001"), told.append)
    with pytest.raises(StoreError):
        bodies(store)
    await store.refresh()
    assert len(bodies(store)) == COUNT
    assert told == []
    await store.commit(note_liked(id="0001"))
    assert [note.likes for (note,) in told] == [1]
    await store.close()


async def test_a_state_that_was_left_half_way_is_not_used_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: here a bug of ours, in the middle of a batch."""
    store = await open_here(tmp_path)
    await store._replica.confirm(arrived(1, 5), "backend", {})
    with monkeypatch.context() as patch:
        applied, apply = [], State._apply_entry

        def fail_at_the_third(self: State, entry: Any) -> Any:
            applied.append(entry)
            assert len(applied) < 3
            return apply(self, entry)

        patch.setattr(State, "_apply_entry", fail_at_the_third)
        with pytest.raises(AssertionError):
            await store._replica.confirm(arrived(6, 5), "backend", {})
    await store.refresh()
    assert len(bodies(store)) == 10
    await store.close()


# --- a full disk --------------------------------------------------------------------------------------------


class FullDisk:
    """A connection whose COMMIT finds no room while `is_full`; SQLite has then rolled back by itself."""

    is_full = False

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *params: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and FullDisk.is_full:
            self._db.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._db.execute(sql, *params)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> type[FullDisk]:
    opened = StateFile.open
    monkeypatch.setattr(StateFile, "open", lambda self, **how: FullDisk(opened(self, **how)))
    monkeypatch.setattr(FullDisk, "is_full", False)
    return FullDisk


async def test_what_the_state_cannot_commit_is_there_and_is_there_after_reopening(
    tmp_path: Path, disk: type[FullDisk], caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_here(tmp_path)
    await store._replica.confirm(arrived(1, 15), "backend", {})
    disk.is_full = True
    for first in range(16, 196, 20):
        await store._replica.confirm(arrived(first, 20), "backend", {})
    await store.commit(note_added(id="own"), draft_set(id="d", body="mine"))
    await store._replica.confirm(arrived(196, 9), "backend", {})
    assert len(bodies(store)) == 205
    assert store.query(drafts)[0].body == "mine"
    assert store.sync_status.pending == 1
    assert "full" in caplog.text
    await store.close()
    disk.is_full = False
    again = await open_here(tmp_path)
    assert len(bodies(again)) == 205
    assert again.query(drafts)[0].body == "mine"
    await again.close()


async def test_the_state_is_committed_when_there_is_room_again(tmp_path: Path, disk: type[FullDisk]) -> None:
    store = await open_here(tmp_path)
    disk.is_full = True
    await store._replica.confirm(arrived(1, 50), "backend", {})
    await store._replica.save_state()
    disk.is_full = False
    await store._replica.save_state()
    await store._replica.confirm(arrived(51, 50), "backend", {})
    await store.close()
    with sqlite3.connect(state_of(tmp_path)) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (100,)
    db.close()


async def test_the_position_on_the_disk_is_that_of_its_rows_after_each_failure(
    tmp_path: Path, disk: type[FullDisk]
) -> None:
    rng = random.Random(11)
    store = await open_here(tmp_path)
    for n in range(60):
        disk.is_full = rng.random() < 0.4
        if rng.random() < 0.5:
            await store.commit(draft_set(id=str(n % 5), body=str(n)))
        else:
            head = store._replica.position.confirmed
            await store._replica.confirm(arrived(head + 1, rng.randint(1, 4)), "backend", {})
        if rng.random() < 0.2:
            await store._replica.save_state()
        with sqlite3.connect(state_of(tmp_path)) as db:
            (confirmed,) = db.execute('SELECT confirmed FROM "$state"').fetchone()
            assert db.execute("SELECT count(*) FROM notes").fetchone() == (confirmed,)
        db.close()
        assert len(bodies(store)) == store._replica.position.confirmed
    await store.close()


async def test_a_log_whose_transaction_ends_by_itself_is_still_a_quota_error(tmp_path: Path) -> None:
    """Then ROLLBACK has nothing to do, and its own error must not take the place of the real one."""
    from filesync_web.errors import QuotaExceededError

    log = SqliteEventLog(tmp_path / "log.sqlite3")
    await log.open("client")
    db, log._opened._db = log._opened._db, FullDisk(log._opened._db)  # type: ignore[assignment]
    FullDisk.is_full = True
    try:
        with pytest.raises(QuotaExceededError, match="no room"):
            await log.append([LocalEvent("e", {}, "c", "s", synced=True)], START)
    finally:
        FullDisk.is_full = False
        log._opened._db = db
    assert (await log.read(START)).local == []
    await log.close()
