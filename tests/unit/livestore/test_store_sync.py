"""The store against an in-memory backend: what reaches whom, and what happens when things break."""

from __future__ import annotations

import pytest

from filesync_web.livestore.messages import Event
from filesync_web.testing.clock import settle
from filesync_web.testing.livestore import MemoryEventLog
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import (
    Device,
    bodies,
    draft_set,
    note_added,
    note_changed,
    note_liked,
    notes,
)


@pytest.fixture
def backend() -> MemorySyncBackend:
    return MemorySyncBackend(chunk_events=3)


async def test_two_devices_see_each_others_events(backend):
    one = await Device().tab("one", open_socket=backend.open_socket)
    two = await Device().tab("two", open_socket=backend.open_socket)
    await one.commit(note_added(id="a", body="from one"), draft_set(id="d", body="mine"))
    await settle()
    await two.commit(note_changed(id="a", body="from two"))
    await settle()
    assert bodies(one) == bodies(two) == {"a": "from two"}
    assert [e.name for e in backend.events] == ["v1.NoteAdded", "v1.NoteChanged"]
    assert one.sync_status.pending == 0
    assert one.sync_status.connected
    await one.close()
    await two.close()


async def test_events_made_offline_are_pushed_in_batches_when_the_backend_is_back(backend):
    device = Device()
    backend.offline = True
    store = await device.tab("one", open_socket=backend.open_socket)
    for i in range(120):
        await store.commit(note_added(id=str(i)))
    await settle()
    assert not store.sync_status.connected
    assert store.sync_status.last_error
    assert store.sync_status.pending == 120
    backend.offline = False
    await device.clock.advance(30)
    assert [len(push) for push in backend.pushes] == [50, 50, 20]
    assert store.sync_status == type(store.sync_status)(True, True, 0, "", caught_up=True)
    assert [e.seq_num for e in backend.events] == list(range(1, 121))
    await store.close()


async def test_events_that_come_one_after_the_other_go_together(backend):
    device = Device(push_gap=0.05)
    store = await device.tab("one", open_socket=backend.open_socket)
    await device.clock.advance(1)
    for i in range(5):
        await store.commit(note_added(id=str(i)))
        await settle()
    assert [len(push) for push in backend.pushes] == [1], "the first does not wait"
    await device.clock.advance(0.04)
    assert len(backend.pushes) == 1
    await device.clock.advance(0.01)
    assert [len(push) for push in backend.pushes] == [1, 4]
    await store.commit(note_added(id="after many"))
    await device.clock.advance(0.15)
    assert len(backend.pushes) == 2, "while many come, more go together"
    await device.clock.advance(0.06)
    assert [len(push) for push in backend.pushes] == [1, 4, 1]
    await device.clock.advance(0.05)
    await store.commit(*(note_added(id=f"many {i}") for i in range(120)))
    await settle()
    assert [len(push) for push in backend.pushes] == [1, 4, 1, 50, 50, 20], (
        "a long queue does not wait either"
    )
    await device.clock.advance(1)
    assert store.sync_status.pending == 0
    await store.close()


async def test_a_push_that_others_have_overtaken_is_made_again_at_once(backend):
    device = Device(push_gap=0.05)
    store = await device.tab("one", open_socket=backend.open_socket)
    await device.clock.advance(1)
    (socket,) = backend.sockets
    push = socket._push

    def push_too_late(request_id, payload):
        socket._push = push
        backend.append(_added("theirs"))
        push(request_id, payload)

    socket._push = push_too_late
    await store.commit(note_added(id="ours"))
    await settle()
    assert [event.args["id"] for event in backend.events] == ["theirs", "ours"]
    await store.commit(note_liked(id="ours"))
    await settle()
    assert len(backend.pushes) == 1, "the next one is put off as before"
    await store.close()


async def test_a_push_whose_answer_was_lost_is_not_doubled(backend):
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    backend.fail_after_push = 1
    await store.commit(note_added(id="a"))
    await store.commit(note_liked(id="a"))
    await store.commit(note_liked(id="a"))
    await device.clock.advance(30)
    assert store.query(notes)[0].likes == 2
    assert len(backend.events) == 3
    assert store.sync_status.pending == 0
    await store.close()


async def test_a_crash_between_push_and_answer_does_not_double(backend):
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    await store.commit(note_added(id="a"))
    await settle()
    log = device.storage
    before = (list(log.confirmed), list(log.local))
    await store.commit(note_liked(id="a"))
    after_commit = list(log.local)
    await settle()
    await store.close()
    # As if the process had died after the push and before it could write down the answer:
    log.confirmed, log.local = before[0], after_commit
    again = await device.tab("two", open_socket=backend.open_socket)
    await settle()
    assert again.query(notes)[0].likes == 1
    assert len(backend.events) == 2
    assert log.local == []
    await again.close()


