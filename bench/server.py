"""The server beside others: its sync backend beside LiveStore's own, its data plane beside the disk.

    push 1, push 100   pushes a second by one client, each after the answer to the last, of 1 or 100 events
    fan-out            from a push to its arrival at all clients that listen: 3, and 50 of ours alone (beside
                       LiveStore's in miniflare, 50 did not come to an end in two tries; why is not known)
    pull 10,000        a new client reads a log of 10,000 events
    signer             URLs signed a second, one by one over one connection and 100 in a batch
    put, get           objects of 16 MB through the data plane; beside writing and syncing, or reading, a file

LiveStore's backend (`@livestore/sync-cf`) runs in miniflare, its local runtime, with its storage on the same
disk; on Cloudflare it is another machine. Both get the same frames from the same client. CPU is what the
server's processes used for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench._common import compare
from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.harness.processes import tree_cpu_seconds
from tests.harness.server import ServerProcess
from tests.interop.backends import CloudflareBackend
from tests.interop.clients import TOKEN
from tests.interop.packages import ensure_livestore
from tests.server.sync_client import SyncClient, event, sync_client

ROUNDS = 3
PUSHES = {1: 200, 100: 20}
FEW, MANY = 3, 50
BROADCASTS = 40
LONG_LOG = 10_000
OBJECT_BYTES = 16 * 1024**2
AUTH = {"Authorization": f"Bearer {DEVELOPMENT_TOKEN}"}
SIGNATURES = 500


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filesync-bench-")))
        (folder / "site").mkdir()
        ours = ServerProcess(folder / "site", folder / "ours", FILESYNC_LOG_LEVEL="warning")
        theirs = CloudflareBackend(ensure_livestore(), folder / "theirs")
        for server in (ours, theirs):
            server.start()
            stack.callback(server.stop)
        _sync_backends(_Backend(ours, "/sync", DEVELOPMENT_TOKEN), _Backend(theirs, "/", TOKEN))
        _signer(ours)
        _data_plane(ours, folder)
    return 0


class _Backend:
    """A sync backend to measure; each measurement has a store of its own."""

    def __init__(self, server: ServerProcess, path: str, token: str) -> None:
        self._server = server
        self._path = path
        self._token = token
        self._stores = 0

    def measure(self, work: Callable[[_Backend, str], Awaitable[float]]) -> float:
        self._stores += 1
        return asyncio.run(_awaited(work(self, f"bench-{self._stores}")))

    def client(self, store_id: str) -> Any:
        return sync_client(self._server.url, store_id, self._token, path=self._path, close_timeout=1)

    def cpu(self) -> float:
        return tree_cpu_seconds(self._server.pid)


async def _awaited(work: Awaitable[float]) -> float:
    return await work


def _sync_backends(ours: _Backend, theirs: _Backend) -> None:
    backends = {"ours": ours, "sync-cf on miniflare": theirs}
    works: list[tuple[str, str, Callable[[_Backend, str], Awaitable[float]]]] = [
        ("push 1", "pushes/s", partial(_pushes, batch=1)),
        ("push 100", "pushes/s", partial(_pushes, batch=100)),
        (f"fan-out to {FEW}", "ms", partial(_fan_out, listening=FEW)),
        (f"pull {LONG_LOG:,}", "ms", _pull),
    ]
    for name, unit, work in works:
        print(name, flush=True)
        before = {who: backend.cpu() for who, backend in backends.items()}
        compare(unit, {who: partial(backend.measure, work) for who, backend in backends.items()}, ROUNDS)
        used = {who: backend.cpu() - before[who] for who, backend in backends.items()}
        mine, other = used.values()
        print(
            f"  CPU {mine:.2f} s, theirs {other:.2f} s: {other / max(mine, 0.01):.1f} times as much",
            flush=True,
        )

    print(f"fan-out to {MANY}", flush=True)
    many = partial(ours.measure, partial(_fan_out, listening=MANY))
    compare("ms", {"ours": many}, ROUNDS)


async def _pushes(backend: _Backend, store_id: str, *, batch: int) -> float:
    async with backend.client(store_id) as client:
        began = time.perf_counter()
        await _fill(client, PUSHES[batch], batch)
        return PUSHES[batch] / (time.perf_counter() - began)


async def _fill(client: SyncClient, pushes: int, batch: int) -> None:
    for n in range(pushes):
        events = [event(number) for number in range(n * batch + 1, (n + 1) * batch + 1)]
        answer = await client.pushed(*events)
        assert answer["_tag"] == "Success", answer  # noqa: S101 - a bench of refusals would be none


async def _fan_out(backend: _Backend, store_id: str, *, listening: int) -> float:
    async with AsyncExitStack() as stack:
        pusher, *listeners = [
            await stack.enter_async_context(backend.client(store_id)) for _ in range(listening + 1)
        ]
        for listener in listeners:
            await listener.ack(await _begun(listener))
        times = []
        for number in range(1, BROADCASTS + 1):
            began = time.perf_counter()
            await pusher.push(event(number))
            await asyncio.gather(*(listener.receive() for listener in listeners))
            times.append(time.perf_counter() - began)
            for listener in listeners:
                await listener.ack("0")
            await pusher.receive()
        return sorted(times)[len(times) // 2] * 1000


async def _begun(listener: SyncClient) -> str:
    """Begin a live pull; its id, once the answer shows that it has begun."""
    request_id = await listener.pull()
    await listener.receive()
    return request_id


async def _pull(backend: _Backend, store_id: str) -> float:
    async with backend.client(store_id) as client:
        await _fill(client, LONG_LOG // 100, 100)
    async with backend.client(store_id) as client:
        began = time.perf_counter()
        _, events = await client.pull_all()
        assert len(events) == LONG_LOG  # noqa: S101
        return (time.perf_counter() - began) * 1000


def _signer(server: ServerProcess) -> None:
    print("signer", flush=True)
    with httpx.Client(base_url=server.url, headers=AUTH) as client:
        variants = {
            "one by one": partial(_signed, client, 1),
            "100 in a batch": partial(_signed, client, 100),
        }
        compare("URLs/s", variants, ROUNDS)


def _signed(client: httpx.Client, batch: int) -> float:
    began = time.perf_counter()
    for n in range(SIGNATURES // batch):
        if batch == 1:
            answer = client.post("/api/v1/sign/download", json={"key": f"bench/{n}"})
        else:
            requests = [{"op": "download", "key": f"bench/{m}"} for m in range(batch)]
            answer = client.post("/api/v1/batch", json={"requests": requests})
        answer.raise_for_status()
    return SIGNATURES / (time.perf_counter() - began)


def _data_plane(server: ServerProcess, folder: Path) -> None:
    print("put and get of 16 MB; the disk writes and syncs, or reads what is in its cache", flush=True)
    data = os.urandom(OBJECT_BYTES)
    with httpx.Client(base_url=server.url, headers=AUTH, timeout=60) as client:
        url = f"/livestore-filesync-files/bench/{hashlib.sha256(data).hexdigest()}"
        variants = {"disk": partial(_written, folder / "raw"), "put": partial(_put, client)}
        compare("MB/s", variants, ROUNDS)
        client.put(url, content=data).raise_for_status()
        compare("MB/s", {"disk": partial(_read, folder / "raw"), "get": partial(_got, client, url)}, ROUNDS)


def _rate(began: float) -> float:
    return OBJECT_BYTES / 1e6 / (time.perf_counter() - began)


def _written(file: Path) -> float:
    data, began = os.urandom(OBJECT_BYTES), time.perf_counter()
    with file.open("wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    return _rate(began)


def _put(client: httpx.Client) -> float:
    data = os.urandom(OBJECT_BYTES)
    url, began = f"/livestore-filesync-files/bench/{hashlib.sha256(data).hexdigest()}", time.perf_counter()
    client.put(url, content=data).raise_for_status()
    return _rate(began)


def _read(file: Path) -> float:
    began = time.perf_counter()
    file.read_bytes()
    return _rate(began)


def _got(client: httpx.Client, url: str) -> float:
    began = time.perf_counter()
    client.get(url).raise_for_status()
    return _rate(began)


if __name__ == "__main__":
    sys.exit(main())
