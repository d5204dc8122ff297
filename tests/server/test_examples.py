"""The example applications run: every part in each framework, with WebSockets and the outer lifespan."""

from __future__ import annotations

import importlib
from pathlib import Path

import httpx
import pytest

from tests.server.support import BEARER, DATA, TIMEOUT, TOKEN, hashed_key, serving
from tests.server.sync_client import event, sync_client
from tests.server.test_command import names

KEY = hashed_key(DATA)


@pytest.mark.parametrize("framework", ["starlette", "fastapi", "litestar"])
async def test_the_parts_in_a_framework(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_DATA", str(tmp_path))
    monkeypatch.setenv("EXAMPLE_TOKEN", TOKEN)
    make_app = importlib.import_module(f"examples.mounted.{framework}_app").make_app
    for numbers in ([1], [1, 2]):  # the second start finds what the first one left in good order
        async with (
            serving(make_app(), lifespan="on") as url,
            httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client,
        ):
            assert (await client.get("/hello")).text == "hello"
            assert (await client.get("/files/api/health")).json()["status"] == "ok"
            await _stores_and_gives(client)
            async with sync_client(url) as socket:
                await socket.pushed(event(numbers[-1]))
                assert (await socket.pull_all())[1] == list(map(event, numbers))
        assert names(tmp_path, "**/*-wal") == set(), "the lifespan closed the databases"


async def _stores_and_gives(client: httpx.AsyncClient) -> None:
    body = {"key": KEY, "contentType": "text/plain"}
    signed = (await client.post("/files/api/v1/sign/upload", json=body, headers=BEARER)).json()
    assert "/files/content/" in signed["url"]
    assert (await client.put(signed["url"], content=DATA, headers=signed["headers"])).status_code == 200
    signed = (await client.post("/files/api/v1/sign/download", json=body, headers=BEARER)).json()
    assert (await client.get(signed["url"])).content == DATA
    operations = {"requests": [{"op": "head", "key": KEY}, {"op": "head", "key": "store/none"}]}
    found = (await client.post("/files/api/v1/batch", json=operations, headers=BEARER)).json()["results"]
    assert [result["exists"] for result in found] == [True, False]
    assert (await client.get("/files/api/none")).status_code == 404
    assert (await client.get("/files/content/store/%2F", headers=BEARER)).status_code == 400
    assert (await client.get(f"/files/content/{KEY}/", headers=BEARER)).status_code == 400
