"""Load on purpose: 500 live clients over two workers, while the database is restarted and a worker is killed;
and a reader that does not read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles

import pytest
from websockets.exceptions import ConnectionClosed

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.harness.waiting import until
from tests.server.load_client import LoadClient
from tests.server.postgres_server import PostgresServer, postgres_server
from tests.server.sync_client import event, numbers, sync_client
from tests.server.test_command import Process, running
from tests.server.test_workers import START_TIMEOUT, workers_of

CLIENTS, STORES, RATE, SECONDS = 500, 200, 20, 60
RESTART_AT, KILL_AT = 20, 40
RECOVERY = 60.0
MEGABYTE = 1024**2


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be restarted."""
    with postgres_server() as server:
        yield server


def memory_of(server: Process) -> int:
    """Bytes of all workers, shared pages counted once for each."""
    return sum(resident(pid) for pid in workers_of(server)) or resident(server.process.pid)


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.soak(minutes=3)
async def test_500_clients_of_two_workers_lose_nothing_and_get_nothing_twice(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """500 live clients, 200 stores, 20 pushes/s for 60 s; PostgreSQL restarted, a worker killed meanwhile."""
    environment = os.environ | {"FILESYNC_SYNC_DATABASE": await own_postgres.new_database()}
    async with running(tmp_path, "--workers", "2", environment=environment) as server, _together() as tasks:
        await until(lambda: len(workers_of(server)) == 2, "two workers live", timeout=START_TIMEOUT)
        before = memory_of(server)
        clients = [LoadClient(server.url, f"store-{n % STORES}", DEVELOPMENT_TOKEN) for n in range(CLIENTS)]
        tasks.extend(asyncio.create_task(client.run()) for client in clients)
        await asyncio.gather(*(client.listens() for client in clients))
        per_client = (memory_of(server) - before) / CLIENTS
        began = time.perf_counter()
        await _push_for_a_minute(server, own_postgres, clients)
        expected = [*range(1, RATE * SECONDS // STORES + 1)]
        await until(
            lambda: all(client.head >= expected[-1] for client in clients),
            "everybody has everything",
            timeout=RECOVERY,
        )
    assert [n for n, client in enumerate(clients) if [number for number, _ in client.got] != expected] == []
    assert sum(client.connects for client in clients) > CLIENTS, "those of the killed worker came back"
    told = [(at, seconds) for client in clients for at, seconds in client.told()]
    print(f"{RATE * SECONDS} pushes, {len(told)} times told to {CLIENTS} clients, none lost, none twice")
    print(f"memory of both workers: {per_client / 1024:.0f} KiB a client")
    _print_fan_out("before the faults", [seconds for at, seconds in told if at < began + RESTART_AT])
    _print_fan_out("with the faults", [seconds for _, seconds in told])


@asynccontextmanager
async def _together() -> AsyncIterator[list[asyncio.Task[None]]]:
    """Tasks that end with the block."""
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _push_for_a_minute(server: Process, postgres: PostgresServer, clients: list[LoadClient]) -> None:
    """By the first client of each store, one store after the other; returns when all pushes are in."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(_faults(server, postgres))
        for n in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
            group.create_task(clients[n % STORES].push())


async def _faults(server: Process, postgres: PostgresServer) -> None:
    await asyncio.sleep(RESTART_AT)
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    await asyncio.sleep(KILL_AT - RESTART_AT)
    os.kill(min(workers_of(server)), signal.SIGKILL)


def _print_fan_out(when: str, seconds: list[float]) -> None:
    cuts = quantiles(seconds, n=100)
    print(f"fan-out {when}: median {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms")


@pytest.mark.soak(minutes=1)
async def test_a_client_that_does_not_read_costs_bounded_memory_and_nobody_else_time(tmp_path: Path) -> None:
    """64 MB pushed past a reader that does not read: it is cut off, and the others are told at once."""
    size, count = 400_000, 160
    async with running(tmp_path) as server:
        connect = partial(sync_client, server.url, token=DEVELOPMENT_TOKEN, compression=None)
        async with connect(max_queue=1) as slow, connect() as listener, connect() as pusher:
            for client in (slow, listener):
                await client.pull()
                await client.receive()
            slow.socket.transport.pause_reading()
            before, most, latest = resident(server.process.pid), 0, 0.0
            for number in range(1, count + 1):
                began = time.perf_counter()
                assert (await pusher.pushed(event(number, args={"text": "x" * size})))["_tag"] == "Success"
                assert numbers(await listener.receive()) == [number]
                latest = max(latest, time.perf_counter() - began)
                most = max(most, resident(server.process.pid) - before)
            slow.socket.transport.resume_reading()
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await slow.receive()
            assert slow.socket.close_code in {1006, 1013}, "it was cut off"
    assert most < 64 * MEGABYTE
    print(f"{size * count / MEGABYTE:.0f} MiB pushed: the server grew by {most / MEGABYTE:.0f} MiB at most;")
    print(f"the other reader was told after {latest * 1000:.0f} ms at most")
