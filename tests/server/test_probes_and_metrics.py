"""What watches a server: probes, metrics of one process and of several workers, and logs of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from filesync_server.command.app import build_app
from filesync_server.command.config import DEVELOPMENT_TOKEN, Settings
from tests.harness.waiting import until
from tests.server.support import DATA, FILES, KEY, TIMEOUT, serving
from tests.server.sync_client import event, sync_client
from tests.server.test_command import AUTH, running
from tests.server.test_workers import START_TIMEOUT, workers_of

METRICS_TOKEN = "a-token-for-metrics-only"
METRICS_AUTH = {"Authorization": f"Bearer {METRICS_TOKEN}"}


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(build_app(settings), lifespan="on") as url,
        httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client,
    ):
        yield client


async def numbers(client: httpx.AsyncClient) -> dict[str, float]:
    """The samples by name and labels."""
    answer = await client.get("/metrics", headers=METRICS_AUTH)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_a_server_that_can_serve_says_so(tmp_path: Path) -> None:
    async with served(Settings(data=tmp_path)) as client:
        for path, status in [("/healthz", "alive"), ("/readyz", "ready")]:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": status})
            assert answer.headers["cache-control"] == "no-store"
        assert (await client.get("/metrics")).status_code == 404, "not there without a token"


async def test_a_server_that_lost_its_disk_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with served(Settings(data=tmp_path)) as client:
        (tmp_path / "objects" / "blobs").rename(tmp_path / "elsewhere")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (503, ["the object store does not answer"])
        assert (await client.get("/healthz")).status_code == 200


async def test_a_server_whose_database_is_away_is_not_ready(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, sync_database="postgresql://nobody:secret@127.0.0.1:1/none")
    async with served(settings) as client:
        answer = await client.get("/readyz", timeout=30)
        assert (answer.status_code, answer.json()["problems"]) == (503, ["the event logs cannot be used"])


async def test_metrics_are_for_who_has_their_token(tmp_path: Path) -> None:
    async with served(Settings(data=tmp_path, metrics_token=METRICS_TOKEN)) as client:
        for headers in (
            {},
            AUTH,
            {"Authorization": METRICS_TOKEN},
            {"Authorization": "Bearer \xe4".encode()},
        ):
            assert (await client.get("/metrics", headers=headers)).status_code == 401
        assert (await client.get("/metrics", headers=METRICS_AUTH)).status_code == 200


async def test_what_a_server_does_is_counted(tmp_path: Path) -> None:
    async with served(Settings(data=tmp_path, metrics_token=METRICS_TOKEN)) as client:
        url = f"{FILES}/{KEY}"
        assert (await client.put(url, content=DATA, headers=AUTH)).status_code == 200
        assert (await client.get(url, headers=AUTH)).content == DATA
        assert (await client.get(url)).status_code == 401
        assert (await client.request("PROPFIND", url)).status_code == 405
        async with sync_client(str(client.base_url), token=DEVELOPMENT_TOKEN) as socket:
            await socket.pull()
            await socket.receive()
            assert (await socket.pushed(event(1)))["_tag"] == "Success"
            assert (await socket.pushed(event(1)))["_tag"] == "Failure"
            found = await numbers(client)
            assert found["filesync_sync_connections"] == found["filesync_sync_live_pulls"] == 1
            assert found["filesync_sync_stores"] == 1
        await until(lambda: _none_is_connected(client), "the connection is gone")
        found = await numbers(client)
    assert found['filesync_requests_total{method="PUT",part="files",status="200"}'] == 1
    assert found['filesync_requests_total{method="OTHER",part="files",status="405"}'] == 1
    assert found['filesync_received_bytes_total{part="files"}'] == len(DATA)
    assert found['filesync_sent_bytes_total{part="files"}'] >= len(DATA)
    assert found['filesync_errors_total{kind="unauthenticated",part="files"}'] == 1
    assert found['filesync_requests_total{method="WEBSOCKET",part="sync",status="101"}'] == 1
    assert found['filesync_push_seconds_count{outcome="accepted"}'] == 1
    assert found['filesync_push_seconds_count{outcome="server_ahead"}'] == 1
    assert found["filesync_sync_waiting_pushes"] == found["filesync_sync_waiting_bytes"] == 0


async def _none_is_connected(client: httpx.AsyncClient) -> bool:
    return (await numbers(client))["filesync_sync_connections"] == 0


async def test_every_worker_answers_for_all(database: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "FILESYNC_SYNC_DATABASE": database,
        "FILESYNC_METRICS_TOKEN": METRICS_TOKEN,
    }
    # Without keep-alive each request is another connection, and gets whichever worker is free.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        running(tmp_path, "--workers", "2", environment=environment) as server,
        httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30) as client,
    ):
        await until(lambda: len(workers_of(server)) == 2, "two workers live", timeout=START_TIMEOUT)
        await asyncio.gather(*(client.get("/api/health") for _ in range(20)))
        asked = 'filesync_requests_total{method="GET",part="api",status="200"}'

        async def are_counted() -> bool:
            return (await numbers(client))[asked] == 20

        await until(are_counted, "all are counted, each a moment after its answer")
        assert [(await numbers(client))[asked] for _ in range(6)] == [20] * 6
        async with sync_client(server.url, token=DEVELOPMENT_TOKEN) as socket:
            await socket.ping()
            await until(lambda: _connections_are(client, 1), "all know of the connection")
            killed = workers_of(server)
            for worker in killed:
                os.kill(worker, signal.SIGKILL)
        await until(lambda: len(workers_of(server) - killed) == 2, "two others live", timeout=START_TIMEOUT)
        await until(  # which they say once they have started
            lambda: _connections_are(client, 0), "nobody counts it", timeout=START_TIMEOUT
        )
        assert (await numbers(client))[asked] == 20, "what was done remains counted"


async def _connections_are(client: httpx.AsyncClient, count: int) -> bool:
    try:
        return (await numbers(client)).get("filesync_sync_connections", 0) == count
    except httpx.TransportError:  # of a worker that was killed
        return False


async def test_logs_are_lines_of_json(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "--log-format", "json") as server,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        await client.get(f"{server.url}/healthz?sig=secret")
        await server.end(signal.SIGTERM)
    records = [json.loads(line) for line in server.lines]
    (request,) = (record for record in records if record["logger"] == "filesync_server.access")
    assert (request["path"], request["status"], request["level"]) == ("/healthz", 200, "info")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", request["time"])
    assert "secret" not in "".join(server.lines)
    assert str(tmp_path) in records[0]["message"], "the first line says where the data are"


@pytest.mark.parametrize("policy", ["require-corp", "credentialless"])
async def test_parts_and_pages_as_the_settings_say(tmp_path: Path, policy: str) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html>")
    settings = Settings(data=tmp_path / "data", site=tmp_path / "site", cross_origin_isolation=policy)
    settings = replace(settings, api_path="/v/api", files_path="/v/files", sync_path="/v/sync")
    async with served(settings) as client:
        page = await client.get("/")
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["cross-origin-embedder-policy"] == policy
        answer = await client.post("/v/api/v1/sign/upload", json={"key": KEY}, headers=AUTH)
        signed = answer.json()
        assert "/v/files/" in signed["url"]
        stored = await client.put(signed["url"], content=DATA, headers=signed["headers"])
        assert stored.status_code == 200
        assert (await client.get("/v/sync")).status_code == 426
        assert (await client.get("/api/health")).status_code == 404
