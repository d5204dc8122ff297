"""What the real LiveStore does when this server refuses, breaks or ends: it goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.shared.hosts import HostCheck
from filesync_server.sync.storage import Appended, Page, Rejection, StorageError
from filesync_web.livestore.messages import BackendIdMismatch
from tests.harness.waiting import until
from tests.interop.clients import Device, Event, LiveStoreClient
from tests.interop.livestore_process import LiveStoreProcess
from tests.interop.packages import ensure_livestore
from tests.server.support import TOKEN, serving

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(600),  # the first test fetches LiveStore
]

SCRIPT = Path(__file__).parent / "node" / "http_push.mjs"
SLOW = 60.0


class Storage(SqliteStorage):
    """Can be used, or not."""

    is_broken = False
    refusals = 0

    async def append(self, *arguments: Any) -> Appended | Rejection:
        self._check()
        return await super().append(*arguments)

    async def read(self, *arguments: Any) -> Page | BackendIdMismatch:
        self._check()
        return await super().read(*arguments)

    def _check(self) -> None:
        if self.is_broken:
            self.refusals += 1
            raise StorageError("the test says no")


@pytest.fixture(scope="module")
def scripts() -> Path:
    folder = ensure_livestore()
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.fixture(scope="module")
def node(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStoreProcess]:
    """The process of all LiveStore clients."""
    process = LiveStoreProcess(scripts, tmp_path_factory.mktemp("node") / "log")
    yield process
    process.stop()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "sync.sqlite")


@pytest.fixture
async def hub(storage: Storage) -> AsyncIterator[Hub]:
    hub = Hub(storage)
    yield hub
    await hub.close()


def backend(hub: Hub) -> ASGIApp:
    return create_sync_backend(hub, authenticate=token_auth(TOKEN))


# --- over HTTP ----------------------------------------------------------------------------------------------


async def push_by_http(scripts: Path, app: ASGIApp, token: str = TOKEN) -> str:
    """How a push of LiveStore's HTTP client ends."""
    async with serving(app) as url:
        command = ["node", scripts / SCRIPT.name, f"{url}/sync", token]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(SLOW):
            output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


async def test_a_push_over_http(scripts: Path, hub: Hub) -> None:
    assert await push_by_http(scripts, Compose({"/sync": backend(hub)})) == "success"


@pytest.mark.parametrize(
    "why",
    [
        "token",
        "storage",
        *(pytest.param(why, marks=pytest.mark.thorough) for why in ("host", "size", "path")),
    ],
)
async def test_a_refusal_over_http_is_an_error_that_livestore_tries_again(
    scripts: Path, hub: Hub, storage: Storage, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: ASGIApp = Compose({"/sync": backend(hub)})
    token = "wrong" if why == "token" else TOKEN
    storage.is_broken = why == "storage"
    if why == "host":
        monkeypatch.setattr(HostCheck, "_admits", lambda *_: False)
        app = HostCheck(app, [])
    elif why == "size":
        monkeypatch.setattr("filesync_server.sync.backend.MAX_FRAME_BYTES", 10)
    elif why == "path":
        app = Compose({"/": backend(hub)})
    assert await push_by_http(scripts, app, token) == "UnknownError"


@pytest.mark.thorough
async def test_json_instead_would_end_livestores_syncing(scripts: Path) -> None:
    """Why refusals are plain text. When this changes, they may be JSON like all others."""
    refusal = JSONResponse({"error": "no"}, 400)
    assert await push_by_http(scripts, Compose({"/sync": refusal})) == "Die"


# --- over a WebSocket ---------------------------------------------------------------------------------------


def created(file_id: str) -> Event:
    return "v1.FileCreated", {
        "id": file_id,
        "path": f"livestore-filesync-files/shop/{'0' * 64}",
        "contentHash": "0" * 64,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.001Z",
    }


class Pair:
    """Two LiveStore clients of one store on this server."""

    def __init__(self, one: LiveStoreClient, other: LiveStoreClient) -> None:
        self.one = one
        self.other = other

    async def exchange(self, *ids: str) -> None:
        """Both commit, one after the other, and both have everything. When LiveStore's client commits at the
        moment in which an event arrives, its own may get a number that every backend refuses."""
        await self.one.commit(created(ids[-2]))
        await self.other.wait_for_files(*ids[:-1])
        await self.other.commit(created(ids[-1]))
        await self.one.wait_for_files(*ids)
        await self.other.wait_for_files(*ids)


@pytest.fixture
async def pair(node: LiveStoreProcess, hub: Hub, tmp_path: Path, store_id: str) -> AsyncIterator[Pair]:
    async with serving(Compose({"/sync": backend(hub)})) as url:
        address = f"{url.replace('http', 'ws')}/sync"
        clients = [
            await LiveStoreClient.open(node, Device(tmp_path / name, store_id, address, token=TOKEN))
            for name in ("one", "other")
        ]
        yield Pair(*clients)
        for client in clients:
            await client.close()


async def test_livestore_goes_on_after_its_sockets_were_closed(pair: Pair, hub: Hub, store_id: str) -> None:
    await pair.exchange("a", "b")
    hub._rooms[store_id].shut_down()  # as when a log was replaced, or the server ends
    await pair.exchange("a", "b", "c", "d")


async def test_livestore_goes_on_after_the_logs_could_not_be_used(pair: Pair, storage: Storage) -> None:
    await pair.exchange("a", "b")
    storage.is_broken = True
    await pair.one.commit(created("c"))
    await until(lambda: storage.refusals >= 3, "a push and what came after it were refused", timeout=SLOW)
    storage.is_broken = False
    await pair.other.wait_for_files("a", "b", "c")
    await pair.exchange("a", "b", "c", "d", "e")
