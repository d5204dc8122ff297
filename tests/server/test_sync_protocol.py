"""The protocol core without I/O: orders of events that a real socket shows only by luck."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from filesync_server.sync.protocol import MAX_STREAMS, Append, Connection, Read, Step
from filesync_server.sync.storage import Page
from filesync_web.livestore import messages as m
from tests.server.sync_client import NONE, event, some


def log(*numbers: int) -> tuple[m.PulledEvent, ...]:
    return tuple(m.PulledEvent(m.Event("v1.Test", {}, n, n - 1, "clientA", "sessionA")) for n in numbers)


def pull(request_id: str = "0", *, live: bool = True, after: int | None = None) -> str:
    cursor = NONE if after is None else some({"backendId": "b", "eventSequenceNumber": after})
    payload = {"storeId": "s", "live": live, "cursor": cursor}
    return json.dumps({"_tag": "Request", "id": request_id, "tag": "SyncWsRpc.Pull", "payload": payload})


def push(request_id: str, *events: dict[str, Any]) -> str:
    payload = {"storeId": "s", "batch": list(events), "backendId": NONE}
    return json.dumps({"_tag": "Request", "id": request_id, "tag": "SyncWsRpc.Push", "payload": payload})


def ack(request_id: str = "0") -> str:
    return json.dumps({"_tag": "Ack", "requestId": request_id})


def sent(step: Step) -> list[Any]:
    """What was sent, shortened: sequence numbers of a chunk, the exit of an exit, else the tag."""
    found: list[Any] = []
    for frame in step.frames:
        message = json.loads(frame)
        if message["_tag"] == "Chunk":
            found.append(
                [item["eventEncoded"]["seqNum"] for value in message["values"] for item in value["batch"]]
            )
        elif message["_tag"] == "Exit":
            exit_ = message["exit"]
            found.append(exit_["_tag"] if exit_["_tag"] == "Success" else exit_["cause"]["_tag"])
        else:
            found.append(message["_tag"])
    return found


def live_connection() -> Connection:
    connection = Connection("s")
    assert connection.receive(pull()).work == [Read("0", 0, None)]
    assert sent(connection.page_read("0", Page("b", (), 0))) == [[]]
    return connection


def test_a_push_during_the_first_read_is_read_afterwards() -> None:
    connection = Connection("s")
    connection.receive(pull())
    assert sent(connection.broadcast("b", log(3))) == []
    step = connection.page_read("0", Page("b", log(1, 2), 0))
    assert sent(step) == [[1, 2]]
    assert step.work == [Read("0", 2, None)]
    assert sent(connection.page_read("0", Page("b", log(3), 0))) == [[3]]
    assert sent(connection.broadcast("b", log(4))) == [[4]]


def test_a_push_that_the_read_had_seen_already_is_not_doubled() -> None:
    connection = Connection("s")
    connection.receive(pull())
    connection.broadcast("b", log(1))
    step = connection.page_read("0", Page("b", log(1), 0))
    assert (sent(step), step.work) == ([[1]], [])
    assert sent(connection.broadcast("b", log(1, 2))) == [[2]]


def test_missed_broadcasts_are_read() -> None:
    connection = live_connection()
    step = connection.broadcast("b", log(2))
    assert (sent(step), step.work) == ([], [Read("0", 0, None)])


def test_live_chunks_do_not_wait_for_acks_but_stored_ones_do() -> None:
    connection = live_connection()
    assert sent(connection.broadcast("b", log(1))) == [[1]]
    assert sent(connection.broadcast("b", log(2))) == [[2]]
    assert connection.receive(ack()) == Step()
    other = Connection("s")
    other.receive(pull())
    assert sent(other.page_read("0", Page("b", log(1), 1))) == [[1]]
    assert sent(other.broadcast("b", log(3))) == []
    assert other.receive(ack()).work == [Read("0", 1, None)]


def test_an_interrupt_during_a_read_ends_the_stream() -> None:
    connection = Connection("s")
    connection.receive(pull())
    step = connection.receive(json.dumps({"_tag": "Interrupt", "requestId": "0"}))
    assert sent(step) == ["Interrupt"]
    assert connection.page_read("0", Page("b", log(1), 0)) == Step()
    assert connection.broadcast("b", log(2)) == Step()


def test_an_id_in_use_gets_no_answer() -> None:
    connection = live_connection()
    assert connection.receive(pull("0")) == Step()
    assert connection.receive(push("0", event(1))) == Step()
    connection.receive(push("1", event(1)))
    assert connection.receive(push("1", event(1))) == Step()


def test_an_ack_of_an_earlier_socket_ends_the_connection() -> None:
    connection = Connection("s")
    assert connection.receive(ack("0")) == Step(is_over=True)
    connection.receive(pull("5"))
    assert connection.receive(ack("4")) == Step(is_over=True)
    assert connection.receive(ack("6")) == Step()
    connection.receive(json.dumps({"_tag": "Interrupt", "requestId": "5"}))
    assert connection.receive(ack("5")) == Step()


def test_streams_are_limited() -> None:
    connection = Connection("s")
    for number in range(MAX_STREAMS):
        assert connection.receive(pull(str(number))).work
    assert sent(connection.receive(pull(str(MAX_STREAMS)))) == ["Die"]


def test_a_push_is_work() -> None:
    connection = live_connection()
    batch = (m.Event("v1.Test", {"n": 1}, 1, 0, "clientA", "sessionA"),)
    assert connection.receive(push("1", event(1))) == Step(work=[Append("1", batch, None)])
    assert sent(connection.push_done("1", None)) == ["Success"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 12), st.integers(1, 4), st.data())
def test_every_event_arrives_once_and_in_order(stored: int, page_size: int, data: st.DataObject) -> None:
    """Reads and broadcasts and acks in any order that a hub and a client can produce."""
    connection = Connection("s")
    head = stored
    inbox: list[int] = []
    work: list[Read] = []
    acks = 0

    def handle(step: Step) -> None:
        nonlocal acks
        for numbers in sent(step):
            inbox.extend(numbers)
            acks += 1
        work.extend(item for item in step.work if isinstance(item, Read))

    handle(connection.receive(pull(after=0)))
    page: Page | None = None
    for _ in range(60):
        choices = ["push"] if head < 20 else []
        choices += ["ack"] if acks else []
        choices += ["read"] if work and page is None else []
        choices += ["deliver"] if page is not None else []
        if not choices:
            break
        match data.draw(st.sampled_from(choices)):
            case "push":
                count = data.draw(st.integers(1, 3))
                handle(connection.broadcast("b", log(*range(head + 1, head + count + 1))))
                head += count
            case "ack":
                acks -= 1
                handle(connection.receive(ack()))
            case "read":  # the storage looks now, the result is delivered later
                after = work.pop(0).after
                last = min(after + page_size, head)
                page = Page("b", log(*range(after + 1, last + 1)), head - last)
            case "deliver":
                assert page is not None
                delivered, page = page, None
                handle(connection.page_read("0", delivered))
        assert inbox == list(range(1, len(inbox) + 1))
    else:
        return
    assert inbox == list(range(1, head + 1))
