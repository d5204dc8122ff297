"""The walks of the engine's model, shorter, through real clients and a real server.

Each begins with a seed that is printed; `WALK_SEED` in the environment chooses the first one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.fault_proxy import FaultProxy
from tests.harness.server import ServerProcess
from tests.model.actions import OPERATIONS
from tests.model.walks import random_trace, written
from tests.server.real_world import RealWorld

STEPS = 20
SECONDS = 5.0


@pytest.fixture(scope="module")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("nothing here")
    process = ServerProcess(site, tmp_path_factory.mktemp("data"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def proxies(embedded_server: ServerProcess) -> Iterator[list[FaultProxy]]:
    """One for each client, and for the fresh one at the end."""
    made = [FaultProxy(embedded_server.port) for _ in range(4)]
    for proxy in made:
        proxy.start()
    yield made
    for proxy in made:
        proxy.stop()


async def walk(server: ServerProcess, proxies: list[FaultProxy], folder: Path, seed: int) -> None:
    """Take the walk of a seed."""
    trace, clients = random_trace(seed, STEPS), 2 + seed % 2
    world = RealWorld(server, proxies, folder / f"{seed}", f"walk{seed}", clients)
    try:
        await world.replay(trace)
    except Exception as error:
        raise AssertionError(f"seed {seed}, {clients} clients: {error!r}\n{written(trace)}") from error


def test_the_real_world_knows_every_operation_of_the_small_one() -> None:
    assert [name for name in OPERATIONS if not hasattr(RealWorld, f"op_{name}")] == []


async def take_walks(
    server: ServerProcess,
    proxies: list[FaultProxy],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    go_on: Callable[[int], bool],
) -> None:
    """Take walks from a seed that nobody has chosen, and say which."""
    first = int(os.environ.get("WALK_SEED") or random.SystemRandom().randrange(10**9))
    count = 0
    try:
        while go_on(count):
            await walk(server, proxies, folder, first + count)
            count += 1
    finally:
        with capsys.disabled():
            print(f"\n{count:,} real walks from seed {first}")


async def test_fresh_walks_converge_with_a_real_server(
    embedded_server: ServerProcess,
    proxies: list[FaultProxy],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    end = time.monotonic() + SECONDS
    await take_walks(embedded_server, proxies, tmp_path, capsys, lambda _count: time.monotonic() < end)


@pytest.mark.soak(minutes=20)
async def test_many_fresh_walks_converge_with_a_real_server(
    embedded_server: ServerProcess,
    proxies: list[FaultProxy],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """500 walks of the engine's model through real clients and a real server."""
    await take_walks(embedded_server, proxies, tmp_path, capsys, lambda count: count < 500)
