"""A backend that comes back with less than it had confirmed: what it lacks is offered again, once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from filesync_web.errors import InvalidArgumentError
from filesync_web.livestore.messages import MAX_BATCH_BYTES, Event
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import BackendReset, SyncOptions
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import (
    Device,
    bodies,
    draft_set,
    note_added,
    note_changed,
    note_liked,
    notes,
    recorder,
)


@pytest.fixture
def backend() -> MemorySyncBackend:
    return MemorySyncBackend(chunk_events=3)


@pytest.fixture
def device() -> Device:
    return Device()


def offered(backend: MemorySyncBackend) -> list[str]:
    """The notes and likes that the backend has, in order."""
    return [f"{event.name[7:]} {event.args['id']}" for event in backend.events]


async def filled(backend: MemorySyncBackend, device: Device, **options: Any) -> Store:
    """A client that the backend has confirmed some events to."""
    store = await device.tab("one", open_socket=backend.open_socket, **options)
    await store.commit(*(note_added(id=id_) for id_ in "abcde"))
    await store.commit(note_liked(id="a"), note_liked(id="a"), draft_set(id="d", body="mine"))
    await settle()
    assert store.sync_status.pending == 0
    return store


FILLED = [*(f"Added {id_}" for id_ in "abcde"), "Liked a", "Liked a"]


async def test_an_emptied_backend_gets_everything_again_and_the_client_says_so(
    backend: MemorySyncBackend, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    store = await filled(backend, device)
    before, found = store.query(notes), recorder()
    store.subscribe(notes, found[1])
    statuses, note = recorder()
    store.on_sync_status(note)
    backend.reset()
    await device.clock.advance(60)
    assert offered(backend) == FILLED
    assert store.query(notes) == before
    assert found[0] == []
    assert store.sync_status == type(store.sync_status)(True, True, 0, "", backend_resets=1, caught_up=True)
    assert max(status.pending for status in statuses) == 7
    assert any("has lost events" in status.last_error for status in statuses)
    assert "offered again" in caplog.text
    await store.close()
    new = await Device().tab("new", open_socket=backend.open_socket)
    await settle()
    assert new.query(notes) == before
    assert new.sync_status.backend_resets == 0
    await new.close()


async def test_what_was_pending_follows_what_is_offered_again(
    backend: MemorySyncBackend, device: Device
) -> None:
    store = await filled(backend, device)
    backend.offline = True
    await settle()
    here, gone = notes.where(id="e"), notes.where(id="z")
    await store.commit(note_added(id="pending"), note_liked(id="e").only_if(here))
    await store.commit(note_liked(id="b").only_if(gone))
    backend.reset()
    backend.offline = False
    await device.clock.advance(60)
    assert offered(backend) == [*FILLED, "Added pending", "Liked e"]
    assert store.query("select body from drafts")[0].body == "mine"
    assert store.sync_status.pending == 0
    await store.close()


@pytest.mark.parametrize("kept", [0, 1, 4, 6])
async def test_an_older_copy_gets_what_it_lacks_though_nothing_is_pending(
    backend: MemorySyncBackend, device: Device, kept: int
) -> None:
    store = await filled(backend, device)
    backend.restore(kept)
    await device.clock.advance(60)
    assert offered(backend) == FILLED
    assert store.sync_status.backend_resets == 1
    assert store.query(notes.where(id="a"))[0].likes == 2
    await store.close()


async def test_an_older_copy_that_has_grown_past_our_head_is_found_out(
    backend: MemorySyncBackend, device: Device
) -> None:
    """By events that carry the very numbers of those that it has lost."""
    store = await filled(backend, device)
    backend.offline = True
    await settle()
    backend.restore(3)
    for id_ in "uvwxyz":
        backend.append(Event("v1.NoteAdded", {"id": id_, "body": ""}, 0, 0, "x", "x"))
    backend.offline = False
    await device.clock.advance(60)
    assert offered(backend) == [*FILLED[:3], *(f"Added {id_}" for id_ in "uvwxyz"), *FILLED[3:]]
    assert sorted(bodies(store)) == sorted("abcdeuvwxyz")
    assert store.query(notes.where(id="a"))[0].likes == 2
    await store.close()


async def test_a_copy_that_is_as_long_as_ours_is_found_out_too(
    backend: MemorySyncBackend, device: Device
) -> None:
    store = await filled(backend, device)
    backend.offline = True
    await settle()
    last = backend.events[-1]
    backend.restore(6)
    backend.append(Event(last.name, {"id": "b"}, 0, 0, last.client_id, last.session_id))
    backend.offline = False
    await device.clock.advance(60)
    assert offered(backend) == [*FILLED[:6], "Liked b", FILLED[6]]
    await store.close()


async def test_a_good_connection_is_no_reset_however_often_it_breaks(
    backend: MemorySyncBackend, device: Device
) -> None:
    backend.repeat_chunks = True
    store = await filled(backend, device)
    for n in range(20):
        backend.drop_connections()
        backend.append(Event("v1.NoteAdded", {"id": f"{n}", "body": ""}, 0, 0, "x", "x"))
        await store.commit(note_liked(id="b"))
        await device.clock.advance(40)
    assert store.sync_status.backend_resets == 0
    assert store.sync_status.pending == 0
    assert len(backend.events) == 47
    await store.close()


async def test_several_clients_offer_everything_once(backend: MemorySyncBackend) -> None:
    """Also what is not idempotent; and the last of them comes much later, with less than the others."""
    devices = [Device(), Device(), Device()]
    stores = [await filled(backend, devices[0])]
    late = await devices[2].tab("late", open_socket=backend.open_socket)
    await settle()
    await late.close()
    stores.append(await devices[1].tab("two", open_socket=backend.open_socket))
    await settle()
    for store in stores:
        await store.commit(note_liked(id="b"), note_changed(id="c", body=store.session_id))
        await settle()
    before = Counter(offered(backend))
    backend.reset()
    for _ in range(6):
        for device in devices:
            await device.clock.advance(5)
    assert Counter(offered(backend)) == before
    late = await devices[2].tab("late again", open_socket=backend.open_socket)
    await late.commit(note_added(id="late"))
    for _ in range(6):
        for device in devices:
            await device.clock.advance(5)
    assert Counter(offered(backend)) == before + Counter(["Added late"])
    assert stores[0].query(notes) == stores[1].query(notes) == late.query(notes)
    for store in (*stores, late):
        await store.close()


async def test_a_crash_a_lost_answer_and_another_reset_in_the_middle_double_nothing(
    backend: MemorySyncBackend, device: Device
) -> None:
    store = await device.tab("one", open_socket=backend.open_socket)
    for n in range(130):
        await store.commit(note_liked(id="a") if n else note_added(id="a"))
    await settle(300)
    assert len(backend.events) == 130
    backend.reset()
    backend.fail_after_push = 1
    await device.clock.advance(1)
    await store.close()
    assert 0 < len(backend.events) < 130
    again = await device.tab("two", open_socket=backend.open_socket)
    await settle(5)
    backend.reset()
    backend.fail_after_push = 2
    for _ in range(10):
        await device.clock.advance(9)
    assert len(backend.events) == 130
    assert again.query(notes)[0].likes == 129
    assert again.sync_status.pending == 0
    await again.close()


async def test_the_other_tabs_know(backend: MemorySyncBackend, device: Device) -> None:
    one = await filled(backend, device)
    two = await device.tab("two", open_socket=backend.open_socket)
    backend.reset()
    await device.clock.advance(60)
    assert two.sync_status == one.sync_status
    assert two.sync_status.backend_resets == 1
    assert two.query(notes) == one.query(notes)
    await one.close()
    await two.close()
    three = await device.tab("three")
    assert three.sync_status.backend_resets == 1
    await three.close()


async def test_an_event_that_no_push_can_hold_is_left_out(backend: MemorySyncBackend, device: Device) -> None:
    """LiveStore's backend accepts such; ours refuses them, and would go on refusing."""
    backend.append(Event("v1.NoteAdded", {"id": "large", "body": "x" * MAX_BATCH_BYTES}, 0, 0, "x", "x"))
    store = await filled(backend, device)
    backend.reset()
    await device.clock.advance(60)
    assert offered(backend) == FILLED
    assert store.sync_status.pending == 0
    await store.close()


