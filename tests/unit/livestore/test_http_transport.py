"""The sync protocol over HTTP: when it asks, what it passes on, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from filesync_web.livestore.http_transport import ANSWER_BYTES, CHECK_EVERY, POLL_EVERY, http_transport
from filesync_web.livestore.messages import (
    Chunk,
    Event,
    Interrupt,
    Ping,
    Pong,
    PulledEvent,
    PullRequest,
    PullResponse,
    PushRequest,
    ServerMessage,
    Success,
)
from filesync_web.livestore.ports import Socket, SocketClosedError
from filesync_web.livestore.refusals import reason_in
from filesync_web.livestore.wire import decode_server, encode, from_json, pull_request, push_request
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.testing.http import HeldHttp, MemoryNetwork

URL = "https://backend/sync?transport=http"


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def socket(network: MemoryNetwork, clock: ManualClock) -> Socket:
    opening = asyncio.create_task(http_transport("store", lambda: HeldHttp(network), clock)(URL))
    assert await answer(network, Pong()) == {"_tag": "Ping"}
    return await opening


async def answer(network: MemoryNetwork, *messages: ServerMessage, status: int = 200) -> dict[str, Any]:
    """Answer the oldest request and return it."""
    request = await network.next()
    assert (request.method, request.url, request.headers["x-livestore-store-id"]) == ("POST", URL, "store")
    request.respond(status, f"[{','.join(map(encode, messages))}]".encode())
    await settle()
    asked: dict[str, Any] = from_json(request.body)
    return asked


def chunk(*numbers: int, remaining: int | None = 0) -> Chunk:
    events = tuple(PulledEvent(Event("e", {}, n, n - 1, "c", "s")) for n in numbers)
    return Chunk("1", (PullResponse(events, "backend", remaining),))


async def received(socket: Socket) -> ServerMessage:
    async with asyncio.timeout(30):
        return decode_server(await socket.receive())


async def test_a_live_pull_asks_again_behind_what_it_has(
    socket: Socket, network: MemoryNetwork, clock: ManualClock
) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    asked = await answer(network, chunk(1, 2), chunk(3), Success("1"))
    assert (asked["tag"], asked["payload"]["cursor"]) == ("SyncHttpRpc.Pull", {"_tag": "None"})
    assert [await received(socket), await received(socket)] == [chunk(1, 2), chunk(3)]
    await clock.advance(POLL_EVERY - 0.1)
    assert not network.held
    await clock.advance(0.2)
    asked = await answer(network, chunk(), Success("1"))
    assert asked["payload"]["cursor"]["value"] == {"backendId": "backend", "eventSequenceNumber": 3}
    await clock.advance(POLL_EVERY)
    await answer(network, chunk(4), Success("1"))
    assert await received(socket) == chunk(4)
    await socket.close()


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0], ids=["back", "forward"])
async def test_when_it_asks_again_does_not_depend_on_the_wall_clock(
    socket: Socket, network: MemoryNetwork, clock: ManualClock, shift: float
) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await answer(network, chunk(1), Success("1"))
    await clock.advance(POLL_EVERY - 1)
    clock.shift_wall_clock(shift)
    await settle()
    assert not network.held
    await clock.advance(1)
    asked = await answer(network, chunk(), Success("1"))
    assert asked["payload"]["cursor"]["value"]["eventSequenceNumber"] == 1, "it is not time for a check yet"
    await socket.close()


async def test_a_push_and_a_ping_make_it_ask_at_once(socket: Socket, network: MemoryNetwork) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await answer(network, chunk(), Success("1"))
    push = PushRequest("store", (Event("e", {}, 1, 0, "c", "s"),))
    await socket.send(encode(push_request("2", push)))
    asked = await answer(network, Success("2", {}))
    assert (asked["tag"], len(asked["payload"]["batch"])) == ("SyncHttpRpc.Push", 1)
    await answer(network, chunk(1), Success("1"))
    await socket.send(encode(Ping()))
    await answer(network, chunk(), Success("1"))
    answers = [await received(socket) for _ in range(4)]
    assert answers == [chunk(), Success("2", {}), chunk(1), Pong()]
    await socket.close()


async def test_a_backlog_is_asked_for_bit_by_bit_and_pings_do_not_wait_for_it(
    socket: Socket, network: MemoryNetwork, clock: ManualClock
) -> None:
    await socket.send(encode(Ping()))
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await settle()
    assert await received(socket) == Pong()
    asked = await answer(network, chunk(1, 2, remaining=3), Success("1"))
    assert asked["payload"]["maxBytes"] == ANSWER_BYTES
    await socket.send(encode(Ping()))
    assert [await received(socket) for _ in range(2)] == [chunk(1, 2, remaining=3), Pong()]
    asked = await answer(network, chunk(3, remaining=2), Success("1"))
    assert asked["payload"]["cursor"]["value"]["eventSequenceNumber"] == 2
    await answer(network, chunk(4, remaining=1), chunk(5), Success("1"))
    answers = [await received(socket) for _ in range(3)]
    assert answers == [chunk(3, remaining=2), chunk(4, remaining=1), chunk(5)]
    await settle()
    assert not network.held
    await socket.send(encode(Ping()))
    await answer(network, chunk(), Success("1"))
    assert await received(socket) == Pong()
    await socket.close()


async def test_a_backend_that_always_says_that_there_is_more_is_not_asked_without_a_pause(
    socket: Socket, network: MemoryNetwork, clock: ManualClock
) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await answer(network, chunk(remaining=5), Success("1"))
    assert not network.held
    await clock.advance(POLL_EVERY)
    await answer(network, chunk(1, remaining=None), Success("1"))
    await answer(network, chunk(remaining=None), Success("1"))
    assert not network.held
    await socket.close()


async def test_now_and_then_it_makes_sure_that_the_backend_still_has_the_last_event(
    socket: Socket, network: MemoryNetwork, clock: ManualClock
) -> None:
    """An older copy may take the backend's place between two questions."""
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await answer(network, chunk(1, 2, 3), Success("1"))
    assert await received(socket) == chunk(1, 2, 3)
    cursors = []
    for _ in range(int(CHECK_EVERY / POLL_EVERY)):
        await clock.advance(POLL_EVERY)
        asked = await answer(network, chunk(), Success("1"))
        cursors.append(asked["payload"]["cursor"].get("value", {}).get("eventSequenceNumber"))
    assert cursors == [3] * (len(cursors) - 1) + [None]
    assert await received(socket) == chunk()  # which says that these events are gone
    await socket.close()


