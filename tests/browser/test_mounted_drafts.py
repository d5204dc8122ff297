"""Large files that are written into the mounted tree: where their bytes are until they are saved."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.pyodide_page import Kind


@run_in_pyodide
async def compare_drafts(selenium: PyodidePage, store_id: str, seed: int) -> None:
    """Do the same to a draft in memory and to those of this place."""
    import random

    from filesync_web.aio.tasks import Tasks
    from filesync_web.browser import mounted_drafts
    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.browser.js_util import in_worker
    from filesync_web.core.drafts import MemoryDraft

    chance, blobs, tasks = random.Random(seed), OpfsBlobStore(store_id), Tasks("drafts")
    drafts = mounted_drafts.Drafts(blobs, tasks)
    whole, most = mounted_drafts.PIECE_SIZE, mounted_drafts.MOST_PAGES
    mounted_drafts.PIECE_SIZE, mounted_drafts.MOST_PAGES = 1000, 2
    try:
        await drafts.prepare()
        others = [drafts.new(), mounted_drafts.BlobDraft()]
        usual = mounted_drafts.FileDraft if in_worker() else mounted_drafts.BlobDraft
        assert isinstance(others[0], usual)
        memory = MemoryDraft()
        for _ in range(300):
            place, data = chance.randrange(9000), chance.randbytes(chance.choice([0, 1, 700, 3000]))
            if chance.random() < 0.2:
                for draft in (memory, *others):
                    draft.truncate(place)
            else:
                for draft in (memory, *others):
                    draft.write(place, memoryview(data))
            place, size = chance.randrange(9000), chance.choice([1, 500, 20_000])
            expected = memory.snapshot()[place : place + size]
            for draft in others:
                found = bytearray(size)
                assert draft.size == memory.size
                assert draft.read_into(place, memoryview(found)) == len(expected)
                assert found[: len(expected)] == expected
        for draft in others:
            info = await blobs.put(draft.snapshot())
            assert await blobs.read(info.content_hash) == memory.snapshot()
            draft.close()
    finally:
        mounted_drafts.PIECE_SIZE, mounted_drafts.MOST_PAGES = whole, most
        await tasks.cancel_and_wait()
        await drafts.close()
        blobs.close()


def test_any_draft_is_like_one_in_memory(selenium_everywhere: PyodidePage, store_id: str) -> None:
    seed = secrets.randbelow(1 << 30)
    print(f"seed {seed}")  # to do it again
    compare_drafts(selenium_everywhere, store_id, seed)


@pytest.mark.thorough
@run_in_pyodide
async def test_a_large_file_is_written_read_and_changed(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import hashlib
    from pathlib import Path

    from tests.in_page.blobs import wait_for_none_left
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    mounted = await sync.mount()
    try:
        await mounted.ready()
        content = b"".join(bytes([number]) * (1 << 20) for number in range(12))
        with open("/files/large.bin", "wb") as file:
            file.writelines(content[at : at + (1 << 18)] for at in range(0, len(content), 1 << 18))
        assert Path("/files/large.bin").read_bytes() == content
        await mounted.flush()
        saved = mounted._stored.find("large.bin")
        assert saved.content_hash == hashlib.sha256(content).hexdigest()
        with open("/files/large.bin", "r+b") as file:
            file.seek(5 << 20)
            file.write(b"changed")
        await mounted.flush()
        content = content[: 5 << 20] + b"changed" + content[(5 << 20) + 7 :]
        assert mounted._stored.find("large.bin").content_hash == hashlib.sha256(content).hexdigest()
        await mounted.unmount()
        await sync.collect_garbage()
        await wait_for_none_left(store_id)
    finally:
        await close_client()


@run_in_pyodide
async def write_half(selenium: PyodidePage, store_id: str) -> None:
    """Begin new content of a file, and a new file, and do not end; another one is closed."""
    from tests.in_page import kept
    from tests.in_page.client import open_client

    _store, sync = await open_client(store_id)
    await sync.save_file(b"old content", name="old.txt")
    mounted = await sync.mount()
    await mounted.ready()
    kept.files = [open(f"/files/{name}.txt", "wb") for name in ("old", "new")]
    for file in kept.files:
        file.write(bytes(5 << 20) + b"half of ")
        file.flush()
    await mounted.flush()
    with open("/files/closed.txt", "wb") as file:
        file.write(b"whole" * (1 << 20))


@run_in_pyodide
async def look(selenium: PyodidePage, store_id: str) -> None:
    import os
    from pathlib import Path

    from tests.in_page.blobs import wait_for_none_left
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        mounted = await sync.mount()
        await mounted.ready()
        assert {*os.listdir("/files")} - {"closed.txt"} == {"old.txt"}
        assert Path("/files/old.txt").read_bytes() == b"old content"
        if os.path.exists("/files/closed.txt"):
            assert Path("/files/closed.txt").read_bytes() == b"whole" * (1 << 20)
        await sync.collect_garbage()
        await mounted.unmount()
        await sync.collect_garbage()
        await wait_for_none_left(store_id)
    finally:
        await close_client()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["bare", "worker"])
def test_who_is_killed_while_writing_leaves_the_old_content(
    new_profile: Callable[[], Profile], store_id: str, kind: Kind
) -> None:
    profile = new_profile()
    write_half(open_pyodide_page(profile.open(), kind), store_id)
    profile.kill()
    look(open_pyodide_page(profile.open(), kind), store_id)
