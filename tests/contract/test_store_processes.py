"""Several processes with one store: they see each other's commits, one of them syncs, another takes over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from filesync_web.environment import open_store
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import MetadataSyncStatus, SyncOptions
from tests.harness import ServerProcess
from tests.harness.waiting import until
from tests.unit.livestore.support import NOTES, bodies, note_added

TOKEN = "dev-token-change-in-production"


class StoreProcess:
    """Another process with the store; see `store_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def commit(self, note: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"commit {note}\n".encode())
        await self.process.stdin.drain()

    async def says(self, *wanted: str) -> None:
        """Wait until it has said all of these."""
        assert self.process.stdout is not None
        left = set(wanted)
        async with asyncio.timeout(30):
            while left:
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended, and did not say {left}"
                left.discard(line.strip())

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


NewProcess = Callable[[], Awaitable[StoreProcess]]


@pytest.fixture
async def new_process(bare_server: ServerProcess, tmp_path: Path) -> AsyncIterator[NewProcess]:
    started: list[StoreProcess] = []

    async def start() -> StoreProcess:
        command = [sys.executable, "-m", "tests.contract.store_process"]
        arguments = [str(tmp_path / "device"), f"{bare_server.url}/sync", TOKEN]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        started.append(StoreProcess(await asyncio.create_subprocess_exec(*command, *arguments, **pipes)))
        await started[-1].says("open")
        return started[-1]

    yield start
    for process in started:
        if process.process.returncode is None:
            await process.kill()


async def open_here(bare_server: ServerProcess, tmp_path: Path, device: str) -> Store:
    sync = SyncOptions(f"{bare_server.url}/sync", auth_token=TOKEN)
    return await open_store(NOTES, store_id="shared", sync=sync, data_dir=tmp_path / device)


async def test_processes_share_a_store_and_survive_each_other(
    bare_server: ServerProcess, new_process: NewProcess, tmp_path: Path
) -> None:
    first = await new_process()
    await first.says("leads")
    second = await new_process()
    here = await open_here(bare_server, tmp_path, "device")
    assert not here.leader

    for n in range(20):
        await asyncio.gather(
            first.commit(f"first{n}"), second.commit(f"second{n}"), here.commit(note_added(id=f"here{n}"))
        )
    notes = [f"{who}{n}" for who in ("first", "second", "here") for n in range(20)]
    await asyncio.gather(*(process.says(*(f"seen {note}" for note in notes)) for process in (first, second)))
    synced = MetadataSyncStatus(connected=True, caught_up=True)
    await until(lambda: len(bodies(here)) == 60 and here.sync_status == synced, "it has all")

    await first.kill()  # it led
    await here.commit(note_added(id="after"))
    await second.says("seen after")
    await until(lambda: here.sync_status.pending == 0 and here.sync_status.connected, "it has synced")
    await second.kill()
    await until(lambda: here.leader, "it leads")
    await here.commit(note_added(id="alone"))

    elsewhere = await open_here(bare_server, tmp_path, "another device")
    await until(lambda: len(bodies(elsewhere)) == 62, "another device has all")
    # Each event is in the backend once: the head that the other device has pulled is their number.
    assert elsewhere._replica.position.confirmed == 62
    await elsewhere.close()
    await here.close()
