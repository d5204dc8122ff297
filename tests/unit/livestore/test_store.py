"""The store of one device: commits, queries, subscriptions, tabs, compaction, the saved state."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.errors import EventTooLargeError, FileSyncError, SchemaError, StoreClosedError
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import LOG_CHANGED
from filesync_web.livestore.replica import MAX_TOGETHER
from filesync_web.livestore.schema import event, make_schema
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import (
    NOTES,
    Device,
    bodies,
    draft_set,
    drafts,
    note_added,
    note_changed,
    note_liked,
    notes,
    recorder,
)

failing = event("v1.Failing")
WITH_FAILING = make_schema(
    tables=NOTES.tables,
    events={**NOTES.events, "failing": failing},
    materializers={**NOTES.materializers, "v1.Failing": "INSERT INTO notes (id) VALUES (NULL)"},
)


async def test_a_commit_is_durable_and_visible_when_it_returns() -> None:
    device = Device()
    store = await device.tab()
    await store.commit(note_added(id="a", body="x"), note_liked(id="a"))
    (note,) = store.query(notes)
    assert (note.id, note.body, note.likes) == ("a", "x", 1)
    assert store.query("SELECT count(*) AS n, 2 FROM notes WHERE id = ?", ["a"])[0].n == 1
    assert [entry.event.name for entry in device.storage.local] == ["v1.NoteAdded", "v1.NoteLiked"]
    await store.close()
    again = await device.tab()
    assert bodies(again) == {"a": "x"}
    assert again.client_id == store.client_id
    await again.close()


async def test_a_batch_is_committed_as_a_whole_or_not_at_all() -> None:
    device = Device()
    store = await device.tab(schema=WITH_FAILING)
    with pytest.raises(SchemaError, match=r"v1\.Failing failed"):
        await store.commit(note_added(id="a"), failing())
    assert store.query(notes) == []
    assert device.storage.local == []
    await store.commit()
    await store.close()


async def test_commits_that_wait_go_into_the_log_together_and_fail_alone() -> None:
    device = Device()
    store = await device.tab(schema=WITH_FAILING)
    changes, tell = recorder()
    store.subscribe(notes, tell)
    here = notes.where(id="b")
    commits = [
        store.commit(note_added(id="a", body="x")),
        store.commit(note_added(id="c"), failing()),
        store.commit(note_added(id="b", body="y")),
        store.commit(note_liked(id="b").only_if(here), note_liked(id="b").only_if(notes.where(id="c"))),
    ]
    ends = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None), SchemaError, type(None), type(None)]
    assert [(n.id, n.body, n.likes) for n in store.query(notes)] == [("a", "x", 0), ("b", "y", 1)]
    assert [entry.event.name for entry in device.storage.local] == ["v1.NoteAdded"] * 2 + ["v1.NoteLiked"]
    assert len(changes) == 1
    await store.close()


async def test_very_many_commits_go_into_the_log_in_parts_between_which_others_get_their_turn() -> None:
    device = Device()
    store = await device.tab()
    changes, tell = recorder()
    store.subscribe(notes, tell)
    await asyncio.gather(*(store.commit(note_added(id=str(n))) for n in range(2 * MAX_TOGETHER + 1)))
    assert [len(rows) for rows in changes] == [MAX_TOGETHER, 2 * MAX_TOGETHER, 2 * MAX_TOGETHER + 1]
    await store.close()


async def test_many_commits_at_once_are_told_to_the_other_tabs_once() -> None:
    device = Device()
    store = await device.tab()
    told, tell = recorder()
    device.hub.channel().listen(tell)
    await asyncio.gather(*(store.commit(note_added(id=str(n))) for n in range(20)))
    await settle()
    assert told == [{"type": LOG_CHANGED}]
    await store.close()


async def test_a_commit_that_is_cancelled_while_it_waits_does_not_happen() -> None:
    device = Device()
    store = await device.tab()
    first = asyncio.ensure_future(store.commit(note_added(id="a")))
    cancelled = asyncio.ensure_future(store.commit(note_added(id="b")))
    await asyncio.sleep(0)
    cancelled.cancel()
    await first
    await settle()
    assert cancelled.cancelled()
    assert list(bodies(store)) == ["a"]
    await store.close()


async def test_closing_waits_for_the_commits_that_were_begun() -> None:
    device = Device()
    store = await device.tab()
    commits = [asyncio.ensure_future(store.commit(note_added(id=id_))) for id_ in "abc"]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*commits)
    assert [entry.event.args["id"] for entry in device.storage.local] == ["a", "b", "c"]


async def test_what_cannot_be_committed_is_refused() -> None:
    store = await Device().tab()
    stranger = event("v1.NoteAdded")
    for bad in (stranger(), "text", None):
        with pytest.raises(SchemaError):
            await store.commit(bad)
    with pytest.raises(EventTooLargeError, match=r"9\d\d,\d\d\d encoded bytes; the limit is 900,000"):
        await store.commit(note_added(id="a", body="é" * 450_000))
    await store.commit(note_added(id="a", body="x" * 890_000))
    assert len(store.query(notes)) == 1
    await store.close()


async def test_a_closed_store_says_so() -> None:
    store = await Device().tab()
    await store.close()
    await store.close()
    with pytest.raises(StoreClosedError):
        await store.commit(note_added(id="a"))
    with pytest.raises(StoreClosedError):
        store.query(notes)


async def test_a_wrong_query_is_told() -> None:
    store = await Device().tab()
    for text in ("SELECT nothing FROM nowhere", "DELETE FROM notes", "nonsense"):
        with pytest.raises(SchemaError):
            store.query(text)
    await store.close()


# --- subscriptions ------------------------------------------------------------------------------------------


async def test_a_subscriber_is_told_once_per_change_of_the_result() -> None:
    store = await Device().tab()
    found, note = recorder()
    unsubscribe = store.subscribe(notes.where(body="x").order_by("id"), note)
    await store.commit(note_added(id="a", body="x"), note_added(id="b", body="x"), note_added(id="c"))
    assert [[n.id for n in rows] for rows in found] == [["a", "b"]]
    await store.commit(note_added(id="d", body="y"))  # not in the result
    await store.commit(draft_set(id="e", body="x"))  # another table
    await store.commit(note_changed(id="a", body="x"))  # changes nothing
    assert len(found) == 1
    await store.commit(note_changed(id="a", body="z"))
    assert [n.id for n in found[-1]] == ["b"]
    unsubscribe()
    unsubscribe()
    await store.commit(note_changed(id="b", body="z"))
    assert len(found) == 2
    await store.close()


async def test_one_may_subscribe_to_sql_and_to_tables() -> None:
    store = await Device().tab()
    counts, note = recorder()
    tables, note_tables = recorder()
    store.subscribe("SELECT count(*) AS n FROM notes WHERE body = ?", note, ["x"])
    store.subscribe([notes, drafts], note_tables)
    await store.commit(note_added(id="a", body="x"))
    await store.commit(draft_set(id="a", body="x"))
    await store.commit(note_changed(id="nobody", body="x"))
    assert [rows[0].n for rows in counts] == [1]
    assert tables == [{"notes"}, {"drafts"}]
    await store.close()


async def test_the_error_of_a_subscriber_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    store = await Device().tab()
    found, note = recorder()

    def fail(_rows: object) -> None:
        raise RuntimeError("a bug of the app")

    store.subscribe(notes, fail)
    store.subscribe(notes, note)
    store.on_sync_status(fail)
    await store.commit(note_added(id="a"))
    assert len(found) == 1
    assert "a bug of the app" in caplog.text
    await store.close()


async def test_a_subscriber_may_commit_and_unsubscribe() -> None:
    store = await Device().tab()
    tasks: list[asyncio.Task[None]] = []

    def react(rows: list[object]) -> None:
        unsubscribe()
        tasks.append(asyncio.create_task(store.commit(note_added(id=f"reaction-{len(rows)}"))))

    unsubscribe = store.subscribe(notes, react)
    await store.commit(note_added(id="a"))
    await asyncio.gather(*tasks)
    assert set(bodies(store)) == {"a", "reaction-1"}
    await store.close()


async def test_a_rebase_tells_only_of_what_is_different_in_the_end() -> None:
    device, backend = Device(), MemorySyncBackend()
    store = await device.tab(open_socket=backend.open_socket)
    await store.commit(note_added(id="a"))
    await settle()
    backend.offline = True
    await store.commit(note_changed(id="a", body="mine"))
    found, note = recorder()
    store.subscribe(notes.where(id="a"), note)
    backend.append(Event("v1.NoteChanged", {"id": "a", "body": "theirs"}, 0, 0, "x", "x"))
    backend.offline = False
    await device.clock.advance(30)
    assert backend.head == 3
    assert found == []
    await store.close()


# --- tabs ---------------------------------------------------------------------------------------------------


async def test_a_commit_is_seen_in_the_other_tabs_in_the_same_order() -> None:
    device = Device()
    one, two, three = await device.tab("one"), await device.tab("two"), await device.tab("three")
    found, note = recorder()
    three.subscribe(notes, note)
    await asyncio.gather(
        *(
            tab.commit(note_added(id=str(n)), note_changed(id="0", body=f"{n}"))
            for n, tab in enumerate([one, two] * 9)
        )
    )
    await settle()
    assert bodies(one) == bodies(two) == bodies(three)
    assert len(bodies(three)) == 18
    assert found
    for tab in (one, two, three):
        await tab.close()


async def test_refresh_catches_up_without_a_message() -> None:
    device = Device()
    one, two = await device.tab("one"), await device.tab("two")
    device.channels["two"].frozen = True
    await one.commit(note_added(id="a"))
    await settle()
    assert bodies(two) == {}
    await two.refresh()
    assert bodies(two) == {"a": ""}
    await one.close()
    await two.close()


async def test_a_cancelled_commit_has_happened_or_not_and_both_tabs_agree() -> None:
    device = Device()
    one, two = await device.tab("one"), await device.tab("two")
    for turns in range(6):
        task = asyncio.create_task(one.commit(note_added(id=f"{turns}")))
        await settle(turns)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await one.commit(note_added(id="last"))
    await settle()
    assert bodies(one) == bodies(two)
    assert len(bodies(one)) == len(device.storage.local)
    await one.close()
    await two.close()


async def test_a_log_that_fails_is_told_and_breaks_nothing() -> None:
    device = Device()
    store = await device.tab()
    store._replica._log._is_open = False
    with pytest.raises(FileSyncError):
        await store.commit(note_added(id="a"))
    store._replica._log._is_open = True
    assert bodies(store) == {}
    await store.commit(note_added(id="b"))
    assert bodies(store) == {"b": ""}
    await store.close()


# --- size of the log ----------------------------------------------------------------------------------------


async def test_the_log_does_not_grow_with_client_only_events() -> None:
    device = Device()
    store = await device.tab()
    for n in range(200):
        await store.commit(draft_set(id=str(n % 3), body=str(n)))
    assert len(device.storage.local) == 3
    await store.close()
    again = await device.tab()
    assert {draft.id: draft.body for draft in again.query(drafts)} == {"0": "198", "1": "199", "2": "197"}
    await again.close()


async def test_a_store_starts_from_its_saved_state_and_the_tail() -> None:
    device, backend = Device(), MemorySyncBackend()
    for n in range(1200):
        backend.events.append(Event("v1.NoteAdded", {"id": str(n)}, n + 1, n, "x", "x"))
    store = await device.tab(open_socket=backend.open_socket)
    for _ in range(20):
        await settle()
    await store.commit(draft_set(id="d", body="x"))
    backend.offline = True
    await store.commit(note_liked(id="7"))
    await device.clock.advance(10)
    assert device.storage.state is not None
    await store.commit(note_added(id="later"))
    await store.close()
    # What was saved is not read again:
    del device.storage.confirmed[:1190]
    again = await device.tab()
    assert len(bodies(again)) == 1201
    assert again.query(notes.where(id="7"))[0].likes == 1
    assert again.query(drafts)[0].body == "x"
    assert again.sync_status.pending == 2
    await again.close()


async def test_a_saved_state_that_is_damaged_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    device = Device()
    store = await device.tab()
    await store.commit(note_added(id="a"))
    await store.close()
    device.storage.state = b"damaged" * 1000
    again = await device.tab()
    assert list(bodies(again)) == ["a"]
    assert "made anew" in caplog.text
    await again.close()


async def test_another_schema_rebuilds_the_state_from_the_log() -> None:
    device, backend = Device(), MemorySyncBackend()
    for n in range(1200):
        backend.events.append(Event("v1.NoteAdded", {"id": str(n), "body": "x"}, n + 1, n, "x", "x"))
    store = await device.tab(open_socket=backend.open_socket)
    await device.clock.advance(10)
    await device.clock.advance(10)
    assert device.storage.state is not None
    await store.close()
    shouting = {
        **NOTES.materializers,
        "v1.NoteAdded": lambda args, _ctx: notes.insert(id=args.id, body=args.body.upper()),
    }
    schema = make_schema(tables=NOTES.tables, events=NOTES.events, materializers=shouting)
    again = await device.tab(schema=schema)
    assert set(bodies(again).values()) == {"X"}
    assert len(bodies(again)) == 1200
    await again.close()


async def test_what_other_tabs_say_while_a_tab_opens_does_no_harm_and_is_not_missed() -> None:
    device = Device()
    first = await device.tab("first")
    opening = asyncio.create_task(device.tab("second"))
    await asyncio.sleep(0)
    device.channels["first"].post({"type": "sync-status", "connected": True, "error": ""})
    await first.commit(note_added(id="n1"))
    second = await opening
    await settle()
    assert second.query("SELECT count(*) FROM notes")[0][0] == 1
    await second.close()
    await first.close()
