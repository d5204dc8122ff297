"""A hostile member of a store, on the network: it pushes generated events through the sync protocol, frame by
frame, from a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from filesync_web.livestore.wire import sync_query, to_json
from tests.server.sync_client import SyncClient
from tests.unit.hostile.events import HostileEvent, fill, random_event, write_raw

BATCH = 10
"""Events in one push; when the server refuses one of them, they are pushed one by one."""


class HostileMember:
    """Pushes `count` events made from `seed`, as fast as the server takes them. `accepted` are those that it
    took, `refused` those that it did not."""

    def __init__(self, url: str, store_id: str, token: str, *, seed: int, count: int) -> None:
        query = sync_query(store_id, {"authToken": token})
        self._address = f"{url.replace('http', 'ws', 1)}/sync?{query}"
        self._store_id = store_id
        random = Random(seed)
        self._events = [random_event(random) for _ in range(count)]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._push_all()), daemon=True)
        self._head = 0
        self.accepted = self.refused = 0

    def start(self, tokens: Mapping[str, str]) -> None:
        """Begin; `tokens` say what the events mean by `<own id>` and the like."""
        self._events = [
            HostileEvent(event.name, fill(event.args, tokens), fill(event.client_id, tokens), event.gap)
            for event in self._events
        ]
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until everything was pushed."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"only {self.accepted} events were pushed within {seconds} s"
        assert self.accepted + self.refused == len(self._events), "the hostile member has given up"

    async def _push_all(self) -> None:
        events = self._events
        waiting = [events[start : start + BATCH] for start in reversed(range(0, len(events), BATCH))]
        while waiting:
            try:
                async with connect(self._address, max_size=None) as socket:
                    client = _Client(socket, self._store_id)
                    while waiting:
                        await self._push(client, waiting)
            except ConnectionClosed:
                self._split(waiting)

    async def _push(self, client: _Client, waiting: list[list[HostileEvent]]) -> None:
        """Push the next batch, as often as others are faster."""
        batch = waiting[-1]
        while True:
            answer = await client.answer_to_push(list(self._numbered(batch)))
            if answer == {"_tag": "Success", "value": {}}:
                self._head += sum(event.gap for event in batch)
                self.accepted += len(batch)
                waiting.pop()
                return
            head = _member(answer, "minimumExpectedNum")
            if head is None or head == self._head:
                self._split(waiting)
                return
            self._head = head

    def _split(self, waiting: list[list[HostileEvent]]) -> None:
        """The server has refused a batch: push its events one by one, and leave out one that is alone."""
        batch = waiting.pop()
        if len(batch) == 1:
            self.refused += 1
        else:
            waiting += [[event] for event in reversed(batch)]

    def _numbered(self, batch: list[HostileEvent]) -> Iterator[dict[str, Any]]:
        head = self._head
        for event in batch:
            yield {
                "name": event.name,
                "args": event.args,
                "seqNum": head + event.gap,
                "parentSeqNum": head,
                "clientId": event.client_id,
                "sessionId": "session",
            }
            head += event.gap


class _Client(SyncClient):
    """A client whose frames may say what no JSON library writes."""

    async def send(self, message: Any) -> None:
        await self.socket.send(write_raw(to_json(message)))

    async def answer_to_push(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """The exit of a push, or the defect for a frame that the server did not understand."""
        request_id = await self.push(*events)
        while True:
            message = await self.receive()
            if message["_tag"] == "Defect":
                return message
            if message["_tag"] == "Exit" and message["requestId"] == request_id:
                return dict(message["exit"])


def _member(value: Any, name: str) -> int | None:
    """The number under that name, wherever in a failure it stands."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get(name), int):
        return int(value[name])
    return next((found for inner in value.values() if (found := _member(inner, name)) is not None), None)
