"""The contract of locks, in memory and on lock files."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from filesync_web.native.locks import FileLocks
from filesync_web.testing import MemoryLocks
from tests.contract.locks import LocksContract
from tests.harness.waiting import TIMEOUT

HOLD = """
import asyncio, pathlib, sys
from filesync_web.native.locks import FileLocks

async def main():
    async with FileLocks(pathlib.Path(sys.argv[1])).hold("x", exclusive=True):
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


class TestMemoryLocks(LocksContract):
    @pytest.fixture
    def locks(self) -> MemoryLocks:
        return MemoryLocks()


class TestFileLocks(LocksContract):
    @pytest.fixture
    def locks(self, tmp_path: Path) -> FileLocks:
        return FileLocks(tmp_path)

    async def test_no_lock_file_is_left(self, locks: FileLocks, tmp_path: Path) -> None:
        async def use(exclusive: bool) -> None:
            async with locks.hold("x", exclusive=exclusive):
                await asyncio.sleep(0)

        await asyncio.gather(*(use(exclusive) for exclusive in (True, False, False, True) * 5))
        assert list((tmp_path / "locks").iterdir()) == []

    @pytest.mark.parametrize("end", ["terminate", "kill"])
    async def test_another_process_excludes_and_its_end_releases(
        self, locks: FileLocks, tmp_path: Path, end: str
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, str(tmp_path), stdin=PIPE, stdout=PIPE
        )
        assert process.stdout
        assert await process.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), locks.hold("x", exclusive=False):
                pass
        getattr(process, end)()
        async with asyncio.timeout(TIMEOUT), locks.hold("x", exclusive=True):
            await process.wait()
