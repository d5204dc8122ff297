"""A file that is larger than Python's memory can be, in a worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.memory import Memory

GIB = 5
SECONDS = 900.0


@run_in_pyodide
async def create(selenium: PyodidePage, store_id: str, mib: int) -> None:
    """Each block begins with its number."""
    import os

    from tests.in_page import kept
    from tests.in_page.client import open_client

    _store, sync = await open_client(store_id)
    rest = os.urandom((1 << 20) - 8)
    async with sync.create_file("huge.bin") as file:
        for number in range(mib):
            file.write(number.to_bytes(8))
            file.write(rest)
            await file.drain()
    kept.file_id, kept.rest = file.result.file_id, rest


@run_in_pyodide
async def read(selenium: PyodidePage, mib: int) -> None:
    """Read all over, by `open_file` and in the mounted folder, and then the whole."""
    import random
    from pathlib import Path

    from tests.in_page import kept

    mounted = await kept.sync.mount()
    await mounted.ready()
    path = Path("/files/huge.bin")
    assert path.stat().st_size == mib << 20
    chance = random.Random(1)
    async with kept.sync.open_file(kept.file_id) as by_id:
        with path.open("rb") as by_name:
            for file in (by_id, by_name):
                for _ in range(500):
                    number = chance.randrange(mib)
                    file.seek(number << 20)
                    assert file.read(65536) == number.to_bytes(8) + kept.rest[: 65536 - 8]
        by_id.seek(0)
        for number in range(mib):
            block = by_id.read(1 << 20)
            assert block[:8] == number.to_bytes(8)
            assert block[8:] == kept.rest
        assert by_id.read(1) == b""
    await mounted.unmount()


@run_in_pyodide
async def clear(selenium: PyodidePage) -> None:
    from tests.in_page import kept
    from tests.in_page.client import close_client

    await kept.sync.delete_file(kept.file_id, purge=True)
    await kept.sync.collect_garbage()
    await close_client()


@pytest.mark.only_in("chromium", reason="only DevTools collect garbage before memory is measured")
@pytest.mark.soak(minutes=10)
def test_a_file_of_5_gib_is_written_and_read_in_little_memory(
    new_profile: Callable[[], Profile], store_id: str, tmp_path: Path
) -> None:
    """More than Pyodide's memory can ever be: written, read all over and as a whole, in a worker."""
    free = shutil.disk_usage(tmp_path).free >> 30
    if free < 2 * GIB:
        pytest.skip(f"the disk has {free} GiB free, and the file of {GIB} GiB wants some more beside it")
    profile = new_profile()
    page = open_pyodide_page(profile.open(), "worker")
    page.set_script_timeout(SECONDS)
    debugger = page.context.new_cdp_session(page.driver)
    for step in (lambda: create(page, store_id, GIB << 10), lambda: read(page, GIB << 10)):
        debugger.send("HeapProfiler.collectGarbage")
        memory = Memory(profile.folder)
        at_rest = memory.resident(memory.renderers)
        memory.reset()
        step()
        grown = memory.peak(memory.renderers) - at_rest
        print(f"the renderers grew by {grown:.0f} MiB")
        assert grown < 64
    clear(page)
