"""The client's side of the protocol, by what it says when it is told something."""

from __future__ import annotations

import pytest

from filesync_web.livestore.messages import (
    PUSH,
    Chunk,
    Event,
    Failure,
    Interrupt,
    PulledEvent,
    PullResponse,
    Request,
    ServerAhead,
    Success,
)
from filesync_web.livestore.ports import LocalEntry, LocalEvent
from filesync_web.livestore.sync_protocol import (
    ANSWER_TIMEOUT,
    Confirm,
    Fail,
    Healthy,
    Output,
    Reset,
    Send,
    SyncProtocol,
    View,
    joined,
)

PENDING = [LocalEntry(7, LocalEvent("own", {}, "c", "s", synced=True))]


def events(*numbers: int, name: str = "e") -> list[Event]:
    return [Event(name, {"n": n}, n, n - 1, "x", "x") for n in numbers]


def chunk(protocol: SyncProtocol, *numbers: int, name: str = "e", remaining: int = 0) -> Chunk:
    batch = tuple(map(PulledEvent, events(*numbers, name=name)))
    return Chunk(protocol._pull, (PullResponse(batch, "b", remaining),))


def view(head: int = 0, pending: list[LocalEntry] | None = None, epoch: int = 1) -> View:
    return View(epoch, events(*range(1, head + 1)), "b" if head else None, pending or [])


def sent(outputs: list[Output]) -> list[object]:
    return [output.message for output in outputs if isinstance(output, Send)]


def caught_up(head: int = 0) -> SyncProtocol:
    protocol = SyncProtocol("store")
    protocol.opened(view(head), None, 0)
    outputs = protocol.received(chunk(protocol, *range(1, head + 1)), 0)
    assert not any(isinstance(output, Reset | Confirm) for output in outputs)
    return protocol


def test_what_another_tab_has_confirmed_is_pulled_once_more() -> None:
    """It may have heard it from the backend before that came back with less."""
    protocol = caught_up(2)
    interrupt, pull = sent(protocol.advanced(view(4), 1))
    assert isinstance(interrupt, Interrupt)
    assert isinstance(pull, Request)
    assert protocol.advanced(view(4, PENDING), 2) == [], "first it is to be seen whose log that is"
    assert protocol.received(chunk(protocol, 1, 2), 3) == [Reset()]


def test_a_log_that_another_tab_has_begun_anew_needs_a_new_connection() -> None:
    (fail,) = caught_up(2).advanced(view(0, epoch=2), 1)
    assert isinstance(fail, Fail)


def test_a_push_is_confirmed_by_what_comes_and_the_next_waits_for_it() -> None:
    protocol = caught_up()
    (push,) = sent(protocol.advanced(view(0, PENDING), 1))
    assert isinstance(push, Request)
    assert push.tag == PUSH
    assert protocol.received(Success(push.id, {}), 2) == [Healthy()]
    assert protocol.advanced(view(0, PENDING), 3) == []
    (fail,) = protocol.ticked(2 + ANSWER_TIMEOUT)
    assert isinstance(fail, Fail)
    confirm = protocol.received(chunk(protocol, 1, name="changed"), 4)[0]
    assert isinstance(confirm, Confirm)
    assert (confirm.events[0].name, confirm.epoch, confirm.sent) == ("changed", 1, {1: 7})


def test_what_several_messages_confirm_is_joined_and_acknowledged_once() -> None:
    protocol = caught_up()
    outputs = [*protocol.received(chunk(protocol, 1, 2), 1), *protocol.received(chunk(protocol, 3), 1)]
    first, ack, _second, _ack = outputs
    assert isinstance(first, Confirm)
    assert joined(outputs) == [Confirm(tuple(events(1, 2, 3)), "b", first.epoch, first.sent), ack]
    assert joined([ack, Healthy()]) == [ack, Healthy()]


@pytest.mark.parametrize("numbers", [(5, 4), (4, 4), (4, 6, 5), (7, 5, 6, 4)])
def test_events_out_of_order_are_not_taken_over(numbers: tuple[int, ...]) -> None:
    """The last one's number would become the head of the log, which then lacks what is behind it for ever."""
    protocol = caught_up(3)
    (fail,) = protocol.received(chunk(protocol, *numbers), 1)
    assert isinstance(fail, Fail)
    assert "not in order" in str(fail.error)


def test_a_backend_that_is_behind_what_it_has_confirmed_has_lost_events() -> None:
    protocol = caught_up(3)
    (push,) = sent(protocol.advanced(view(3, PENDING), 1))
    assert isinstance(push, Request)

    assert protocol.received(Failure(push.id, (ServerAhead(2, 3),)), 2) == [Reset()]
