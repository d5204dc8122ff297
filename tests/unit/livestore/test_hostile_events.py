"""Events that should never have got into a backend's log: they have no effect, and the rest goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from filesync_web.core.foreign import MAX_DEPTH
from filesync_web.errors import SchemaError
from filesync_web.livestore import fields as f
from filesync_web.livestore.messages import (
    MAX_BATCH_BYTES,
    MAX_EVENT_DEPTH,
    MAX_FRAME_BYTES,
    Chunk,
    Event,
    PushRequest,
)
from filesync_web.livestore.ports import DISCARDED, LocalEntry, LocalEvent, Socket
from filesync_web.livestore.schema import event, make_schema
from filesync_web.livestore.sequence import next_batch
from filesync_web.livestore.store import Store
from filesync_web.livestore.tables import table
from filesync_web.livestore.wire import (
    decode_answers,
    decode_server,
    encode,
    encoded_size,
    event_to_wire,
    kept_args,
    push_request,
)
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend, javascript_values
from tests.unit.livestore.support import Device, bodies, note_added

values = table("values", {"id": f.text(primary_key=True), "value": f.json()})
value_set = event("v1.ValueSet", {"id": f.text(), "value": f.json()})
VALUES = make_schema(
    tables={"values": values},
    events={"value_set": value_set},
    materializers={"v1.ValueSet": lambda args, _ctx: values.insert(on_conflict="replace", **args)},
)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def pulled(*wires: dict[str, Any]) -> str:
    """The frame of a chunk with these events, whatever they are."""
    batch = [{"eventEncoded": wire, "metadata": {"_tag": "None"}} for wire in wires]
    value = {"batch": batch, "pageInfo": {"_tag": "NoMore"}, "backendId": "b"}
    return json.dumps({"_tag": "Chunk", "requestId": "0", "values": [value]})


def wire(seq_num: int, **members: Any) -> dict[str, Any]:
    event = Event("v1.NoteAdded", {"id": str(seq_num), "body": ""}, seq_num, seq_num - 1, "x", "x")
    return {**event_to_wire(event), **members}


def events_of(frame: str) -> list[Event]:
    message = decode_server(frame)
    assert isinstance(message, Chunk)
    (answer,) = decode_answers(f"[{frame}]".encode())
    assert answer == message
    return [pulled.event for value in message.values for pulled in value.batch]


# --- depth --------------------------------------------------------------------------------------------------


def test_arguments_that_are_nested_too_deep_are_null_and_the_others_are_not() -> None:
    good, bad = nested(MAX_DEPTH), nested(MAX_DEPTH + 1)
    texts = [json.dumps(good), json.dumps(bad), "[" * 6_000 + "]" * 6_000]
    frame = pulled(*(wire(n + 1, args=f"args {n}") for n in range(3)))
    for n, text in enumerate(texts):
        frame = frame.replace(f'"args {n}"', text)
    assert [event.args for event in events_of(frame)] == [good, None, None]
    assert [kept_args(text) for text in texts] == [good, None, None]


class _Deep(MemorySyncBackend):
    """Puts a deep value into what it sends, which no encoder here would."""

    async def open_socket(self, url: str) -> Socket:
        socket = await super().open_socket(url)
        receive = socket.receive

        async def deep() -> str:
            return (await receive()).replace('"deep"', "[" * 6_000 + "]" * 6_000)

        socket.receive = deep  # type: ignore[method-assign]
        return socket


async def test_a_deep_event_of_others_has_no_effect_and_sync_goes_on() -> None:
    device, backend = Device(), _Deep()
    for n in (1, 2, 3):
        args: Any = {"id": f"{n}", "body": "deep" if n == 2 else ""}
        backend.append(Event("v1.NoteAdded", args, 0, 0, "x", "x"))
    store = await device.tab(open_socket=backend.open_socket)
    await settle()
    await store.commit(note_added(id="own"))
    await settle()
    assert sorted(bodies(store)) == ["1", "3", "own"]
    assert store.sync_status.last_error == ""
    assert store.sync_status.pending == 0
    await store.close()


@pytest.mark.parametrize("levels", [MAX_EVENT_DEPTH, 3_000])
async def test_what_is_nested_too_deep_cannot_be_committed(levels: int) -> None:
    with pytest.raises(SchemaError, match="must be json"):
        value_set(id="a", value=nested(levels))


async def test_the_deepest_event_arrives() -> None:
    backend = MemorySyncBackend()
    one = await Device().tab("one", schema=VALUES, open_socket=backend.open_socket)
    two = await Device().tab("two", schema=VALUES, open_socket=backend.open_socket)
    value = nested(MAX_EVENT_DEPTH - 1)  # the arguments themselves are one more
    await one.commit(value_set(id="a", value=value))
    await settle()
    assert two.query(values)[0].value == one.query(values)[0].value == value
    await one.close()
    await two.close()


# --- names, ids, arguments ----------------------------------------------------------------------------------


def test_an_event_with_lone_surrogates_or_without_arguments_can_be_kept() -> None:
    odd = wire(1, name="v1.\ud800", clientId="\udfff", sessionId="\ud83d")
    bare = wire(2)
    del bare["args"]
    one, two = events_of(pulled(odd, bare))
    assert (one.name, one.client_id, one.session_id) == ("v1.?", "?", "?")
    assert two.args is None
    for kept in (one, two):
        assert encoded_size(kept) > 0


async def test_a_synced_event_with_the_name_of_our_own_marks_discards_nothing() -> None:
    device, backend = Device(), MemorySyncBackend()
    store = await device.tab(open_socket=backend.open_socket)
    backend.offline = True
    await store.commit(note_added(id="a"))
    backend.append(Event(DISCARDED, [1, 2, 3], 0, 0, "x", "x"))
    backend.append(Event(DISCARDED, "nonsense", 0, 0, "x", "x"))
    backend.offline = False
    await device.clock.advance(30)
    assert list(bodies(store)) == ["a"]
    assert backend.events[-1].args["id"] == "a"
    await store.close()


# --- size ---------------------------------------------------------------------------------------------------


def test_a_lone_surrogate_costs_six_bytes_wherever_it_stands() -> None:
    """What is measured is what is sent: 500 kB of Cyrillic do not become 1.5 MB for one surrogate."""
    long, odd = (
        LocalEntry(1, LocalEvent("e", args, "c", "s", synced=True)) for args in ("ж" * 250_000, "\ud800")
    )
    batch = next_batch([long, odd, long], 0)
    assert len(batch) == 2
    frame = encode(push_request("1", PushRequest("store", batch, "backend")))
    assert len(frame.encode()) < sum(map(encoded_size, batch)) + 500 < MAX_FRAME_BYTES
    assert json.loads(frame)["payload"]["batch"][1]["args"] == "\ud800"
    assert sum(map(encoded_size, batch)) < MAX_BATCH_BYTES


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2**53, -(2**53), {"x": [10**30]}])
def test_integers_that_javascript_cannot_hold_are_refused_in_json_as_anywhere(value: Any) -> None:
    with pytest.raises(SchemaError, match="between -2\\^53 and 2\\^53"):
        value_set(id="a", value=value)


async def _synced(backend: MemorySyncBackend, device: Device, store: Store) -> None:
    for _ in range(5):
        await device.clock.advance(10)
    assert store.sync_status.pending == 0
    assert len(backend.events) == 1


@pytest.mark.parametrize(
    "value", [1.0, {"x": [1e16, 0.1, -0.0, 1e300]}, {"b": 1.0, "1": "a\ud800b"}, 2**53 - 1], ids=str
)
async def test_an_own_event_is_pushed_once_whatever_javascript_makes_of_it(value: Any) -> None:
    backend, device = MemorySyncBackend(), Device()
    backend.change = javascript_values
    store = await device.tab("one", schema=VALUES, open_socket=backend.open_socket)
    await store.commit(value_set(id="a", value=value))
    await _synced(backend, device, store)
    other = await Device().tab("two", schema=VALUES, open_socket=backend.open_socket)
    texts = [tab.query('SELECT value FROM "values"') for tab in (store, other)]
    assert texts[0] == texts[1]
    await store.close()
    await other.close()


async def test_an_own_event_is_pushed_once_whatever_the_backend_makes_of_it() -> None:
    backend, device = MemorySyncBackend(), Device()
    backend.change = lambda args: {**args, "value": "something else", "more": True}
    store = await device.tab(schema=VALUES, open_socket=backend.open_socket)
    await store.commit(value_set(id="a", value="x"))
    await _synced(backend, device, store)
    assert store.query(values)[0].value == "something else"
    await store.close()


@pytest.mark.parametrize("value", [1.0, 2**60 + 1, "a\ud800b"], ids=str)
async def test_a_crash_between_push_and_answer_pushes_nothing_again(value: Any) -> None:
    """As an older kit has left it in its log, with a number that cannot be committed any more."""
    backend, device = MemorySyncBackend(), Device()
    args = {"id": "a", "value": value}
    pushed = Event("v1.ValueSet", args, 1, 0, "client", "session")
    backend.events = [replace(pushed, args=javascript_values(args))]
    left = LocalEvent("v1.ValueSet", args, "client", "session", synced=True)
    device.storage.client_id, device.storage.last_local = "client", 1
    device.storage.local = [LocalEntry(1, left)]
    store = await device.tab(schema=VALUES, open_socket=backend.open_socket)
    await _synced(backend, device, store)
    assert store.query(values)[0].value == javascript_values(value)
    await store.close()
