"""Backends, clients and the lines between them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.server import ServerProcess
from tests.interop.backends import CloudflareBackend
from tests.interop.clients import TOKEN, Client, Device, LiveStoreClient, PythonClient
from tests.interop.line import Line
from tests.interop.livestore_process import LiveStoreProcess
from tests.interop.packages import ensure_livestore

OpenClient = Callable[[str, Device], Awaitable[Client]]


@pytest.fixture(scope="session")
def scripts() -> Path:
    return ensure_livestore()


@pytest.fixture(scope="session")
def filesync_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """This kit's server, without a site."""
    process = ServerProcess(
        tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("filesync"), FILESYNC_AUTH_TOKEN=TOKEN
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def cloudflare_backend(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """LiveStore's own backend."""
    process = CloudflareBackend(scripts, tmp_path_factory.mktemp("cloudflare"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def node(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStoreProcess]:
    """The process of all LiveStore clients."""
    process = LiveStoreProcess(scripts, tmp_path_factory.mktemp("node") / "log")
    yield process
    process.stop()


@pytest.fixture
async def open_client(request: pytest.FixtureRequest) -> AsyncIterator[OpenClient]:
    """Open a client on a device: `await open_client("python", device)`; it is closed when the test ends."""
    opened: list[Client] = []

    async def open_one(kind: str, device: Device) -> Client:
        client: Client
        if kind == "python":
            client = await PythonClient.open(device)
        else:
            client = await LiveStoreClient.open(request.getfixturevalue("node"), device)
        opened.append(client)
        return client

    yield open_one
    await asyncio.gather(*(client.close() for client in opened))


@pytest.fixture
async def new_line(backend: ServerProcess) -> AsyncIterator[Callable[[], Awaitable[Line]]]:
    """Lay another line to the test's backend."""
    made: list[Line] = []

    async def make() -> Line:
        made.append(Line(backend.port))
        await made[-1].mend()
        return made[-1]

    yield make
    for line in made:
        await line.close()


@pytest.fixture
def new_device(tmp_path: Path, store_id: str) -> Callable[..., Device]:
    """Make another device of the test's store: `new_device(line.port, app="notes")`."""
    numbers = itertools.count()

    def make(port: int, **options: str) -> Device:
        folder = tmp_path / f"device-{next(numbers)}"
        return Device(folder, store_id, f"ws://127.0.0.1:{port}/sync", **options)

    return make