# --- the app decides ----------------------------------------------------------------------------------------


async def drop_later(_reset: BackendReset) -> str:
    await settle(3)
    return "drop"


@pytest.mark.parametrize(
    "choice", ["drop", lambda _reset: "drop", drop_later], ids=["word", "function", "async"]
)
async def test_the_app_may_let_it_be_dropped(
    backend: MemorySyncBackend, device: Device, choice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = await filled(backend, device, on_backend_reset=choice)
    backend.offline = True
    await settle()
    await store.commit(note_added(id="pending"))
    backend.reset()
    backend.offline = False
    await device.clock.advance(60)
    assert bodies(store) == {"pending": ""}
    assert offered(backend) == ["Added pending"]
    assert store.query("select body from drafts")[0].body == "mine"
    assert store.sync_status == type(store.sync_status)(True, True, 0, "", backend_resets=1, caught_up=True)
    assert "dropped" in caplog.text
    await store.close()


async def test_the_app_is_told_what_it_decides_about(backend: MemorySyncBackend, device: Device) -> None:
    asked: list[BackendReset] = []

    def ask(reset: BackendReset) -> str:
        asked.append(reset)
        return "offer"

    store = await filled(backend, device, on_backend_reset=ask)
    backend.offline = True
    await settle()
    await store.commit(note_added(id="pending"))
    backend.reset()
    backend.offline = False
    await device.clock.advance(60)
    assert asked == [BackendReset(last_event="v1.NoteLiked", pending=1)]
    assert offered(backend) == [*FILLED, "Added pending"]
    await store.close()


@pytest.mark.parametrize("answer", [None, "perhaps", RuntimeError("a bug of the app")], ids=str)
async def test_without_a_usable_answer_nothing_is_dropped(
    backend: MemorySyncBackend, device: Device, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def ask(_reset: BackendReset) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    store = await filled(backend, device, on_backend_reset=ask)
    backend.reset()
    await device.clock.advance(60)
    assert offered(backend) == FILLED
    assert "on_backend_reset" in caplog.text
    await store.close()


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="on_backend_reset"):
        SyncOptions("/sync", on_backend_reset="maybe")  # type: ignore[arg-type]