async def test_a_failed_request_closes_the_connection(socket: Socket, network: MemoryNetwork) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    await answer(network, status=503)
    with pytest.raises(SocketClosedError, match="503"):
        await socket.receive()
    await socket.send(encode(pull_request("2", PullRequest("store"))))
    await settle()
    (await network.next()).fail()
    with pytest.raises(SocketClosedError, match="broke"):
        await socket.receive()
    await socket.close()


async def test_closing_aborts_what_runs(socket: Socket, network: MemoryNetwork) -> None:
    await socket.send(encode(pull_request("1", PullRequest("store"))))
    first = await network.next()
    await socket.send(encode(Interrupt("1")))
    await settle()
    assert first.aborted
    await socket.send(encode(pull_request("2", PullRequest("store"))))
    second = await network.next()
    await socket.close()
    assert second.aborted


async def test_a_backend_that_refuses_says_why(network: MemoryNetwork, clock: ManualClock) -> None:
    opening = asyncio.create_task(http_transport("store", lambda: HeldHttp(network), clock)(URL))
    (await network.next()).respond(400, b'{"error": "pages of this origin are not allowed"}')
    with pytest.raises(SocketClosedError, match="pages of this origin are not allowed") as caught:
        await opening
    assert caught.value.status == 400


def test_only_short_plain_words_of_a_backend_are_repeated() -> None:
    assert reason_in(b'{"error": "no"}') == "no"
    assert reason_in(b"the token is not valid\n") == "the token is not valid"
    for body in (b"", b"<html>", b"[]", b'{"error": 5}', b'{"error": "a\\nb"}', b"a\nb", b"\x00"):
        assert reason_in(body) == ""
    assert len(reason_in(b'{"error": "' + b"x" * 9_999 + b'"}')) == 200
