"""The codec of the sync protocol: what is written can be read, and nothing else raises anything but
WireError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filesync_web.livestore import messages as m
from filesync_web.livestore import wire

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ids = st.integers(0, 2**53).map(str)
numbers = st.integers(0, m.MAX_SEQ_NUM)
events = st.builds(m.Event, st.text(), json_values, numbers, numbers, st.text(), st.text())
payloads = json_values.filter(lambda value: value is not None)
cursors = st.none() | st.builds(m.Cursor, st.text(), numbers)
pulls = st.builds(m.PullRequest, st.text(), st.booleans(), cursors, payloads)
batches = st.lists(events, max_size=3).map(tuple)
pushes = st.builds(m.PushRequest, st.text(), batches, st.none() | st.text(), payloads)
responses = st.builds(
    m.PullResponse,
    st.lists(st.builds(m.PulledEvent, events, st.none() | st.text()), max_size=3).map(tuple),
    st.text(),
    st.none() | numbers,
)
causes = (
    st.builds(m.ServerAhead, numbers, numbers)
    | st.builds(m.BackendIdMismatch, st.text(), st.text())
    | st.builds(m.Die, json_values)
    | st.builds(m.Interrupted)
)
server_messages = (
    st.builds(m.Chunk, ids, st.lists(responses, max_size=2).map(tuple))
    | st.builds(m.Success, ids, payloads)
    | st.builds(m.Failure, ids, st.lists(causes, max_size=3).map(tuple))
    | st.builds(m.Defect, json_values)
    | st.builds(m.Pong)
)


@given(server_messages)
def test_what_the_backend_says_arrives(message: m.ServerMessage) -> None:
    assert wire.decode_server(wire.encode(message)) == message


@given(ids, pulls)
def test_a_pull_request_arrives(request_id: str, pull: m.PullRequest) -> None:
    request = wire.decode_client(wire.encode(wire.pull_request(request_id, pull)))
    assert isinstance(request, m.Request)
    assert (request.id, request.tag) == (request_id, m.PULL)
    assert wire.decode_pull_request(request.payload) == pull


@given(ids, pushes)
def test_a_push_request_arrives(request_id: str, push: m.PushRequest) -> None:
    request = wire.decode_client(wire.encode(wire.push_request(request_id, push)))
    assert isinstance(request, m.Request)
    assert request.tag == m.PUSH
    assert wire.decode_push_request(request.payload) == push


@given(ids)
def test_the_other_client_messages_arrive(request_id: str) -> None:
    for message in (m.Ack(request_id), m.Interrupt(request_id), m.Ping(), m.Eof()):
        assert wire.decode_client(wire.encode(message)) == message


names = st.sampled_from(["_tag", "requestId", "values", "exit", "id"])
tags = st.sampled_from(["Chunk", "Exit", "Request", "0"])


@given(json_values | st.dictionaries(names, json_values | tags))
def test_anything_else_is_a_wire_error(value: Any) -> None:
    for decode in (wire.decode_client, wire.decode_server):
        try:
            decode(json.dumps(value))
        except m.WireError:
            continue
    for decode_payload in (wire.decode_pull_request, wire.decode_push_request):
        with pytest.raises(m.WireError):
            decode_payload(value)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"_tag":"Ping"', "[" * 100_000, b"\xff", "9" * 5000])
def test_text_that_is_not_json_is_a_wire_error(text: str | bytes) -> None:
    for decode in (wire.decode_client, wire.decode_server):
        with pytest.raises(m.WireError):
            decode(text)


def test_the_exact_spelling() -> None:
    event = m.Event("v1.X", {"a": 1}, 2, 1, "clientA", "sessionA")
    encoded = {"name": "v1.X", "args": {"a": 1}, "seqNum": 2, "parentSeqNum": 1}
    encoded |= {"clientId": "clientA", "sessionId": "sessionA"}
    request = wire.push_request("7", m.PushRequest("s", (event,), "backend", {"authToken": "t"}))
    assert json.loads(wire.encode(request)) == {
        "_tag": "Request",
        "id": "7",
        "tag": "SyncWsRpc.Push",
        "payload": {
            "storeId": "s",
            "batch": [encoded],
            "backendId": {"_tag": "Some", "value": "backend"},
            "payload": {"authToken": "t"},
        },
        "headers": [],
    }
    pull = wire.pull_request("0", m.PullRequest("s", live=True, cursor=m.Cursor("b", 3)))
    assert pull.payload == {
        "storeId": "s",
        "live": True,
        "cursor": {"_tag": "Some", "value": {"backendId": "b", "eventSequenceNumber": 3}},
    }
    chunk = m.Chunk("0", (m.PullResponse((m.PulledEvent(event, "2026-01-01T00:00:00.000Z"),), "b", 5),))
    metadata = {"_tag": "SyncMessage.SyncMetadata", "createdAt": "2026-01-01T00:00:00.000Z"}
    assert json.loads(wire.encode(chunk)) == {
        "_tag": "Chunk",
        "requestId": "0",
        "values": [
            {
                "batch": [{"eventEncoded": encoded, "metadata": {"_tag": "Some", "value": metadata}}],
                "pageInfo": {"_tag": "MoreKnown", "remaining": 5},
                "backendId": "b",
            }
        ],
    }
    assert json.loads(wire.encode(m.Success("1", {}))) == {
        "_tag": "Exit",
        "requestId": "1",
        "exit": {"_tag": "Success", "value": {}},
    }
    finished = {"_tag": "Exit", "requestId": "1", "exit": {"_tag": "Success"}}
    assert json.loads(wire.encode(m.Success("1"))) == finished
    ahead = {"_tag": "ServerAheadError", "minimumExpectedNum": 3, "providedNum": 2}
    assert json.loads(wire.encode(m.Failure("1", (m.ServerAhead(3, 2),)))) == {
        "_tag": "Exit",
        "requestId": "1",
        "exit": {"_tag": "Failure", "cause": {"_tag": "Fail", "error": ahead}},
    }


def test_causes_are_found_anywhere_in_the_tree() -> None:
    tree = {
        "_tag": "Parallel",
        "left": {"_tag": "Empty"},
        "right": {
            "_tag": "Sequential",
            "left": {"_tag": "Interrupt", "fiberId": {"_tag": "Runtime", "id": 1, "startTimeMillis": 2}},
            "right": {
                "_tag": "Fail",
                "error": {
                    "_tag": "InvalidPushError",
                    "cause": {"_tag": "ServerAheadError", "minimumExpectedNum": 3, "providedNum": 2},
                },
            },
        },
    }
    text = json.dumps({"_tag": "Exit", "requestId": "1", "exit": {"_tag": "Failure", "cause": tree}})
    assert wire.decode_server(text) == m.Failure("1", (m.Interrupted(), m.ServerAhead(3, 2)))


def test_the_payload_in_the_url_is_encoded_twice() -> None:
    query = wire.sync_query("a/b", {"authToken": "é"})
    payload = "%257B%2522authToken%2522%253A%2522%25C3%25A9%2522%257D"
    assert query == f"storeId=a%2Fb&transport=ws&payload={payload}"
    assert wire.decode_query_payload("%7B%22authToken%22%3A%22%C3%A9%22%7D") == {"authToken": "é"}
    assert wire.decode_query_payload('{"authToken":"t"}') == {"authToken": "t"}
    assert wire.decode_query_payload(None) is None
