"""A proxy between a browser and the server that holds, breaks, changes, delays and counts what passes.

It runs in a thread of its own, so that a test may wait for it. Every request has a connection of its own;
what goes to the signer and to the files prefix may get a fault, everything else passes as it is.

*Trap*: the one request that a test waits for. It is held where the trap says (or passes, and the test is
told), so that what happens then happens while that request is under way.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tests.harness.streams import pass_both_ways

HOST = "127.0.0.1"
FILES = "/livestore-filesync-files/"
SIGNER = "/api/v1/"
SOURCE = "/proxy/source"
TOLD = "/proxy/told"
CHUNK = 64 * 1024

Way = Literal["up", "down"]
FAULTS = ("refuse", "busy", "cut up", "cut down", "truncate", "corrupt", "delay")
"""No answer at all; 503; the connection breaks in the request's body, or in the answer's; the answer is
shorter than it was, and says so; one byte of a file is another one; the answer comes late."""


@dataclass
class Exchange:
    """One request, and the bytes of its bodies that have passed so far."""

    method: str
    path: str
    up: int = 0
    down: int = 0
    fault: str = ""


@dataclass
class Trap:
    """Springs on the first request that matches, once `share` of its body (0 to 1) has passed in one `way`.

    A share of 1 lets it pass; any other holds the request until the proxy lets go of it by breaking it off.
    What matches `beside` is held with it from then on: a test that counts what was sent before a kill must
    not race with the transfers that go on beside the held one.
    """

    method: str
    pattern: str
    way: Way
    share: float
    beside: str | None = None
    sprung: threading.Event = field(default_factory=threading.Event)
    caught: Exchange | None = None

    @property
    def holds(self) -> bool:
        return self.share < 1

    def holds_beside(self, exchange: Exchange) -> bool:
        return bool(
            self.holds
            and self.sprung.is_set()
            and self.beside is not None
            and exchange.method == self.method
            and re.search(self.beside, exchange.path)
        )

    @property
    def content_hash(self) -> str:
        """Of the object whose request was caught; "" for a request that does not name it in its path."""
        found = re.search(f"^{FILES}[^/]+/([0-9a-f]{{64}})", self.caught.path if self.caught else "")
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.method} {self.pattern} {self.share:.0%} {self.way}"


class FaultProxy:
    """A proxy before one server.

    `url` is its origin; `seen` has every request to the signer and the files; `told` has what pages have
    posted to `/proxy/told?<anything>`, in order.
    """

    def __init__(self, server_port: int) -> None:
        self.seen: list[Exchange] = []
        self.told: list[str] = []
        self.trap: Trap | None = None
        self.choose_fault: Callable[[Exchange], str] = lambda _exchange: ""
        self.random = Random(0)
        self._server_port = server_port
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._held: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def start(self) -> None:
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set_trap(
        self, method: str, pattern: str, way: Way, share: float, *, beside: str | None = None
    ) -> Trap:
        """Lay the trap; the patterns are looked for in path and query."""
        self.trap = Trap(method, pattern, way, share, beside)
        return self.trap

    def let_go(self) -> None:
        """Take the trap away, and break off what it holds."""
        self.trap = None
        asyncio.run_coroutine_threadsafe(self._end(self._held), self._loop).result(10)

    def sent(self, method: str, pattern: str, way: Way) -> int:
        """The bytes of all bodies that have passed one way, of the requests that match."""
        matching = [e for e in list(self.seen) if e.method == method and re.search(pattern, e.path)]
        return sum(getattr(exchange, way) for exchange in matching)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=CHUNK)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        """End all that runs here, and what was accepted a moment ago: browsers go on connecting.

        A closed server loses, unclosed, what it has accepted and not yet begun. So it first stops to accept.
        """
        for listener in self._server.sockets:
            self._loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)
        self._server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._end(tasks)

    async def _end(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        ending = list(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        task = asyncio.create_task(connection.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _ended: connection.abort())

    # --- what a connection asks of it

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self._server_port, limit=CHUNK)

    def begin(self, method: str, path: str) -> Exchange:
        exchange = Exchange(method, path)
        trap = self.trap
        if trap and not trap.caught and trap.method == method and re.search(trap.pattern, path):
            trap.caught = exchange
        if path.startswith((FILES, SIGNER)):
            self.seen.append(exchange)
            if not (trap and trap.caught is exchange):
                exchange.fault = self.choose_fault(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        """What ends before its trap springs leaves it to the next one that matches."""
        if self.trap and self.trap.caught is exchange and not self.trap.sprung.is_set():
            self.trap.caught = None

    async def passed(self, exchange: Exchange, way: Way, total: int) -> None:
        """Spring the trap if this exchange is in it and far enough; held here until it is let go."""
        trap = self.trap
        if trap is None or trap.way != way:
            return
        if trap.holds_beside(exchange):
            await self._hold()
        if trap.caught is not exchange or trap.sprung.is_set():
            return
        if getattr(exchange, way) < total * trap.share:
            return
        trap.sprung.set()
        if trap.holds:
            await self._hold()

    async def _hold(self) -> None:
        """Wait to be broken off by `let_go`."""
        task = asyncio.current_task()
        assert task
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        await asyncio.Event().wait()


class _Connection:
    """One connection of the browser: one request, its answer, and the end."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._writers = [writer]

    async def run(self) -> None:
        """Serve the request, and close once everything is read that was sent."""
        with suppress(OSError, asyncio.IncompleteReadError, _Broken):
            await self._serve()
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()

    def abort(self) -> None:
        """Close at once, whether or not it has run."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self) -> None:
        head = await _Head.read(self._client[0])
        method, path, _version = head.start.split(" ", 2)
        exchange = self._proxy.begin(method, path)
        try:
            await self._pass_on(exchange, head)
        finally:
            self._proxy.end(exchange)

    async def _pass_on(self, exchange: Exchange, head: _Head) -> None:
        reader, writer = self._client
        path = exchange.path
        if path.startswith(TOLD):
            self._proxy.told.append(unquote(urlsplit(path).query))
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        if path.startswith(SOURCE):
            await self._send_source(exchange)
            return
        if exchange.fault == "refuse":
            writer.transport.abort()
            return
        up_reader, up_writer = await self._proxy.connect()
        self._writers.append(up_writer)
        if head.value("upgrade"):
            up_writer.write(head.encode())
            await pass_both_ways(self._client, (up_reader, up_writer))
            return
        up_writer.write(head.replaced("connection", "close").encode())
        await self._pass(exchange, "up", reader, up_writer, head.length)
        await self._answer(exchange, up_reader)

    async def _answer(self, exchange: Exchange, reader: asyncio.StreamReader) -> None:
        _, writer = self._client
        head = await _Head.read(reader)
        random, fault = self._proxy.random, exchange.fault
        if fault == "delay":
            await asyncio.sleep(random.uniform(0.05, 0.4))
        if fault == "busy":
            head, reader = _Head.busy(), asyncio.StreamReader()
        await self._proxy.passed(exchange, "down", 1)  # a share of 0: the answer is made, and nobody gets it
        length = head.length
        if fault == "truncate" and length:
            length = random.randrange(length)
            head = head.replaced("content-length", str(length))
        writer.write(head.replaced("connection", "close").encode())
        await self._pass(exchange, "down", reader, writer, length)
        await writer.drain()

    async def _pass(
        self,
        exchange: Exchange,
        way: Way,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        length: int | None,
    ) -> None:
        """Pass a body of so many bytes, or to the end of the connection."""
        random, left = self._proxy.random, float("inf") if length is None else length
        is_file = exchange.path.startswith(FILES)
        stop = random.randrange(length) if length and exchange.fault == f"cut {way}" else None
        wrong = random.randrange(length) if length and is_file and exchange.fault == "corrupt" else None
        if way == "up" and not length:
            return
        done = 0
        while left and (data := await reader.read(min(CHUNK, int(min(left, CHUNK))))):
            if wrong is not None and done <= wrong < done + len(data):
                at = wrong - done
                data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            done += len(data)
            left -= len(data)
            writer.write(data)
            await writer.drain()
            setattr(exchange, way, done)
            await self._proxy.passed(exchange, way, length or 1)
            if stop is not None and done > stop:
                raise _Broken
        if length is not None and left:
            raise _Broken  # the sender has gone

    async def _send_source(self, exchange: Exchange) -> None:
        """`/proxy/source?seed=1&size=100`: pseudo-random bytes, for pages that save what they fetch."""
        query = parse_qs(urlsplit(exchange.path).query)
        size = int(query["size"][0])
        body = source(int(query["seed"][0]), size)
        _, writer = self._client
        headers = [("connection", "close"), ("cache-control", "no-store"), ("content-length", str(size))]
        writer.write(_Head("HTTP/1.1 200 OK", headers).encode())
        for at in range(0, size, CHUNK):
            writer.write(body[at : at + CHUNK])
            await writer.drain()
            exchange.down = min(size, at + CHUNK)
            await self._proxy.passed(exchange, "down", size)


def source(seed: int, size: int) -> bytes:
    """The bytes of `/proxy/source?seed=...&size=...`."""
    return Random(seed).randbytes(size)


class _Broken(Exception):
    """The connection is to break here."""


@dataclass
class _Head:
    """The first line and the headers of a request or an answer."""

    start: str
    headers: list[tuple[str, str]]

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> _Head:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        pairs = [line.split(":", 1) for line in lines[1:]]
        return cls(lines[0], [(name.lower(), value.strip()) for name, value in pairs])

    @classmethod
    def busy(cls) -> _Head:
        return cls("HTTP/1.1 503 Service Unavailable", [("content-length", "0")])

    @property
    def length(self) -> int | None:
        value = self.value("content-length")
        return int(value) if value else None

    def value(self, name: str) -> str:
        return next((value for found, value in self.headers if found == name), "")

    def replaced(self, name: str, value: str) -> _Head:
        return _Head(self.start, [*((n, v) for n, v in self.headers if n != name), (name, value)])

    def encode(self) -> bytes:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
