"""The fragments of docs/server.md, run as they stand there: each with what it takes for granted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from filesync_server import ALL_RIGHTS, create_signer, create_sync_backend, parts_lifespan, public_access
from filesync_server.shared.tokens import read_tokens
from filesync_server.sync import Hub, SqliteStorage
from tests.harness.documents import fragment, fragments
from tests.server.support import FILES, TIMEOUT, hashed_key
from tools.common import ROOT

BEARER = {"Authorization": "Bearer a-long-and-private-token"}


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Any]]:
    """What the first fragment makes, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"Path": Path}
    exec(fragment("server", "Mount(store.files_path"), known)
    yield known
    await known["store"].close()


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://app.example")


def test_there_are_tokens_with_rights_of_their_own() -> None:
    text = (ROOT / "docs" / "server.md").read_text()
    (block,) = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    tokens = read_tokens(block)
    ann, operations = tokens["a-long-and-private-text"], tokens["another-long-and-private-text"]
    assert ann.allows("ann", "delete")
    assert ann.allows("team", "write")
    assert not ann.allows("team", "delete")
    assert operations.allows("any", "delete")
    assert operations.expires_at


async def test_parts_are_mounted_into_an_application(app: dict[str, Any]) -> None:
    key = hashed_key(b"hello", "album")
    async with client_of(app["app"]) as client:
        assert (await client.get("/api/health")).is_success
        wanted = {"key": key, "contentLength": 5}
        assert (await client.post("/api/v1/sign/upload", headers=BEARER, json=wanted)).is_success
        assert (await client.put(f"{FILES}/{key}", headers=BEARER, content=b"hello")).is_success
        assert (await client.get(f"{FILES}/{key}")).status_code == 401


async def test_the_outermost_application_ends_what_its_parts_use(app: dict[str, Any], tmp_path: Path) -> None:
    ended: list[str] = []
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite"))
    parts = [
        create_sync_backend(hub, authenticate=public_access),
        create_signer(app["store"], authenticate=public_access),
    ]

    def noting(name: str) -> Any:
        async def close() -> None:
            ended.append(name)

        return SimpleNamespace(close=close)

    known = {"FastAPI": FastAPI, "parts_lifespan": parts_lifespan, "parts": parts}
    known |= {"hub": noting("hub"), "store": noting("store")}
    exec(fragment("server", "app = FastAPI(lifespan"), known)
    application: Any = known["app"]
    async with application.router.lifespan_context(application):
        assert ended == []
    assert ended == ["hub", "store"]
    await hub.close()


async def test_the_apps_own_sessions_say_who_it_is() -> None:
    user = SimpleNamespace(name="ann", own_store="ann", session_ends=2e9)

    async def by_session(session: str | None) -> Any:
        return user if session == "good" else None

    known: dict[str, Any] = {"users": SimpleNamespace(by_session=by_session)}
    exec(fragment("server", "users.by_session"), known)
    found = await known["authenticate"](SimpleNamespace(cookies={"session": "good"}))
    assert (found.name, found.expires_at) == ("ann", 2e9)
    assert found.stores == {"ann": ALL_RIGHTS, "team": {"read", "write"}}
    assert await known["authenticate"](SimpleNamespace(cookies={})) is None


async def test_hooks_refuse_and_hear_of_uploads(app: dict[str, Any]) -> None:
    known = {**app, "authenticate": public_access, "queue": asyncio.Queue()}
    exec(
        "from filesync_server import create_data_plane, create_signer\n" + fragment("server", "Admission("),
        known,
    )
    key = hashed_key(b"hello", "album")
    wanted = {"key": key, "contentLength": 5, "contentType": "video/mp4"}
    async with client_of(known["signer"]) as client:
        refused = await client.post("/v1/sign/upload", json=wanted)
        assert refused.status_code == 403
        assert "films are not for the free plan" in refused.text
        assert (await client.post("/v1/sign/upload", json={**wanted, "contentType": "text/plain"})).is_success
    async with client_of(known["plane"]) as client:
        sent = await client.put(f"/{key}", content=b"hello", headers={"Content-Type": "text/plain"})
        assert sent.is_success, sent.text
    async with asyncio.timeout(TIMEOUT):
        assert await known["queue"].get() == ("everybody", key, 5, "text/plain")
    await known["admission"].close()


def test_every_fragment_is_run_here() -> None:
    assert len(fragments("server")) == 4
