"""Connections on which nothing moves are given up; those on which something does are not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from filesync_server import Compose, Hub, create_sync_backend, token_auth
from filesync_server.command.config import DEVELOPMENT_TOKEN
from filesync_server.command.connections import WatchedConnection
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.shared.http import create_routes
from tests.harness.waiting import until
from tests.server.support import BEARER, FILES, TIMEOUT, TOKEN, embedded_app, files_left, serving
from tests.server.sync_client import sync_client
from tests.server.test_command import running

IDLE = 0.6
"""Seconds after which a connection is given up."""
PATIENT = 1.5
"""The same where a test keeps it busy: a machine that does much else may keep this process waiting for longer
than `IDLE`."""
SOON = 30.0
"""Seconds in which that has happened on a slow machine."""
LARGE = 16_000_000
"""Bytes; more than a system takes ahead of a reader."""
AUTH = f"Authorization: {BEARER['Authorization']}\r\n"


async def slow(request: Request) -> PlainTextResponse:
    """An app that works for a while, and lets nothing move meanwhile."""
    await asyncio.sleep(4 * IDLE)
    return PlainTextResponse("done")


async def endless(request: Request) -> StreamingResponse:
    async def body() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield bytes(100_000)

    return StreamingResponse(body())


async def large(request: Request) -> PlainTextResponse:
    return PlainTextResponse(bytes(LARGE))


@contextlib.asynccontextmanager
async def connected(
    app: ASGIApp, idle: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of its own to a server with the time-out."""
    async with serving(app, http=partial(WatchedConnection, idle)) as url:
        host, port = url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # what is not read stays at the server
        reader, writer = await asyncio.open_connection(sock=client)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@pytest.fixture
def idle() -> float:
    """The time-out of the connection; some tests have another."""
    return IDLE


@pytest.fixture(params=["httptools", "h11"])
async def connection(
    request: pytest.FixtureRequest, embedded: EmbeddedStore, idle: float, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the embedded store, and to two odd apps, by each of uvicorn's protocols."""
    if request.param == "h11":
        from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
    else:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
    monkeypatch.setattr("filesync_server.command.connections.AutoHTTPProtocol", Protocol)
    odd = create_routes([Route("/slow", slow), Route("/endless", endless), Route("/large", large)])
    app = Compose({"/odd": odd}, otherwise=embedded_app(embedded))
    async with connected(app, idle) as pair:
        yield pair


async def is_cut_off(reader: asyncio.StreamReader) -> bytes:
    """Wait for the end of the connection; gives what came before."""
    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
    return b""


async def test_who_asks_for_nothing_is_cut_off(connection: Any) -> None:
    assert await is_cut_off(connection[0]) == b""


async def test_half_a_request_is_cut_off(connection: Any) -> None:
    reader, writer = connection
    writer.write(b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-Half:")
    assert await is_cut_off(reader) == b""


async def test_a_request_that_drips_is_cut_off(connection: Any) -> None:
    reader, writer = connection
    writer.write(b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-Long: ")

    async def drip() -> None:
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(IDLE / 10)

    dripping = asyncio.create_task(drip())
    assert await is_cut_off(reader) == b""
    dripping.cancel()


async def test_half_a_second_request_is_cut_off(connection: Any) -> None:
    reader, writer = connection
    writer.write(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\nGET /api/hea")
    answer = await is_cut_off(reader)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


async def test_an_upload_that_stands_still_is_given_up(connection: Any, embedded: EmbeddedStore) -> None:
    reader, writer = connection
    head = f"PUT {FILES}/a/b HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + bytes(300_000))
    await until(lambda: files_left(embedded), "the upload is being written")
    await is_cut_off(reader)
    await until(lambda: files_left(embedded) == [], "nothing is left of it")


@pytest.mark.parametrize("idle", [PATIENT])
async def test_an_upload_that_moves_is_not(connection: Any, idle: float) -> None:
    reader, writer = connection
    head = f"PUT {FILES}/a/b HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Length: 12\r\n\r\n"
    writer.write(head.encode())
    for _ in range(12):
        writer.write(b"x")
        await asyncio.sleep(idle / 6)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_server_that_works_is_waited_for(connection: Any) -> None:
    reader, writer = connection
    writer.write(b"GET /odd/slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_reader_that_stands_still_is_cut_off(connection: Any) -> None:
    reader, writer = connection
    writer.transport.pause_reading()
    writer.write(b"GET /odd/endless HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(2 * IDLE)
    writer.transport.resume_reading()
    await is_cut_off(reader)


@pytest.mark.parametrize("idle", [PATIENT])
@pytest.mark.parametrize("path", ["/odd/endless", pytest.param("/odd/large", marks=pytest.mark.thorough)])
async def test_a_reader_that_is_slow_is_not(connection: Any, path: str, idle: float) -> None:
    """Not even one who reads less in that time than the server's system lets out before it takes more. The
    large answer is written as a whole, and waits in the server's buffers."""
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    got = 0
    started = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < started + 4 * idle:
        got += len(await reader.readexactly(60_000))
        await asyncio.sleep(idle / 6)
    async with asyncio.timeout(SOON):
        # More than what the systems have when the server has cut it off.
        await reader.readexactly(LARGE - got)


@pytest.mark.parametrize("path", ["/api/v1/delete", f"{FILES}/a/b"])
async def test_a_body_that_stands_still_is_408_in_any_server(embedded: EmbeddedStore, path: str) -> None:
    """Without this kit's own command, whose connections are watched."""
    app = embedded_app(embedded, idle_timeout=IDLE)
    async with serving(app) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        method = "PUT" if FILES in path else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Type: application/json\r\n"
        writer.write(head.encode() + b"Content-Length: 9\r\n\r\n{")
        answer = await is_cut_off(reader)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()
        assert files_left(embedded) == []
        writer.close()


async def test_a_websocket_is_left_to_its_pings(hub: Hub) -> None:
    app = Compose({"/sync": create_sync_backend(hub, authenticate=token_auth(TOKEN))})
    async with serving(app, http=partial(WatchedConnection, IDLE)) as url, sync_client(url) as client:
        await asyncio.sleep(3 * IDLE)
        await client.ping()


async def test_the_command_has_the_time_out(tmp_path: Path) -> None:
    """On whichever event loop it runs."""
    async with (
        running(tmp_path, "--idle-timeout", str(IDLE)) as server,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        host, port = server.url.removeprefix("http://").split(":")
        for half in (b"", b"GET /api/hea", f"PUT {FILES}/a HTTP/1.1\r\nHost: {host}\r\n".encode()):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(half)
            assert await is_cut_off(reader) == b""
            writer.close()
        assert (await client.get(f"{server.url}/api/health")).status_code == 200
        async with sync_client(server.url, token=DEVELOPMENT_TOKEN) as socket:
            await asyncio.sleep(3 * IDLE)
            await socket.ping()
