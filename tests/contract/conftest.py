"""The fixtures of the contract suites on CPython."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.server import serve
from tests.contract.site import FaultSite
from tests.contract.worlds import DirectoryWorld, MemoryWorld
from tests.harness import ServerProcess


@pytest.fixture(scope="module")
def fault_site() -> Iterator[str]:
    """The origin of the site that serves well and badly."""
    with serve(FaultSite()) as url:
        yield url


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The real server, with an empty site."""
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("nothing here")
    process = ServerProcess(site, tmp_path_factory.mktemp("data"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def memory_world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture
async def directory_world(tmp_path: Path, fault_site: str) -> AsyncIterator[DirectoryWorld]:
    world = DirectoryWorld(tmp_path, fault_site)
    yield world
    await world.http.close()
