"""Several worker processes behind one socket, and ends of the command while something is under way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.harness.waiting import until
from tests.server.support import FILES, TIMEOUT, hashed_key
from tests.server.sync_client import event, sync_client
from tests.server.test_command import AUTH, Process, names, running

START_TIMEOUT = 40.0


def workers_of(server: Process) -> set[int]:
    """The process ids of the workers that live."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if b"spawn_main" in _command(child)}


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def running_processes() -> set[int]:
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}


async def put(client: httpx.AsyncClient, server: Process, content: bytes) -> None:
    url = f"{server.url}{FILES}/{hashed_key(content)}"
    assert (await client.put(url, content=content, headers=AUTH)).status_code == 200


async def test_workers_share_everything_and_are_replaced(database: str, tmp_path: Path) -> None:
    environment = os.environ | {"FILESYNC_SYNC_DATABASE": database}
    # Without keep-alive each request is another connection, and gets whichever worker is free.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        running(tmp_path, "--workers", "2", environment=environment) as server,
        httpx.AsyncClient(limits=limits, timeout=30) as client,
    ):
        await until(lambda: len(workers_of(server)) == 2, "two workers live", timeout=START_TIMEOUT)
        contents = [os.urandom(10_000) for _ in range(20)]
        await asyncio.gather(*(put(client, server, content) for content in contents))
        async with sync_client(server.url, token=DEVELOPMENT_TOKEN) as socket:
            assert (await socket.pushed(event(1)))["_tag"] == "Success"
        victim = min(workers_of(server))
        os.kill(victim, signal.SIGKILL)
        await until(
            lambda: len(workers_of(server) - {victim}) == 2,
            "the dead worker was replaced",
            timeout=START_TIMEOUT,
        )
        for content in contents:
            answer = await client.get(f"{server.url}{FILES}/{hashed_key(content)}", headers=AUTH)
            assert answer.content == content
        async with sync_client(server.url, token=DEVELOPMENT_TOKEN) as socket:
            assert (await socket.pull_all())[1] == [event(1)]
        workers = workers_of(server)
        assert await server.end(signal.SIGTERM) == 0
        assert not workers & running_processes()
    assert "Traceback" not in "".join(server.lines)


async def test_workers_end_when_their_parent_is_killed(database: str, tmp_path: Path) -> None:
    environment = os.environ | {"FILESYNC_SYNC_DATABASE": database}
    async with running(tmp_path, "--workers", "2", environment=environment) as server:
        async with httpx.AsyncClient(timeout=START_TIMEOUT) as client:
            await put(client, server, b"answered")  # by a worker that is whole
        workers = workers_of(server)
        await server.end(signal.SIGKILL)
        await until(
            lambda: not workers & running_processes(), "the workers have ended", timeout=START_TIMEOUT
        )


def test_workers_without_a_shared_log_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "filesync_server", "--workers", "2", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "workers = 2 needs the setting sync_database" in done.stderr


async def test_workers_that_cannot_start_end_the_command(database: str) -> None:
    environment = os.environ | {"FILESYNC_SYNC_DATABASE": database}
    command = [sys.executable, "-m", "filesync_server", "--workers", "2", "--port", "0", "--data", "/proc/no"]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE, env=environment)
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "a worker cannot start" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("finishes", [True, False])
async def test_an_upload_under_way_gets_the_grace_time(tmp_path: Path, finishes: bool) -> None:
    content = os.urandom(2_000_000)
    go_on = asyncio.Event()
    stopping = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield content[:1_000_000]
        stopping.set()
        await go_on.wait()
        yield content[1_000_000:]

    grace = "30" if finishes else "1"
    async with (
        running(tmp_path, "--shutdown-timeout", grace) as server,
        httpx.AsyncClient(timeout=30) as client,
    ):
        headers = AUTH | {"Content-Length": str(len(content))}
        url = f"{server.url}{FILES}/{hashed_key(content)}"
        upload = asyncio.create_task(client.put(url, content=body(), headers=headers))
        await stopping.wait()
        await until(lambda: names(tmp_path, "objects/tmp/*.part"), "the upload is being written")
        ended = asyncio.create_task(server.end(signal.SIGTERM))
        await until(lambda: _refuses(server.url), "new connections are refused")
        if finishes:
            go_on.set()
            assert (await upload).status_code == 200
            assert await ended == 0
        else:
            assert await ended == 0
            go_on.set()
            with contextlib.suppress(httpx.TransportError):
                assert (await upload).status_code == 500
    async with running(tmp_path) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:
        answer = await client.get(f"{server.url}{FILES}/{hashed_key(content)}", headers=AUTH)
        assert answer.status_code == (200 if finishes else 404)
        assert names(tmp_path, "objects/tmp/*.part") == set()


def _refuses(url: str) -> bool:
    try:
        httpx.get(f"{url}/api/health")
    except httpx.TransportError:
        return True
    return False


async def test_refused_websockets_fill_no_log_with_errors(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for token in ("wrong", None):
            with pytest.raises(InvalidStatus):
                async with sync_client(server.url, token=token):
                    pass
        await server.end(signal.SIGTERM)
    log = "".join(server.lines)
    assert log.count("method=WEBSOCKET path=/sync status=400") == 2
    assert "ERROR" not in log
