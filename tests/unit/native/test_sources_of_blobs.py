"""The directory's blob store, and sources that fail: whose error it is."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.core.metadata import parse_metadata
from filesync_web.errors import InvalidArgumentError, StorageError
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.ports import BlobStore
from filesync_web.testing import MemoryBlobStore
from tests.contract.site import content

FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryBlobStore:
    return DirectoryBlobStore(tmp_path / "data", "store")


async def assert_nothing_is_left(store: BlobStore) -> None:
    assert await store.list() == {}
    assert await store.sweep() == 0


def failing(error: OSError) -> Any:
    def fail(*_args: object, **_options: object) -> Any:
        raise error

    return fail


async def test_a_path_that_cannot_be_opened_is_named_and_not_the_store(
    store: DirectoryBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "secret.txt"
    source.write_bytes(b"secret")
    # A test that runs as root may open everything.
    monkeypatch.setattr(Path, "open", failing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(
        StorageError, match=r"source .*secret\.txt cannot be read .*Permission denied"
    ) as caught:
        await store.put(source)
    assert type(caught.value) is StorageError
    assert str(store._root) not in str(caught.value)
    await assert_nothing_is_left(store)


async def test_a_path_that_cannot_be_looked_at_is_no_argument(
    store: DirectoryBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", failing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(InvalidArgumentError, match=r"locked/a\.txt .*Permission denied"):
        store.describe(tmp_path / "locked" / "a.txt")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ECONNRESET])
async def test_a_file_that_cannot_be_read_is_named_and_not_the_store(
    store: DirectoryBlobStore, number: int
) -> None:
    class Broken:
        name = "/mnt/share/film.mp4"

        def read(self, _size: int) -> bytes:
            raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError, match=r"source /mnt/share/film\.mp4 cannot be read") as caught:
        await store.put(Broken())
    assert type(caught.value) is StorageError
    await assert_nothing_is_left(store)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "the camera is full"), ConnectionResetError("the peer is gone")]
)
async def test_what_an_iterator_raises_goes_through_unchanged(
    store: DirectoryBlobStore, error: OSError
) -> None:
    async def recording() -> AsyncIterator[bytes]:
        yield b"abc"
        raise error

    with pytest.raises(OSError, match=r"is full|is gone") as caught:
        await store.put(recording())
    assert caught.value is error
    await assert_nothing_is_left(store)


@pytest.mark.parametrize("size", [0, 2_000_000, 4_000_000])
@pytest.mark.parametrize("kind", [DirectoryBlobStore, MemoryBlobStore])
async def test_a_file_that_changes_while_it_is_read_is_not_stored(
    store: DirectoryBlobStore, tmp_path: Path, kind: type, size: int
) -> None:
    source = tmp_path / "log.txt"
    source.write_bytes(content(3_000_000))
    blobs = store if kind is DirectoryBlobStore else MemoryBlobStore()

    def change(_done: int, _total: int) -> None:
        os.truncate(source, size)

    with pytest.raises(StorageError, match=r"changed while it was read: .* instead of 3000000"):
        await blobs.put(source, progress=change)
    await assert_nothing_is_left(blobs)


@pytest.fixture
def strangely_named(tmp_path: Path) -> Path:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.txt"))
    path.write_bytes(b"coffee")
    return path


async def test_a_name_that_is_no_utf_8_can_be_saved(strangely_named: Path, tmp_path: Path) -> None:
    store = await fs.open_store(SCHEMA, store_id="names", data_dir=tmp_path / "data")
    sync = await fs.create_file_sync(store, remote=None)
    try:
        await sync.save_file(strangely_named)
        with await asyncio.to_thread(strangely_named.open, "rb") as file:
            await sync.save_file(file)
        rows = store.query(FILES.tables.files)
    finally:
        await sync.dispose()
        await store.close()
    assert [parse_metadata(row.metadata_json).name for row in rows] == ["caf?.txt", "caf?.txt"]


async def test_a_path_may_be_text(store: DirectoryBlobStore, tmp_path: Path) -> None:
    path = tmp_path / "named.txt"
    path.write_bytes(b"content")
    assert store.describe(str(path)) == store.describe(path)
    info = await store.put(str(path))
    assert await store.size(info.content_hash) == 7