async def test_pending_events_are_rebased_on_what_came_first(backend):
    device = Device()
    backend.append(Event("v1.NoteAdded", {"id": "a", "body": "0"}, 0, 0, "x", "x"))
    store = await device.tab("one", open_socket=backend.open_socket)
    await settle()
    backend.offline = True
    await settle()
    await store.commit(note_changed(id="a", body="ours"))
    backend.append(Event("v1.NoteChanged", {"id": "a", "body": "theirs"}, 0, 0, "x", "x"))
    backend.offline = False
    await device.clock.advance(30)
    assert bodies(store) == {"a": "ours"}
    assert [e.args.get("body") for e in backend.events] == ["0", "theirs", "ours"]
    await store.close()


def _added(note_id: str) -> Event:
    return Event("v1.NoteAdded", {"id": note_id, "body": ""}, 0, 0, "x", "x")


async def test_many_single_events_are_written_and_told_together(backend, monkeypatch):
    store = await Device().tab("one", open_socket=backend.open_socket)
    writes, told = [], []
    confirm = MemoryEventLog.confirm

    async def counting(self, entries, *args):
        writes.append(len(entries))
        return await confirm(self, entries, *args)

    monkeypatch.setattr(MemoryEventLog, "confirm", counting)
    store.subscribe([notes], told.append)
    for number in range(250):
        backend.append(_added(str(number)))
    for _ in range(10):
        await settle()
    assert len(bodies(store)) == 250
    assert writes == [100, 100, 50], "as few as may be, none of which holds up the page"
    assert len(told) == len(writes)
    await store.close()


async def test_whoever_never_stops_talking_keeps_no_commit_from_being_pushed(backend):
    open_socket, repeats = backend.open_socket, 0

    async def open_noisy(url):
        socket = await open_socket(url)
        send = socket.send

        async def send_and_hear_more(text):
            nonlocal repeats
            await send(text)
            if "Ack" in text and backend.events and not backend.pushes and repeats < 1_000:
                repeats += 1
                backend.broadcast(backend.events[-1:])  # there is always one more message, and nothing new
                await settle()

        socket.send = send_and_hear_more
        return socket

    store = await Device().tab("one", open_socket=open_noisy)
    backend.append(_added("theirs"))
    await store.commit(note_added(id="ours"))
    for _ in range(20):
        await settle()
    assert [len(push) for push in backend.pushes] == [1]
    assert repeats < 100
    await store.close()


async def test_what_came_before_a_broken_frame_counts(backend):
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    (socket,) = backend.sockets
    backend.append(_added("whole"))
    socket._to_client.put_nowait("{")
    backend.offline = True
    await settle()
    assert bodies(store) == {"whole": ""}
    assert not store.sync_status.connected
    await store.close()


async def test_an_event_that_overtakes_the_pages_of_a_backlog_hides_none_of_them(backend):
    backend.overtaking = True
    backend.append(*map(_added, "abcdefgh"))
    backend.offline = True
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    news = ["x", "y"]

    def push_news(_events):  # called before the page is acknowledged
        if news:
            backend.append(_added(news.pop(0)))

    store.on_events(push_news)
    backend.offline = False
    await device.clock.advance(30)
    assert sorted(bodies(store)) == sorted("abcdefghxy")
    await store.commit(note_added(id="z"))
    await settle()
    assert store.sync_status == type(store.sync_status)(True, True, 0, "", caught_up=True)
    assert [e.args["id"] for e in backend.events] == list("abcdefghxyz")
    await store.close()


async def test_an_event_that_the_backend_forgot_to_send_is_fetched_with_the_next(backend):
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    await settle()
    sockets, backend.sockets = backend.sockets, []
    backend.append(*map(_added, "abcde"))
    backend.sockets = sockets
    await settle()
    assert bodies(store) == {}
    backend.append(_added("f"))
    await settle()
    assert sorted(bodies(store)) == list("abcdef")
    await store.close()


