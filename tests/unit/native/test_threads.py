"""Blocking calls in threads: what a cancelled one may still be using."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from filesync_web import sources
from filesync_web.aio.threads import in_thread
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.http import HttpxHttp
from filesync_web.native.incoming import Incoming


class Held:
    """A call that a test holds in its thread."""

    def __init__(self) -> None:
        self.began, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.began.set()
        self.go.wait(10)
        self.ended.set()

    async def begin(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 10)


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.go.set()


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_call_has_ended_when_its_cancelling_comes_out(held: Held, times: int) -> None:
    task = asyncio.create_task(in_thread(held))
    await held.begin()
    for _ in range(times):
        task.cancel()
        await turn()
    assert not task.done()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert held.ended.is_set()


async def test_the_end_of_the_program_waits_too(held: Held) -> None:
    task = asyncio.create_task(in_thread(held))
    await held.begin()
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        other.cancel()  # as `asyncio.run` does
    await turn()
    assert not task.done()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert held.ended.is_set()


async def test_a_put_that_is_cancelled_twice_leaves_its_file_to_the_write(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def append(self: Incoming, _chunk: bytes) -> None:
        held()
        seen.append(bool(os.fstat(self.descriptor)))

    monkeypatch.setattr(Incoming, "append", append)
    task = asyncio.create_task(DirectoryBlobStore(tmp_path, "store").put(b"abc"))
    await held.begin()
    task.cancel()
    await turn()
    task.cancel()
    await turn()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [True]


async def read_source(path: Path) -> None:
    async for _ in sources.chunks(path):
        pass


async def upload(path: Path) -> None:
    http = HttpxHttp()
    server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    writers: list[asyncio.StreamWriter] = []
    async with server:
        try:
            port = server.sockets[0].getsockname()[1]
            await http.upload("PUT", f"http://127.0.0.1:{port}/", headers={}, blob=path, stall_timeout=20)
        finally:
            await http.close()
            for writer in writers:
                writer.close()


@pytest.mark.parametrize("use", [read_source, upload])
async def test_a_file_is_closed_when_its_opening_is_cancelled(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Path], Awaitable[None]]
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    opened: list[BinaryIO] = []
    open_path: Any = Path.open

    def slow(self: Path, mode: str) -> BinaryIO:
        held()
        opened.append(open_path(self, mode))
        return opened[-1]

    monkeypatch.setattr(Path, "open", slow)
    task = asyncio.ensure_future(use(path))
    await held.begin()
    task.cancel()
    await turn()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [file.closed for file in opened] == [True]


async def test_a_read_that_may_never_end_is_let_go_of(held: Held) -> None:
    class Pipe:
        def read(self, _size: int) -> bytes:
            held()
            return b""

    task = asyncio.create_task(anext(sources.chunks(Pipe())))
    await held.begin()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not held.ended.is_set()
