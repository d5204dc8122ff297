"""A client of the sync protocol of which there may be many: it listens, pushes and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import WebSocketException

from tests.server.sync_client import SyncClient, event, sync_client

_ANSWER_TIMEOUT = 15.0


@dataclass
class LoadClient:
    """One client of a store; `got` has the numbers of all events that it was told, in order, each with the
    seconds since its push began. A client comes back whenever its socket ends, behind what it has."""

    url: str
    store_id: str
    token: str
    got: list[tuple[int, float]] = field(default_factory=list)
    _began: list[float] = field(default_factory=list)
    backend_id: str = ""
    connects: int = 0
    _socket: SyncClient | None = None
    _exits: dict[str, asyncio.Future[str]] = field(default_factory=dict)
    _listens: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def head(self) -> int:
        return self.got[-1][0] if self.got else 0

    def told(self) -> list[tuple[float, float]]:
        """When each push began, and the seconds until this client was told."""
        return [(began, seconds) for began, (_, seconds) in zip(self._began, self.got, strict=True)]

    async def run(self) -> None:
        """Listen until it is cancelled."""
        while True:
            with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                async with sync_client(self.url, self.store_id, self.token, open_timeout=20) as socket:
                    self.connects += 1
                    await self._listen(socket)
            self._lose()
            await asyncio.sleep(random.uniform(0.05, 0.5))

    async def push(self) -> None:
        """Push one event until it is in the log; one after the other. Nobody else pushes to this store."""
        async with self._turn:
            await self._push_until_it_is_there(time.perf_counter(), self.head + 1)

    async def _push_until_it_is_there(self, began: float, number: int) -> None:
        while self.head < number:
            await self._listens.wait()
            if self.head >= number or self._socket is None:
                continue  # an earlier try got through, and only its answer was lost
            with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                async with asyncio.timeout(_ANSWER_TIMEOUT):
                    await self._push_once(self._socket, event(number, args={"at": began}))

    async def listens(self) -> None:
        """Return while it hears of every push."""
        await self._listens.wait()

    async def _push_once(self, socket: SyncClient, new: dict[str, Any]) -> None:
        request_id = await socket.push(new, backend_id=self.backend_id or None)
        answer = self._exits[request_id] = asyncio.get_running_loop().create_future()
        await answer

    async def _listen(self, socket: SyncClient) -> None:
        cursor = (self.backend_id, self.head) if self.backend_id else None
        await socket.pull(cursor=cursor)
        self._socket = socket
        while True:
            message = await _next(socket)
            if message["_tag"] == "Chunk":
                self._take(message)
                await socket.ack(message["requestId"])
                self._listens.set()
            elif message["_tag"] == "Exit":
                answer = self._exits.pop(message["requestId"], None)
                if answer and not answer.done():
                    answer.set_result(message["exit"]["_tag"])

    def _take(self, chunk: dict[str, Any]) -> None:
        now = time.perf_counter()
        for value in chunk["values"]:
            self.backend_id = value["backendId"]
            for item in value["batch"]:
                told = item["eventEncoded"]
                self.got.append((told["seqNum"], now - told["args"]["at"]))
                self._began.append(told["args"]["at"])

    def _lose(self) -> None:
        self._socket = None
        self._listens.clear()
        for answer in self._exits.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the socket ended"))
        self._exits.clear()


async def _next(socket: SyncClient) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.socket.recv())
    return message
