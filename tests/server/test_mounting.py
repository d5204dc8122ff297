"""The parts in other people's applications, and next to each other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from filesync_server import (
    Compose,
    Hub,
    create_app,
    create_data_plane,
    create_signer,
    create_site,
    create_sync_backend,
    parts_lifespan,
    token_auth,
)
from filesync_server.objects.embedded import EmbeddedStore
from filesync_web.livestore.wire import sync_query
from tests.server.support import BEARER, FILES, TIMEOUT, TOKEN, serving


async def _round_trip(app: ASGIApp, api: str) -> None:
    async with serving(app) as url, httpx.AsyncClient(timeout=TIMEOUT) as client:
        signed = await client.post(f"{url}{api}/v1/sign/upload", json={"key": "a/b c"}, headers=BEARER)
        assert (await client.put(signed.json()["url"], content=b"data")).status_code == 200
        signed = await client.post(f"{url}{api}/v1/sign/download", json={"key": "a/b c"}, headers=BEARER)
        assert (await client.get(signed.json()["url"])).content == b"data"


async def test_in_starlette(embedded: EmbeddedStore) -> None:
    authenticate = token_auth(TOKEN)
    routes = [
        Mount("/deep/signer", create_signer(embedded, authenticate=authenticate)),
        Mount(FILES, create_data_plane(embedded, authenticate=authenticate)),
    ]
    await _round_trip(Starlette(routes=routes), "/deep/signer")


async def test_in_fastapi(embedded: EmbeddedStore) -> None:
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()
    authenticate = token_auth(TOKEN)
    app.mount("/api", create_signer(embedded, authenticate=authenticate))
    app.mount(FILES, create_data_plane(embedded, authenticate=authenticate))
    await _round_trip(app, "/api")


def text(answer: str) -> ASGIApp:
    async def say(request: object) -> PlainTextResponse:
        return PlainTextResponse(answer)

    return Starlette(routes=[Route("/{rest:path}", say)])


async def test_paths_match_whole_segments_and_the_longest_wins() -> None:
    app = create_app(
        {"/": text("site"), "/api": text("api"), "/api/inner": text("inner"), "/empty/": text("e")}
    )
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        for path, part in [
            ("/", "site"),
            ("/api", "api"),
            ("/api/", "api"),
            ("/api/x", "api"),
            ("/apiX", "site"),
            ("/api/inner/x", "inner"),
            ("/api/innerX", "api"),
            ("/empty", "e"),
        ]:
            assert (await client.get(path)).text == part, path


async def test_without_a_match_it_is_a_json_404() -> None:
    async with serving(Compose({"/api": text("api")})) as url, httpx.AsyncClient(timeout=TIMEOUT) as client:
        answer = await client.get(f"{url}/other")
        assert answer.status_code == 404
        assert answer.json()["error"]


async def test_a_web_socket_where_there_is_none_is_404(tmp_path: Path) -> None:
    app = Compose({"/": create_site(tmp_path), "/sync": text("x")})
    async with serving(app) as url:
        for path in ("/", "/syncX"):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(url.replace("http", "ws") + path)
            assert refusal.value.response.status_code == 404


def test_a_path_starts_with_a_slash() -> None:
    with pytest.raises(ValueError, match="start with"):
        Compose({"api": text("api")})


async def test_closers_run_in_order_at_the_end() -> None:
    closed: list[str] = []

    async def first() -> None:
        closed.append("first")

    async def second() -> None:
        closed.append("second")

    async with serving(create_app({"/": text("x")}, on_close=[first, second])):
        assert closed == []
    assert closed == ["first", "second"]


# --- the path of a mount without a slash --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
@pytest.mark.parametrize("path", ["/sync", "/deep/sync"])
async def test_the_sync_backend_answers_where_it_is_mounted(hub: Hub, kind: str, path: str) -> None:
    """Also at `ws://host/sync`, the address that clients are given, and not at `/sync/` only."""
    app = Starlette() if kind == "starlette" else pytest.importorskip("fastapi").FastAPI()
    app.mount(path, create_sync_backend(hub, authenticate=token_auth(TOKEN)))
    query = sync_query("store", {"authToken": TOKEN})
    async with serving(app) as url:
        for address in (path, f"{path}/"):
            async with connect(f"{url.replace('http', 'ws')}{address}?{query}") as socket:
                await socket.send('{"_tag":"Ping"}')
                assert await socket.recv() == '{"_tag":"Pong"}'
        for address in (f"{path}X", f"{path}/other", "/", "/other"):
            with pytest.raises(InvalidStatus):
                await connect(f"{url.replace('http', 'ws')}{address}?{query}")
        async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
            ask = query.replace("transport=ws", "transport=http")
            answer = await client.post(f"{path}?{ask}", content=b'{"_tag":"Ping"}')
            assert answer.json() == [{"_tag": "Pong"}]
            assert (await client.get("/other")).status_code == 404


async def test_other_mounts_are_as_they_were() -> None:
    app = Starlette(routes=[Mount("/there", text("there"))])
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        assert (await client.get("/there")).status_code == 307
        assert (await client.get("/there/")).text == "there"


# --- lifespans ----------------------------------------------------------------------------------------------


class Part:
    """An app that writes down its start and its end, and keeps something for its requests."""

    def __init__(self, name: str, log: list[str], fails_at: str = "") -> None:
        self.name = name
        self._log = log
        self._fails_at = fails_at
        self._app = Starlette(routes=[Route("/", self._say)], lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[dict[str, str]]:
        if self._fails_at == "start":
            raise RuntimeError(f"{self.name} cannot start")
        self._log.append(f"{self.name} starts")
        yield {self.name: "is here"}
        if self._fails_at == "end":
            raise RuntimeError(f"{self.name} cannot end")
        self._log.append(f"{self.name} ends")

    async def _say(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(getattr(request.state, self.name))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that knows no lifespan."""
    assert scope["type"] == "http"


