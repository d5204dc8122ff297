"""Processes with one folder hear each other, whatever their temporary folder is and however long the path."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from filesync_web.livestore.ports import LOG_CHANGED, Message
from filesync_web.native import tabs
from filesync_web.native.tabs import ProcessChannel

OTHER = """
import asyncio, pathlib, sys
from filesync_web.native.tabs import ProcessChannel

async def main():
    channel = ProcessChannel(pathlib.Path(sys.argv[1]))
    def answer(message):
        if message["type"] == "question":
            channel.post({"type": "answer"})
    channel.listen(answer)
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    channel.close()

asyncio.run(main())
"""


def folder_of(base: Path, length: int) -> Path:
    """A folder whose path has about that many characters."""
    while len(str(base)) < length:
        base /= "x" * min(60, max(1, length - len(str(base)) - 1))
    base.mkdir(parents=True, exist_ok=True)
    return base


@asynccontextmanager
async def heard_in(folder: Path) -> AsyncIterator[tuple[ProcessChannel, asyncio.Queue[Message]]]:
    channel, heard = ProcessChannel(folder), asyncio.Queue()
    channel.listen(heard.put_nowait)
    try:
        yield channel, heard
    finally:
        channel.close()


@pytest.mark.parametrize("length", [0, 95, 110, 400])
async def test_processes_with_other_temporary_folders_hear_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(tabs, "LOOK_EVERY", 100.0)  # however long the other one takes to start
    folder = folder_of(tmp_path, length) / "processes"
    environment = {**os.environ, "TMPDIR": str(folder_of(tmp_path / "t", 150))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OTHER, str(folder)),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    async with asyncio.timeout(30), heard_in(folder) as (channel, heard):
        assert await process.stdout.readline() == b"open\n"
        channel.post({"type": "question"})
        assert await heard.get() == {"type": "answer"}
        process.stdin.close()
        await process.wait()
    assert list(folder.iterdir()) == []


async def test_without_sockets_the_log_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoSocket(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError("this file system has no sockets")

    monkeypatch.setattr(socket, "socket", NoSocket)
    monkeypatch.setattr(tabs, "LOOK_EVERY", 0.01)
    async with asyncio.timeout(30), heard_in(tmp_path / "processes") as (channel, heard):
        channel.post({"type": "nobody hears"})
        for _ in range(3):
            assert await heard.get() == {"type": LOG_CHANGED}
    await asyncio.sleep(0.03)
    assert heard.qsize() <= 1
    assert "has no sockets" in caplog.text


async def test_a_message_that_was_lost_is_made_up_for_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabs, "LOOK_EVERY", 0.01)
    async with asyncio.timeout(30), heard_in(tmp_path / "processes") as (_channel, heard):
        assert await heard.get() == {"type": LOG_CHANGED}


async def test_the_socket_of_a_process_that_died_is_removed_by_who_finds_it(tmp_path: Path) -> None:
    folder = tmp_path / "processes"
    async with heard_in(folder) as (channel, _heard):
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        dead.bind(str(folder / "dead"))
        dead.close()
        channel.post({"type": "anybody?"})
        assert len(list(folder.iterdir())) == 1


async def test_nothing_that_is_sent_here_does_harm(tmp_path: Path) -> None:
    folder = tmp_path / "processes"
    async with asyncio.timeout(30), heard_in(folder) as (_channel, heard):
        (own,) = folder.iterdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for data in (b"", b"nonsense", b"[" * 100_000, b"\xff", b"[1]", b"5", b'{"type": "last"}'):
                sender.sendto(data, str(own))
        assert await heard.get() == {"type": "last"}


async def test_a_socket_that_does_not_hear_yet_is_let_be(tmp_path: Path) -> None:
    """Between its bind and its name, nobody may take it for one of a dead process."""
    folder = tmp_path / "processes"
    async with heard_in(folder) as (channel, _):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(folder / ".new"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(folder / "dead"))
        channel.post({"type": "hello"})
        assert (folder / ".new").exists()
        assert not (folder / "dead").exists()
