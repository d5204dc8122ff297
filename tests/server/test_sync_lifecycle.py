"""The sync backend over time: restarts, lost sockets, slow readers, broken storage, its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.sync.connection import MAX_QUEUED_BYTES
from filesync_server.sync.storage import Appended, Page, Rejection, StorageError
from filesync_web.livestore.messages import BackendIdMismatch, Event
from tests.server.support import (
    TOKEN,
    serving,
)
from tests.server.sync_client import chain, event, numbers, sync_client


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "sync.sqlite"
    found = []
    for start in (1, 4):
        hub = Hub(SqliteStorage(path))
        sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
        async with serving(Compose({"/sync": sync})) as url, sync_client(url) as client:
            assert (await client.pushed(*chain(3, start)))["_tag"] == "Success"
            found.append(await client.pull_all())
        await hub.close()
    assert found[0][0] == found[1][0]
    assert found[1][1] == chain(6)


class _Held(SqliteStorage):
    """A storage whose appends wait, once they are durable, until the test lets them go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.durable = asyncio.Event()
        self.go_on = asyncio.Event()

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        outcome = await super().append(store_id, batch, backend_id)
        self.durable.set()
        await self.go_on.wait()
        return outcome


@pytest.mark.parametrize("end", ["socket lost", "request cancelled"])
async def test_a_durable_push_is_broadcast_even_when_the_pusher_is_gone(tmp_path: Path, end: str) -> None:
    storage = _Held(tmp_path / "sync.sqlite")
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as reader:
        await reader.pull()
        await reader.receive()
        if end == "socket lost":
            async with sync_client(url) as pusher:
                await pusher.push(event(1))
                await storage.durable.wait()
                pusher.socket.transport.abort()
        else:
            batch = (Event("v1.Test", {}, 1, 0, "clientA", "sessionA"),)
            request = asyncio.create_task(hub.append("store", batch, None))
            await storage.durable.wait()
            request.cancel()
            await asyncio.wait([request])
        storage.go_on.set()
        assert numbers(await reader.receive()) == [1]
    await hub.close()


async def test_a_slow_reader_is_dropped_and_loses_nothing(hub: Hub, url: str) -> None:
    async with sync_client(url) as writer, sync_client(url, compression=None, max_queue=1) as slow:
        request_id = await slow.pull()
        backend_id = (await slow.receive())["values"][0]["backendId"]
        slow.socket.transport.pause_reading()
        big = "x" * 800_000
        count = 0
        while len(hub._rooms["store"].listeners) == 2:
            count += 1
            assert (await writer.pushed(event(count, args=big)))["_tag"] == "Success"
            assert count * len(big) < 8 * MAX_QUEUED_BYTES, "the slow reader was never dropped"
        slow.socket.transport.resume_reading()
        seen = 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                assert numbers(await slow.receive()) == [seen + 1]
                seen += 1
        assert slow.socket.close_code in {1006, 1013}
        assert request_id == "0"
    async with sync_client(url) as again:
        _, events = await again.pull_all((backend_id, seen))
        assert [item["seqNum"] for item in events] == list(range(seen + 1, count + 1))


@pytest.mark.parametrize("work", ["push", "pull"])
async def test_a_storage_that_breaks_ends_the_socket_without_a_word(tmp_path: Path, work: str) -> None:
    """A lost socket is retried; what is answered as a failure ends LiveStore's syncing for good."""

    class Breaking(SqliteStorage):
        is_broken = True

        async def append(self, *arguments: Any) -> Appended | Rejection:
            if self.is_broken:
                raise OSError("no space left")
            return await super().append(*arguments)

        async def read(self, *arguments: Any) -> Page | BackendIdMismatch:
            if self.is_broken:
                raise StorageError("no space left")
            return await super().read(*arguments)

    storage = Breaking(tmp_path / "sync.sqlite")
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url:
        async with sync_client(url) as client:
            await (client.push(event(1)) if work == "push" else client.pull())
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "")
        storage.is_broken = False
        async with sync_client(url) as client:
            assert (await client.pushed(event(1)))["_tag"] == "Success"
    await hub.close()


async def test_closing_the_hub_ends_live_pulls(tmp_path: Path) -> None:
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite"))
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as client:
        await client.pull()
        await client.receive()
        await hub.close()
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