@pytest.mark.parametrize("way", ["outermost", "inside of each other", "create_app"])
async def test_parts_start_and_end_with_what_they_are_part_of(way: str) -> None:
    log: list[str] = []
    a, b = Part("a", log), Part("b", log)
    parts: dict[str, ASGIApp] = {"/a": a, "/a/again": a, "/b": b, "/silent": silent}

    async def close() -> None:
        log.append("closed")

    app: ASGIApp
    if way == "create_app":
        app = create_app(parts, on_close=[close])
    elif way == "outermost":
        app = Compose(parts)
    else:
        app = Compose({"/": Compose(parts)})
    async with serving(app, lifespan="on") as url, httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        assert sorted(log) == ["a starts", "b starts"]
        for path in ("/a/", "/b/", "/a/again/"):
            assert (await client.get(path)).text == "is here"
    ends = [log[1].replace("starts", "ends"), log[0].replace("starts", "ends")]
    assert log[2:4] == ends, "the other way round"
    assert log[4:] == (["closed"] if way == "create_app" else [])


async def lifespan_of(app: ASGIApp) -> list[Message]:
    """Start and end the app as a server does; what it says."""
    said: list[Message] = []
    told: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return told.pop(0)

    async def send(message: Message) -> None:
        said.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return said


async def test_a_part_that_cannot_start_ends_the_others() -> None:
    log: list[str] = []
    app = Compose({"/longer": Part("a", log), "/b": Part("b", log, "start")})
    assert [message["type"] for message in await lifespan_of(app)] == ["lifespan.startup.failed"]
    assert log == ["a starts", "a ends"]


async def test_a_part_that_cannot_end_does_not_keep_the_others() -> None:
    log: list[str] = []
    app = Compose({"/longer": Part("a", log), "/b": Part("b", log, "end")})
    complete, failed = await lifespan_of(app)
    assert complete["type"] == "lifespan.startup.complete"
    assert failed["type"] == "lifespan.shutdown.failed"
    assert "b cannot end" in failed["message"]
    assert log == ["a starts", "b starts", "a ends"]


@pytest.mark.parametrize("path", ["/", "/deep"])
@pytest.mark.parametrize("framework", ["starlette", "fastapi", "litestar"])
async def test_composed_parts_live_as_long_as_the_app_that_they_are_mounted_into(
    framework: str, path: str
) -> None:
    log: list[str] = []

    async def close() -> None:
        log.append("closed")

    composed = Compose({"/a": Part("a", log), "/b/c": text("c")})
    lifespan = parts_lifespan(composed, on_close=[close])
    app: ASGIApp
    if framework == "litestar":
        app = Litestar([asgi(path, is_mount=True, copy_scope=True)(composed)], lifespan=[lifespan])
    else:
        app = {"starlette": Starlette, "fastapi": FastAPI}[framework](lifespan=lifespan)
        app.mount(path, composed)
    async with (
        serving(app, lifespan="on") as url,
        httpx.AsyncClient(base_url=url + path, timeout=TIMEOUT) as client,
    ):
        assert log == ["a starts"]
        assert (await client.get("b/c/d")).text == "c"
        assert (await client.get("b")).status_code == 404
    assert log == ["a starts", "a ends", "closed"]
