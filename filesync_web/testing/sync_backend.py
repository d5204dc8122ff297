"""A sync backend in memory that follows LiveStore's protocol, with the faults that a network has.

backend = MemorySyncBackend()
ports = StorePorts(log, channel, lock, clock, open_socket=backend.open_socket)
store = await Store.open(schema=schema, store_id="s", ports=ports, sync=SyncOptions("ws://backend/sync"))
backend.offline = True       # every connection breaks, none can be opened
backend.fail_after_push = 1  # the next push is accepted, but its connection breaks before any answer
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from filesync_web.livestore.messages import (
    PULL,
    Ack,
    BackendIdMismatch,
    Cause,
    Chunk,
    ClientMessage,
    Event,
    Failure,
    Interrupt,
    Interrupted,
    Json,
    Ping,
    Pong,
    PulledEvent,
    PullResponse,
    Request,
    ServerAhead,
    ServerMessage,
    Success,
)
from filesync_web.livestore.ports import SocketClosedError
from filesync_web.livestore.refusals import refused
from filesync_web.livestore.wire import (
    decode_client,
    decode_pull_request,
    decode_push_request,
    decode_query_payload,
    encode,
)


class MemorySyncBackend:
    """One store's backend. Its attributes may be changed at any time.

    `offline`: see above. `fail_after_push`: how many accepted pushes break their connection unanswered.
    `repeat_chunks`: every live chunk is sent twice. `overtaking`: live chunks do not wait for the pages of a
    backlog, as with LiveStore's own backend. `silent`: connections stay open, but nothing is answered.
    `change`: what the backend makes of an event's arguments when it keeps them; `javascript_values` is what
    one in JavaScript does. `deaf_to_pushes`: pushes get no answer and have no effect.
    `required_payload`: when not None, a connection with another payload is refused.
    """

    def __init__(self, *, chunk_events: int = 100) -> None:
        self.events: list[Event] = []
        self.sockets: list[MemorySocket] = []
        self.pushes: list[tuple[Event, ...]] = []
        self.fail_after_push = 0
        self.repeat_chunks = False
        self.overtaking = False
        self.silent = False
        self.deaf_to_pushes = False
        self.change: Callable[[Json], Json] = lambda args: args
        self.required_payload: Json = None
        self.chunk_events = chunk_events
        self._offline = False
        self._generations = itertools.count(1)
        self.backend_id = f"backend-{next(self._generations)}"

    @property
    def head(self) -> int:
        return self.events[-1].seq_num if self.events else 0

    @property
    def offline(self) -> bool:
        return self._offline

    @offline.setter
    def offline(self, offline: bool) -> None:
        self._offline = offline
        if offline:
            self.drop_connections()

    def drop_connections(self) -> None:
        """Break every connection."""
        for socket in list(self.sockets):
            socket.break_off()

    def reset(self) -> None:
        """Lose everything, as a backend does whose database was deleted."""
        self.events = []
        self.backend_id = f"backend-{next(self._generations)}"
        self.drop_connections()

    def restore(self, count: int) -> None:
        """Come back from a copy that was made when there were `count` events."""
        del self.events[count:]
        self.drop_connections()

    async def open_socket(self, url: str) -> MemorySocket:
        """The `SocketFactory` of this backend."""
        await asyncio.sleep(0)
        if self._offline:
            raise SocketClosedError("the network is down")
        query = parse_qs(urlsplit(url).query)
        if self.required_payload is not None:
            payload = decode_query_payload(query.get("payload", ["null"])[0])
            if payload != self.required_payload:
                raise refused(400, "the token is not valid")
        socket = MemorySocket(self)
        self.sockets.append(socket)
        return socket

    def append(self, *events: Event) -> None:
        """Append events as another client's push would, and tell everyone."""
        for event in events:
            self.events.append(replace(event, seq_num=self.head + 1, parent_seq_num=self.head))
        self.broadcast(self.events[-len(events) :])

    def broadcast(self, events: list[Event]) -> None:
        """Send events to every live pull."""
        for socket in list(self.sockets):
            socket.broadcast(events)


