"""What the server's tests share: a real uvicorn in the test's own loop, a clock to move, a raw sync
client."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect

from filesync_server import Compose, ObjectStore, bearer_auth, create_data_plane, create_signer
from filesync_server.embedded import EmbeddedStore
from filesync_web.livestore.wire import sync_query, to_json

TOKEN = "a-token-for-tests-only"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FILES = "/livestore-filesync-files"
PATIENCE = 10.0


class Clock:
    """Unix time that moves when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield  # the test's process keeps its own

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 - uvicorn's own loop, with a shorter tick
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Serve the app on a free port while the block runs; gives the origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, ws_max_size=1024**2, **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0)
            if task.done():
                await task
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Deployment:
    """A signer and its data plane, and a client that has the token."""

    url: str
    client: httpx.AsyncClient
    store: Any = None
    deviations: frozenset[Any] = frozenset()

    async def call(self, name: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{self.url}/api/v1/{name}", json=body, headers=BEARER)

    async def sign(self, name: str, **body: Any) -> dict[str, Any]:
        answer = await self.call(name, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, signed: dict[str, Any], data: bytes, **headers: str) -> httpx.Response:
        """Make a signed request, with its headers, from a client that has no token."""
        method = signed.get("method", "PUT")
        headers = signed.get("headers", {}) | headers
        return await self.client.request(method, signed["url"], content=data, headers=headers)

    async def put(self, key: str, data: bytes, **fields: Any) -> httpx.Response:
        return await self.send(await self.sign("sign/upload", key=key, **fields), data)

    async def get(self, key: str, **headers: str) -> httpx.Response:
        signed = await self.sign("sign/download", key=key)
        return await self.client.get(signed["url"], headers=signed.get("headers", {}) | headers)


def embedded_app(store: EmbeddedStore, **signer: Any) -> ASGIApp:
    auth = signer.pop("auth", bearer_auth(TOKEN))
    origins = signer.get("allowed_origins", ())
    max_bytes = signer.pop("max_bytes", 64 * 1024**2)
    return Compose(
        {
            "/api": create_signer(store, auth=auth, **signer),
            FILES: create_data_plane(store, auth=auth, allowed_origins=origins, max_bytes=max_bytes),
        }
    )


@contextlib.asynccontextmanager
async def deployed(app: ASGIApp, store: ObjectStore) -> AsyncIterator[Deployment]:
    async with serving(app) as url, httpx.AsyncClient(timeout=PATIENCE) as client:
        yield Deployment(url, client, store)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashed_key(data: bytes, store: str = "store") -> str:
    return f"{store}/{sha256(data)}"


async def until(condition: Any, patience: float = PATIENCE) -> None:
    """Wait, so many seconds at most, for a condition that another task, thread or process brings about."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


# --- sync ---------------------------------------------------------------------------------------------------


def event(number: int, parent: int | None = None, args: Any = None, name: str = "v1.Test") -> dict[str, Any]:
    return {
        "name": name,
        "args": {"n": number} if args is None else args,
        "seqNum": number,
        "parentSeqNum": number - 1 if parent is None else parent,
        "clientId": "clientA",
        "sessionId": "sessionA",
    }


def some(value: Any) -> dict[str, Any]:
    return {"_tag": "Some", "value": value}


NONE = {"_tag": "None"}


@dataclass
class SyncClient:
    """A socket that speaks the protocol as JSON, frame by frame, and hides nothing."""

    socket: ClientConnection
    store_id: str
    next_id: int = 0
    early: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, message: Any) -> None:
        if not isinstance(message, str):
            message = to_json(message)
        await self.socket.send(message)

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.socket.recv())

    async def request(self, tag: str, payload: dict[str, Any]) -> str:
        request_id = str(self.next_id)
        self.next_id += 1
        message = {"_tag": "Request", "id": request_id, "tag": tag, "payload": payload, "headers": []}
        await self.send(message)
        return request_id

    async def pull(self, *, live: bool = True, cursor: tuple[str, int] | None = None) -> str:
        position = NONE
        if cursor:
            position = some({"backendId": cursor[0], "eventSequenceNumber": cursor[1]})
        return await self.request(
            "SyncWsRpc.Pull", {"storeId": self.store_id, "live": live, "cursor": position}
        )

    async def push(self, *events: dict[str, Any], backend_id: str | None = None) -> str:
        payload = {
            "storeId": self.store_id,
            "batch": list(events),
            "backendId": NONE if backend_id is None else some(backend_id),
        }
        return await self.request("SyncWsRpc.Push", payload)

    async def pushed(self, *events: dict[str, Any], backend_id: str | None = None) -> dict[str, Any]:
        """Push and give the exit; the frames before it are kept in `early`."""
        request_id = await self.push(*events, backend_id=backend_id)
        while True:
            message = await self.receive()
            if message["_tag"] == "Exit" and message["requestId"] == request_id:
                return message["exit"]
            self.early.append(message)

    async def ack(self, request_id: str) -> None:
        await self.send({"_tag": "Ack", "requestId": request_id})

    async def ping(self) -> None:
        """Return when everything sent before was handled."""
        await self.send({"_tag": "Ping"})
        assert await self.receive() == {"_tag": "Pong"}

    async def pull_all(self, cursor: tuple[str, int] | None = None) -> tuple[str, list[dict[str, Any]]]:
        """A whole finite pull: backend id and events."""
        request_id = await self.pull(live=False, cursor=cursor)
        backend_id, events = "", []
        while (message := await self.receive())["_tag"] == "Chunk":
            for value in message["values"]:
                backend_id = value["backendId"]
                events += [item["eventEncoded"] for item in value["batch"]]
            await self.ack(request_id)
        assert message["exit"] == {"_tag": "Success"}, message
        return backend_id, events


@contextlib.asynccontextmanager
async def sync_client(
    url: str, store_id: str = "store", token: str | None = TOKEN, **options: Any
) -> AsyncIterator[SyncClient]:
    payload = None if token is None else {"authToken": token}
    address = f"{url.replace('http', 'ws', 1)}/sync?{sync_query(store_id, payload)}"
    async with connect(address, max_size=None, **options) as socket:
        yield SyncClient(socket, store_id)


def numbers(message: dict[str, Any]) -> list[int]:
    """The sequence numbers in a chunk."""
    assert message["_tag"] == "Chunk", message
    return [item["eventEncoded"]["seqNum"] for value in message["values"] for item in value["batch"]]
