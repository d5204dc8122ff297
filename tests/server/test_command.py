"""The `filesync-server` command as a process: start, signals, crashes, and what it prints."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.server.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.server.support import FILES, TIMEOUT, hashed_key, sha256
from tests.server.sync_client import event, sync_client

AUTH = {"Authorization": f"Bearer {DEVELOPMENT_TOKEN}"}


@dataclass
class Process:
    process: asyncio.subprocess.Process
    url: str
    lines: list[str] = field(default_factory=list)

    async def end(self, number: int) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(TIMEOUT):
            return await self.process.wait()


@asynccontextmanager
async def running(
    data: Path, *flags: str, environment: dict[str, str] | None = None
) -> AsyncIterator[Process]:
    """The command on a free port, once it says that it answers."""
    command = [sys.executable, "-m", "filesync_server", "--port", "0", "--data", str(data), *flags]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env=environment)
    assert process.stderr is not None
    lines: list[str] = []
    url = ""
    async with asyncio.timeout(2 * TIMEOUT):
        while not url:
            line = (await process.stderr.readline()).decode()
            assert line, f"it ended: {lines}"
            lines.append(line)
            if found := re.search(r"answering on (http://\S+)/", line):
                url = found[1]

    async def collect(stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            lines.append(line.decode())

    reading = asyncio.create_task(collect(process.stderr))
    try:
        yield Process(process, url, lines)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


def names(folder: Path, pattern: str) -> set[str]:
    return {path.name for path in folder.glob(pattern)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_are_a_good_end_and_nothing_is_lost(tmp_path: Path, number: int) -> None:
    data = os.urandom(100_000)
    path = f"{FILES}/{hashed_key(data)}"
    async with running(tmp_path) as first, httpx.AsyncClient(timeout=TIMEOUT) as client:
        assert (await client.get(f"{first.url}/api/health")).json()["status"] == "ok"
        assert (await client.put(first.url + path, content=data, headers=AUTH)).status_code == 200
        async with sync_client(first.url, token=DEVELOPMENT_TOKEN) as socket:
            await socket.pushed(event(1))
            await socket.pull()
            await socket.receive()
            assert await first.end(number) == 0
            await socket.socket.wait_closed()
            assert socket.socket.close_code in {1001, 1012}
    async with running(tmp_path) as second, httpx.AsyncClient(timeout=TIMEOUT) as client:
        assert (await client.get(second.url + path, headers=AUTH)).content == data
        async with sync_client(second.url, token=DEVELOPMENT_TOKEN) as socket:
            assert (await socket.pull_all())[1] == [event(1)]


async def test_nothing_secret_is_logged(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "--log-level", "debug") as server,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        signed = (
            await client.post(f"{server.url}/api/v1/sign/upload", json={"key": "a"}, headers=AUTH)
        ).json()
        await client.put(signed["url"], content=b"x")
        async with sync_client(server.url, token=DEVELOPMENT_TOKEN) as socket:
            await socket.ping()
        await server.end(signal.SIGTERM)
    log = "".join(server.lines)
    assert f"method=PUT path={FILES}/a status=200" in log
    assert "method=WEBSOCKET path=/sync status=101" in log
    assert DEVELOPMENT_TOKEN not in log
    assert signed["url"].partition("sig=")[2] not in log


async def test_objects_in_s3(tmp_path: Path, s3: S3Server) -> None:
    environment = os.environ | {"FILESYNC_S3_ACCESS_KEY": ACCESS_KEY, "FILESYNC_S3_SECRET_KEY": SECRET_KEY}
    flags = [
        "--storage",
        "s3",
        "--s3-bucket",
        BUCKET,
        "--s3-endpoint",
        s3.endpoint,
        "--s3-path-style",
        "true",
    ]
    async with (
        running(tmp_path, *flags, environment=environment) as server,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        api = f"{server.url}/api"
        assert (await client.get(f"{api}/health")).status_code == 200
        signed = (await client.post(f"{api}/v1/sign/upload", json={"key": "cmd/x"}, headers=AUTH)).json()
        assert signed["url"].startswith(s3.endpoint)
        assert (await client.put(signed["url"], content=b"x")).status_code == 200
        head = await client.post(f"{api}/v1/head", json={"key": "cmd/x"}, headers=AUTH)
        assert head.json()["size"] == 1
        assert (await client.get(f"{server.url}{FILES}/cmd/x", headers=AUTH)).status_code == 404


async def test_kill_in_the_middle_of_uploads_leaves_no_torn_object(tmp_path: Path) -> None:
    pieces = [os.urandom(3 * 1024**2) for _ in range(6)]
    done: list[bytes] = []

    async with running(tmp_path) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:
        killed = asyncio.Event()

        async def upload(piece: bytes, slowly: bool) -> None:
            async def body() -> AsyncIterator[bytes]:
                yield piece[: 2 * 1024**2]
                if slowly:
                    await killed.wait()
                yield piece[2 * 1024**2 :]

            headers = AUTH | {"Content-Length": str(len(piece))}
            url = f"{server.url}{FILES}/{hashed_key(piece)}"
            if (await client.put(url, content=body(), headers=headers)).status_code == 200:
                done.append(piece)

        slow = [asyncio.create_task(upload(piece, True)) for piece in pieces[3:]]
        for piece in pieces[:3]:
            await upload(piece, False)
        await server.end(signal.SIGKILL)
        killed.set()
        await asyncio.gather(*slow, return_exceptions=True)
    assert done == pieces[:3]
    async with running(tmp_path) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:
        for piece in pieces:
            answer = await client.get(f"{server.url}{FILES}/{hashed_key(piece)}", headers=AUTH)
            assert answer.status_code == (200 if piece in done else 404)
        assert names(tmp_path, "objects/blobs/*/*") == {sha256(piece) for piece in done}
        assert names(tmp_path, "objects/tmp/*.part") == set()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [(["--host", "0.0.0.0"], 2, "FILESYNC_AUTH_TOKEN"), (["--data", "/proc/nothing"], 1, "data directory")],
)
async def test_it_says_why_it_cannot_start(tmp_path: Path, flags: list[str], code: int, words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "filesync_server",
        "--port",
        "0",
        *flags,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path.cwd(),
    )
    _, errors = await process.communicate()
    assert process.returncode == code
    assert words in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_second_server_of_the_same_event_logs_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "filesync_server", "--port", "0", "--data", str(tmp_path)]
    async with running(tmp_path) as first:
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, errors = await process.communicate()
        assert process.returncode == 2
        assert f"event logs in {tmp_path}" in errors.decode()
        await first.end(signal.SIGKILL)
    async with running(tmp_path):
        pass  # nothing is left of the one that was killed


async def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as server:
        port = server.url.rpartition(":")[2]
        command = [sys.executable, "-m", "filesync_server", "--port", port, "--data", str(tmp_path / "b")]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, errors = await process.communicate()
        assert process.returncode == 1
        assert "address already in use" in errors.decode()
        assert "Traceback" not in errors.decode()
