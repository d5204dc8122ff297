"""Who is admitted to the sync backend, and the envelope of frames, over real WebSockets."""

from __future__ import annotations

import json

import httpx
import pytest
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from filesync_server import Compose, Hub, Identity, create_sync_backend, sync_payload, token_auth
from filesync_web.livestore.wire import sync_query
from tests.server.support import (
    BEARER,
    TIMEOUT,
    TOKEN,
    serving,
)
from tests.server.sync_client import NONE, event, numbers, sync_client

# --- the upgrade --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (sync_query("store"), 400),
        (sync_query("store", {"authToken": "wrong"}), 400),
        (sync_query("store", {"authToken": 1}), 400),
        (sync_query("store", "text"), 400),
        ("storeId=store&transport=ws&payload=%257B", 400),
        (sync_query("", {"authToken": TOKEN}), 404),
        (f"transport=ws&payload=%7B%22authToken%22%3A%22{TOKEN}%22%7D", 404),
        (sync_query("a\nb", {"authToken": TOKEN}), 404),
        (sync_query("x" * 256, {"authToken": TOKEN}), 404),
        (sync_query("store", {"authToken": TOKEN}).replace("transport=ws", "transport=tcp"), 400),
    ],
)
async def test_refusals_happen_at_the_upgrade(url: str, query: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"{url.replace('http', 'ws')}/sync?{query}")
    assert refusal.value.response.status_code == status
    assert json.loads(refusal.value.response.body)["error"]


async def test_wrong_path_and_missing_upgrade(url: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"{url.replace('http', 'ws')}/sync/other?{sync_query('store', {'authToken': TOKEN})}")
    assert refusal.value.response.status_code == 404
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        answer = await client.get(f"{url}/sync?{sync_query('store', {'authToken': TOKEN})}")
    assert answer.status_code == 426


@pytest.mark.parametrize("encoding", ["once", "twice"])
async def test_the_payload_may_be_encoded_once_or_twice(url: str, encoding: str) -> None:
    twice = sync_query("store", {"authToken": TOKEN})
    query = twice if encoding == "twice" else twice.replace("%25", "%")
    async with connect(f"{url.replace('http', 'ws')}/sync?{query}") as socket:
        await socket.send('{"_tag":"Ping"}')
        assert json.loads(await socket.recv()) == {"_tag": "Pong"}


async def test_a_bearer_header_admits_as_well(url: str) -> None:
    async with sync_client(url, token=None, additional_headers=BEARER) as client:
        await client.ping()


async def test_pages_of_other_origins_are_refused(hub: Hub) -> None:
    page = "https://app.example"
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN), allowed_origins=[page])
    async with serving(Compose({"/sync": sync})) as url:
        for origin in (url, page):
            async with sync_client(url, origin=origin) as client:
                await client.ping()
        with pytest.raises(InvalidStatus):
            async with sync_client(url, origin="https://evil.example"):
                pass


async def test_the_auth_callback_gets_the_payload_and_says_which_stores(hub: Hub) -> None:
    async def authenticate(request: HTTPConnection) -> Identity | None:
        store_id = sync_payload(request)["authToken"].removeprefix("for-")
        return Identity("ann", {store_id: ["read"]})

    async with serving(Compose({"/sync": create_sync_backend(hub, authenticate=authenticate)})) as url:
        async with sync_client(url, "a", token="for-a") as client:
            await client.ping()
        with pytest.raises(InvalidStatus) as refusal:
            async with sync_client(url, "b", token="for-a"):
                pass
        assert refusal.value.response.status_code == 403


# --- the envelope -------------------------------------------------------------------------------------------


async def test_frames_that_nobody_understands_leave_the_socket_usable(url: str) -> None:
    async with sync_client(url) as client:
        for frame in [
            "",
            "{",
            "[]",
            "null",
            '{"_tag":"Nothing"}',
            '{"_tag":"Ack"}',
            '{"_tag":"Ack","requestId":1}',
        ]:
            await client.send(frame)
            assert (await client.receive())["_tag"] == "Defect"
        for request_id in ("-1", "x", "1.5", "0x1", "٣", 7):
            await client.send({"_tag": "Request", "id": request_id, "tag": "SyncWsRpc.Pull", "payload": {}})
            assert (await client.receive())["_tag"] == "Defect"
        await client.request("SyncWsRpc.Nothing", {})
        assert (await client.receive())["_tag"] == "Defect"
        await client.socket.send(b"\xff\xfe")
        assert (await client.receive())["_tag"] == "Defect"
        await client.socket.send(b'{"_tag":"Ping"}')
        assert await client.receive() == {"_tag": "Pong"}


async def test_half_characters_in_arguments_come_back_as_they_were(url: str) -> None:
    async with sync_client(url) as client:
        assert (await client.pushed(event(1, args="half \ud83d")))["_tag"] == "Success"
        assert (await client.pull_all())[1] == [event(1, args="half \ud83d")]


async def test_optional_envelope_members(url: str) -> None:
    async with sync_client(url) as client:
        payload = {"storeId": "store", "live": False, "cursor": NONE, "payload": {"x": 1}}
        request = {"_tag": "Request", "id": "0", "tag": "SyncWsRpc.Pull", "payload": payload}
        await client.send(request | {"traceId": "t", "spanId": "s", "sampled": True})
        assert numbers(await client.receive()) == []
        await client.send({"_tag": "Eof"})
        await client.ping()


async def test_a_frame_over_a_mebibyte_ends_the_connection_with_a_reason(url: str) -> None:
    async with sync_client(url) as client:
        await client.send("x" * (1024**2 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_compression_is_used_when_offered(url: str) -> None:
    async with sync_client(url, compression="deflate") as client:
        extensions = [type(extension).__name__ for extension in client.socket.protocol.extensions]
        assert extensions == ["PerMessageDeflate"]
        await client.ping()
    async with sync_client(url, compression=None) as client:
        assert client.socket.protocol.extensions == []
        await client.ping()
