"""The parts in other people's applications, and next to each other."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from filesync_server import Compose, bearer_auth, create_app, create_data_plane, create_signer, create_site
from filesync_server.objects.embedded import EmbeddedStore
from tests.server.support import BEARER, FILES, TOKEN, serving


async def _round_trip(app: ASGIApp, api: str) -> None:
    async with serving(app) as url, httpx.AsyncClient() as client:
        signed = await client.post(f"{url}{api}/v1/sign/upload", json={"key": "a/b c"}, headers=BEARER)
        assert (await client.put(signed.json()["url"], content=b"data")).status_code == 200
        signed = await client.post(f"{url}{api}/v1/sign/download", json={"key": "a/b c"}, headers=BEARER)
        assert (await client.get(signed.json()["url"])).content == b"data"


async def test_in_starlette(embedded: EmbeddedStore) -> None:
    auth = bearer_auth(TOKEN)
    routes = [
        Mount("/deep/signer", create_signer(embedded, auth=auth)),
        Mount(FILES, create_data_plane(embedded, auth=auth)),
    ]
    await _round_trip(Starlette(routes=routes), "/deep/signer")


async def test_in_fastapi(embedded: EmbeddedStore) -> None:
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()
    auth = bearer_auth(TOKEN)
    app.mount("/api", create_signer(embedded, auth=auth))
    app.mount(FILES, create_data_plane(embedded, auth=auth))
    await _round_trip(app, "/api")


def text(answer: str) -> ASGIApp:
    async def say(request: object) -> PlainTextResponse:
        return PlainTextResponse(answer)

    return Starlette(routes=[Route("/{rest:path}", say)])


async def test_paths_match_whole_segments_and_the_longest_wins() -> None:
    app = create_app(
        {"/": text("site"), "/api": text("api"), "/api/inner": text("inner"), "/empty/": text("e")}
    )
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
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
    async with serving(Compose({"/api": text("api")})) as url, httpx.AsyncClient() as client:
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
