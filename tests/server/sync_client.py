"""A raw client of the sync protocol, and the frames that it sends and expects."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from filesync_web.livestore.wire import sync_query, to_json
from tests.server.support import TIMEOUT, TOKEN


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
        async with asyncio.timeout(TIMEOUT):
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
    url: str, store_id: str = "store", token: str | None = TOKEN, *, path: str = "/sync", **options: Any
) -> AsyncIterator[SyncClient]:
    payload = None if token is None else {"authToken": token}
    address = f"{url.replace('http', 'ws', 1)}{path}?{sync_query(store_id, payload)}"
    async with connect(address, **({"max_size": None, "open_timeout": TIMEOUT} | options)) as socket:
        yield SyncClient(socket, store_id)


def numbers(message: dict[str, Any]) -> list[int]:
    """The sequence numbers in a chunk."""
    assert message["_tag"] == "Chunk", message
    return [item["eventEncoded"]["seqNum"] for value in message["values"] for item in value["batch"]]


def chain(count: int, start: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [event(number, **fields) for number in range(start, start + count)]


def error_of(exit_: dict[str, Any]) -> dict[str, Any]:
    assert exit_["_tag"] == "Failure", exit_
    assert exit_["cause"]["_tag"] == "Fail", exit_
    return exit_["cause"]["error"]


def defect_of(exit_: dict[str, Any]) -> str:
    assert exit_["_tag"] == "Failure", exit_
    assert exit_["cause"]["_tag"] == "Die", exit_
    return exit_["cause"]["defect"]
