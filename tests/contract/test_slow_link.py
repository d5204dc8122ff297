"""A long log gets through a link on which it takes longer than an answer may, also when the link breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from filesync_web.environment import open_store
from filesync_web.livestore import http_transport
from filesync_web.livestore.sync_status import SyncOptions
from tests.harness import ServerProcess
from tests.harness.waiting import until
from tests.unit.livestore.support import NOTES, bodies, note_added

TOKEN = "dev-token-change-in-production"
EVENTS, BODY = 200, "x" * 5_000
ANSWER_TIMEOUT = 0.8
BYTES_PER_SECOND = 400_000
"""So the log of 1 MB takes about 2.5 s, three times as long as an answer may."""


@asynccontextmanager
async def slow_link(server: ServerProcess, break_after: int) -> AsyncIterator[str]:
    """The origin of a way to the server on which answers come slowly, and break off once."""
    left = [break_after]

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(8_000):
                if slow:
                    was_left, left[0] = left[0], left[0] - len(data)
                    if was_left > 0 >= left[0]:
                        break
                    await asyncio.sleep(len(data) / BYTES_PER_SECOND)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
        ways = pump(reader, there[1], slow=False), pump(there[0], writer, slow=True)
        await asyncio.gather(*ways, return_exceptions=True)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "break_after",
    [pytest.param(10**9, marks=pytest.mark.thorough, id="slow"), pytest.param(600_000, id="slow and broken")],
)
async def test_a_long_log_gets_through_a_slow_link(
    bare_server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_after: int
) -> None:
    monkeypatch.setattr(http_transport, "ANSWER_TIMEOUT", ANSWER_TIMEOUT)
    monkeypatch.setattr(http_transport, "ANSWER_BYTES", 50_000)
    store_id = f"slow-{break_after}"
    fast = SyncOptions(f"{bare_server.url}/sync", auth_token=TOKEN)
    here = await open_store(NOTES, store_id=store_id, sync=fast, data_dir=tmp_path / "here")
    await here.commit(*(note_added(id=f"{n}", body=BODY) for n in range(EVENTS)))
    await until(lambda: not here.sync_status.pending, "the backend has the log")
    await here.close()
    async with slow_link(bare_server, break_after) as url:
        slow = SyncOptions(f"{url}/sync", auth_token=TOKEN, transport="http")
        there = await open_store(NOTES, store_id=store_id, sync=slow, data_dir=tmp_path / "there")
        await until(lambda: len(bodies(there)) == EVENTS, "the log is there", timeout=90)
        await there.close()