async def test_server_ahead_between_pull_and_push(backend):
    """Another client's event arrives at the backend while our push is on its way."""
    one, two = Device(), Device()
    first = await one.tab("one", open_socket=backend.open_socket)
    second = await two.tab("two", open_socket=backend.open_socket)
    for i in range(20):
        await first.commit(note_added(id=f"one-{i}"))
        await second.commit(note_added(id=f"two-{i}"))
    for _ in range(20):
        await settle()
    assert len(backend.events) == 40
    assert bodies(first) == bodies(second)
    assert len(bodies(first)) == 40
    await first.close()
    await second.close()


async def test_sync_can_be_switched_off_and_on_for_all_tabs(backend):
    device = Device()
    one = await device.tab("one", open_socket=backend.open_socket)
    two = await device.tab("two", open_socket=backend.open_socket)
    await two.set_sync_enabled(False)
    await settle()
    assert not one.sync_status.enabled
    assert not one.sync_status.connected
    assert backend.sockets == []
    await one.commit(note_added(id="a"))
    backend.append(Event("v1.NoteAdded", {"id": "b"}, 0, 0, "x", "x"))
    await device.clock.advance(60)
    assert set(bodies(two)) == {"a"}
    await one.close()
    await two.close()
    three = await device.tab("three", open_socket=backend.open_socket)
    await device.clock.advance(60)
    assert not three.sync_status.enabled
    assert len(backend.events) == 1
    await three.set_sync_enabled(True)
    await settle()
    assert set(bodies(three)) == {"a", "b"}
    assert len(backend.events) == 2
    await three.close()


async def test_the_token_is_asked_for_at_each_connect_and_a_refusal_is_told(backend):
    device = Device()
    tokens = iter(["wrong", "right"])

    async def payload():
        return {"authToken": next(tokens)}

    backend.required_payload = {"authToken": "right"}
    store = await device.tab("one", open_socket=backend.open_socket, payload=payload)
    await settle()
    assert "(400: the token is not valid)" in store.sync_status.last_error
    assert "wrong" not in store.sync_status.last_error
    await device.clock.advance(1)
    assert store.sync_status.connected
    assert store.sync_status.last_error == ""
    await store.close()


async def test_a_silent_connection_is_given_up_and_mended(backend):
    device = Device()
    store = await device.tab("one", open_socket=backend.open_socket)
    backend.silent = True
    await store.commit(note_added(id="a"))
    await device.clock.advance(19)
    assert store.sync_status.connected
    backend.silent = False
    await device.clock.advance(3)
    assert store.sync_status.pending == 0
    assert store.sync_status.connected
    await store.close()


async def test_a_nudge_ends_the_pause_between_attempts(backend):
    device = Device()
    backend.offline = True
    one = await device.tab("one", open_socket=backend.open_socket)
    two = await device.tab("two", open_socket=backend.open_socket)
    await device.clock.advance(300)
    backend.offline = False
    two.nudge_sync()
    await settle()
    assert one.sync_status.connected
    assert two.sync_status.connected
    await one.close()
    await two.close()


async def test_the_backoff_starts_over_after_a_good_connection(backend):
    device = Device()
    backend.offline = True
    store = await device.tab("one", open_socket=backend.open_socket)
    await device.clock.advance(300)
    backend.offline = False
    store.nudge_sync()
    await settle()
    backend.drop_connections()
    await settle()
    assert not store.sync_status.connected
    await device.clock.advance(1)
    assert store.sync_status.connected
    await store.close()


async def test_unknown_events_are_kept_and_skipped(backend, caplog):
    device = Device()
    backend.append(Event("v9.FromTheFuture", {"x": [1]}, 0, 0, "x", "x"))
    backend.append(Event("v1.NoteAdded", {"id": 5}, 0, 0, "x", "x"))
    backend.append(Event("v1.NoteAdded", {"id": "a", "unknown": None}, 0, 0, "x", "x"))
    store = await device.tab("one", open_socket=backend.open_socket)
    assert set(bodies(store)) == {"a"}
    assert device.storage.confirmed[0].event.name == "v9.FromTheFuture"
    await store.commit(note_added(id="b"))
    await settle()
    assert backend.head == 4
    assert "v9.FromTheFuture" in caplog.text
    await store.close()


async def test_events_that_come_twice_count_once(backend):
    backend.repeat_chunks = True
    one = await Device().tab("one", open_socket=backend.open_socket)
    two = await Device().tab("two", open_socket=backend.open_socket)
    await one.commit(note_added(id="a"))
    await two.commit(note_liked(id="a"))
    await one.commit(note_liked(id="a"))
    for _ in range(5):
        await settle()
    assert [n.likes for n in one.query(notes)] == [n.likes for n in two.query(notes)]
    assert len(backend.events) == 3
    await one.close()
    await two.close()