def javascript_values(value: Json) -> Json:
    """A value as a backend gives it back that parses JSON by JavaScript and keeps text as UTF-8: numbers are
    doubles, written as JavaScript writes them; integer-like keys come first; no surrogate stands alone."""
    match value:
        case dict():
            changed = {javascript_values(key): javascript_values(inner) for key, inner in value.items()}
            return dict(sorted(changed.items(), key=lambda item: not item[0].isdecimal()))
        case list():
            return [javascript_values(inner) for inner in value]
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case int() | float() if not isinstance(value, bool):
            number = float(value)
            return int(number) if number.is_integer() and abs(number) < 1e21 else number
        case _:
            return value


class MemorySocket:
    """One connection: the client's `Socket` and, behind it, the backend's side."""

    def __init__(self, backend: MemorySyncBackend) -> None:
        self._backend = backend
        self._to_client: asyncio.Queue[str | None] = asyncio.Queue()
        self._is_open = True
        self._live: str | None = None
        self._stored: list[list[Event]] = []  # chunks that wait for the acknowledgement of the one before

    async def send(self, text: str) -> None:
        await asyncio.sleep(0)
        if not self._is_open:
            raise SocketClosedError("the connection is broken")
        if not self._backend.silent:
            self._handle(decode_client(text))

    async def receive(self) -> str:
        text = await self._to_client.get() if self._is_open or not self._to_client.empty() else None
        if text is None:
            raise SocketClosedError("the connection is broken")
        return text

    async def close(self) -> None:
        self.break_off()

    def break_off(self) -> None:
        """End the connection without a word; what was sent before still arrives."""
        if self._is_open:
            self._is_open = False
            self._to_client.put_nowait(None)
            self._backend.sockets.remove(self)

    def broadcast(self, events: list[Event]) -> None:
        if self._live is not None:
            for _ in range(2 if self._backend.repeat_chunks else 1):
                if self._stored and not self._backend.overtaking:
                    self._stored.append(events)
                else:
                    self._say(Chunk(self._live, (self._response(events, 0),)))

    def _handle(self, message: ClientMessage) -> None:
        match message:
            case Ping():
                self._say(Pong())
            case Ack(self._live) if self._stored:
                self._stored.pop(0)
                self._next_stored()
            case Interrupt(request_id):
                self._live = None
                self._say(Failure(request_id, (Interrupted(),)))
            case Request(tag=tag) if tag != PULL and self._backend.deaf_to_pushes:
                pass
            case Request(request_id, tag, payload):
                (self._pull if tag == PULL else self._push)(request_id, payload)

    def _pull(self, request_id: str, payload: Json) -> None:
        backend, cursor = self._backend, decode_pull_request(payload).cursor
        if cursor is not None and cursor.backend_id != backend.backend_id:
            mismatch = BackendIdMismatch(expected=backend.backend_id, received=cursor.backend_id)
            self._say(Failure(request_id, (mismatch,)))
            return
        after = cursor.seq_num if cursor is not None else 0
        events = [event for event in backend.events if event.seq_num > after]
        size = backend.chunk_events
        self._live = request_id
        self._stored = [events[start : start + size] for start in range(0, len(events), size)] or [[]]
        self._next_stored()

    def _next_stored(self) -> None:
        if self._stored and self._live is not None:
            remaining = sum(map(len, self._stored[1:]))
            self._say(Chunk(self._live, (self._response(self._stored[0], remaining),)))

    def _push(self, request_id: str, payload: Json) -> None:
        backend, push = self._backend, decode_push_request(payload)
        batch = list(push.batch)
        refusal: Cause | None = None
        if push.backend_id not in {None, backend.backend_id}:
            refusal = BackendIdMismatch(expected=backend.backend_id, received=push.backend_id or "")
        elif batch and batch[0].parent_seq_num != backend.head:
            refusal = ServerAhead(backend.head, batch[0].parent_seq_num)
        if refusal is not None:
            self._say(Failure(request_id, (refusal,)))
            return
        batch = [replace(event, args=backend.change(event.args)) for event in batch]
        backend.events += batch
        backend.pushes.append(push.batch)
        if backend.fail_after_push:
            backend.fail_after_push -= 1
            self.break_off()
            backend.broadcast(batch)
            return
        backend.broadcast(batch)
        self._say(Success(request_id, {}))

    def _response(self, events: list[Event], remaining: int) -> PullResponse:
        return PullResponse(tuple(map(PulledEvent, events)), self._backend.backend_id, remaining)

    def _say(self, message: ServerMessage) -> None:
        if self._is_open:
            self._to_client.put_nowait(encode(message))
