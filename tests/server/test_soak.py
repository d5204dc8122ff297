"""What takes long on purpose: a server that is killed again and again in the middle of everything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import WebSocketException

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.server.support import FILES, TIMEOUT, hashed_key, sha256
from tests.server.sync_client import event, sync_client
from tests.server.test_command import AUTH, names, running

KILLS = 30


@pytest.mark.soak(minutes=2)
async def test_kills_leave_no_torn_object_and_lose_no_acknowledged_event(tmp_path: Path) -> None:
    """30 kills in the middle of uploads and pushes: nothing torn, nothing confirmed is lost."""
    moments = random.Random(20261122)
    confirmed: dict[str, bytes] = {}
    acknowledged = 0
    for _ in range(KILLS):
        async with running(tmp_path) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:

            async def upload(url: str, data: bytes, client: httpx.AsyncClient = client) -> None:
                key = hashed_key(data)
                answer = await client.put(f"{url}{FILES}/{key}", content=data, headers=AUTH)
                assert answer.status_code == 200
                confirmed[key] = data

            async def write_events(url: str) -> None:
                nonlocal acknowledged
                async with sync_client(url, token=DEVELOPMENT_TOKEN) as socket:
                    _, stored = await socket.pull_all()
                    assert acknowledged <= len(stored) <= acknowledged + 1
                    assert [item["seqNum"] for item in stored] == list(range(1, len(stored) + 1))
                    acknowledged = len(stored)
                    while (await socket.pushed(event(acknowledged + 1)))["_tag"] == "Success":
                        acknowledged += 1

            sizes = [moments.randrange(1, 3_000_000) for _ in range(8)]
            work = [asyncio.create_task(upload(server.url, os.urandom(size))) for size in sizes]
            work.append(asyncio.create_task(write_events(server.url)))
            await asyncio.wait(work, timeout=moments.uniform(0.05, 0.8), return_when=asyncio.ALL_COMPLETED)
            await server.end(signal.SIGKILL)
            for task in work:
                with contextlib.suppress(httpx.TransportError, WebSocketException, OSError):
                    await task
    async with running(tmp_path) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:
        for key, data in confirmed.items():
            assert (await client.get(f"{server.url}{FILES}/{key}", headers=AUTH)).content == data
        for name in names(tmp_path, "objects/blobs/*/*"):
            content = (tmp_path / "objects" / "blobs" / name[:2] / name).read_bytes()
            assert sha256(content) == name
        assert names(tmp_path, "objects/tmp/*.part") == set()
    assert confirmed
    assert acknowledged
