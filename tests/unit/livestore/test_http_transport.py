"""The sync protocol over HTTP: when it asks, what it passes on, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from filesync_web.livestore.http_transport import POLL_EVERY, http_transport
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


def chunk(*numbers: int) -> Chunk:
    events = tuple(PulledEvent(Event("e", {}, n, n - 1, "c", "s")) for n in numbers)
    return Chunk("1", (PullResponse(events, "backend"),))


async def received(socket: Socket) -> ServerMessage:
    async with asyncio.timeout(5):
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
    assert await received(socket) == chunk()
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
    answers = [await received(socket) for _ in range(5)]
    assert answers == [chunk(), Success("2", {}), chunk(1), chunk(), Pong()]
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
    await answer(network, status=400)
    with pytest.raises(SocketClosedError) as caught:
        await opening
    assert caught.value.status == 400
