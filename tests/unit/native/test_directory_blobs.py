"""The directory's blob store: crashes, full disks, and what it leaves on the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from filesync_web.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    StorageError,
    StorageUnavailableError,
)
from filesync_web.native import blobs
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.incoming import Incoming
from tests.contract.site import content, sha256

HANG_IN_PUT = """
import asyncio, pathlib, sys
from filesync_web.native.blobs import DirectoryBlobStore

async def slow():
    yield b"x" * 2_000_000
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(DirectoryBlobStore(pathlib.Path(sys.argv[1]), "store").put(slow()))
"""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryBlobStore:
    return DirectoryBlobStore(tmp_path, "store")


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_the_paths_are_those_of_the_browser(store: DirectoryBlobStore, tmp_path: Path) -> None:
    info = await store.put(b"abc")
    assert files_under(tmp_path) == [f"livestore-filesync-files/store/{sha256(b'abc')}"]
    assert await store.url(info.content_hash) == (await store.open(info.content_hash)).as_uri()


async def test_a_path_is_a_source(store: DirectoryBlobStore, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content(3_000_000))
    assert (store.describe(path).name, store.describe(path).size) == ("picture.png", 3_000_000)
    assert (await store.put(path)).content_hash == sha256(content(3_000_000))
    for wrong in (tmp_path / "missing", tmp_path):
        with pytest.raises(InvalidArgumentError, match=str(wrong)):
            await store.put(wrong)


async def test_store_ids_that_could_leave_the_folder_are_refused(tmp_path: Path) -> None:
    for wrong in ("", ".", "..", "a/b", "../x"):
        with pytest.raises(InvalidArgumentError):
            DirectoryBlobStore(tmp_path, wrong)


async def test_hashes_that_are_none_reach_no_file(store: DirectoryBlobStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    await store.put(b"abc")
    assert await store.size("../../secret") is None
    await store.delete("../../secret")
    assert (tmp_path / "secret").exists()


async def test_a_killed_put_is_swept_and_a_running_one_is_not(
    store: DirectoryBlobStore, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HANG_IN_PUT, str(tmp_path), stdout=PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"written\n"
    assert await store.sweep() == 0
    process.kill()
    await process.wait()
    assert await store.list() == {}
    assert len(files_under(tmp_path)) == 1
    assert await store.sweep() == 1
    assert files_under(tmp_path) == []


async def test_partial_downloads_are_swept_after_a_week(store: DirectoryBlobStore, tmp_path: Path) -> None:
    await store.put(b"abc")
    folder = tmp_path / "livestore-filesync-incoming" / "store"
    partial = folder / f"get-{sha256(b'x')}."
    partial.write_bytes(b"some")
    assert await store.sweep() == 0
    old = time.time() - blobs.PARTIAL_LIFETIME - 60
    os.utime(partial, (old, old))
    assert await store.sweep() == 1


async def test_a_full_disk_is_a_quota_error_with_nothing_half_written(
    store: DirectoryBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Incoming.append

    def full(self: Incoming, chunk: bytes) -> None:
        if self.size:
            raise OSError(errno.ENOSPC, "No space left on device")
        written(self, chunk)

    monkeypatch.setattr(Incoming, "append", full)
    with pytest.raises(QuotaExceededError, match="No space left"):
        await store.put(content(3_000_000))
    assert files_under(tmp_path) == []


async def test_too_little_room_is_known_before_anything_is_written(
    store: DirectoryBlobStore, tmp_path: Path
) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 43)  # a sparse file takes no room
    with pytest.raises(QuotaExceededError, match="are needed"):
        await store.put(huge)


async def test_an_unusable_folder_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = DirectoryBlobStore(tmp_path / "file", "store")
    with pytest.raises(StorageUnavailableError, match="file"):
        await store.put(b"abc")
    assert await store.list() == {}


async def test_what_another_process_removes_meanwhile_is_not_listed(
    store: DirectoryBlobStore, tmp_path: Path
) -> None:
    kept = await store.put(b"kept")
    path = await store.open(kept.content_hash)
    path.with_name(sha256(b"gone")).symlink_to("nowhere")  # it has a name, and no bytes behind it
    assert await store.list() == {kept.content_hash: 4}


async def test_a_file_that_cannot_be_removed_is_a_storage_error(
    store: DirectoryBlobStore, tmp_path: Path
) -> None:
    in_the_way = (await store.open((await store.put(b"kept")).content_hash)).with_name(sha256(b"folder"))
    in_the_way.mkdir()
    with pytest.raises(StorageError, match=str(tmp_path)):
        await store.delete(in_the_way.name)


async def test_a_source_that_cannot_be_read_is_a_storage_error(
    store: DirectoryBlobStore, tmp_path: Path
) -> None:
    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(StorageError, match="Input/output error"):
        await store.put(Broken())
    assert files_under(tmp_path) == []


async def test_without_http_a_download_says_so(store: DirectoryBlobStore) -> None:
    with pytest.raises(InvalidArgumentError, match="http"):
        await store.download("http://x", {}, content_hash=sha256(b""), size=0, stall_timeout=1)


async def test_storage_status_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    store = DirectoryBlobStore(tmp_path / "a" / "b", "store")
    status = await store.storage_status()
    assert (status.available, status.persisted, status.private_mode, status.usage) == (True, True, False, 0)
    assert status.quota
    await asyncio.gather(store.put(b"abc"), store.put(b"de"))
    assert (await store.storage_status()).usage == 5
