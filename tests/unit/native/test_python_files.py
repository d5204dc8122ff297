"""Files as Python's own file objects on CPython: real files, threads, and what a killed process leaves."""

from __future__ import annotations

import asyncio
import csv
import errno
import os
import sys
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

import filesync_web as fs
from filesync_web.native.incoming import Incoming
from tests.in_page.client import SCHEMA

HANG_IN_WRITE = """
import asyncio, pathlib, sys
import filesync_web as fs
from tests.in_page.client import SCHEMA

async def main():
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=sys.argv[1])
    sync = await fs.create_file_sync(store, remote=None)
    saved = await sync.save_file(b"old content")
    async with sync.create_file(file_id=saved.file_id) as file, sync.create_file("new") as other:
        file.write(bytes(2_000_000))
        other.write(bytes(2_000_000))
        print(saved.file_id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def a_file_sync(folder: Path, *, keeps_versions: bool = True) -> AsyncIterator[fs.FileSync]:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=folder)
    if not keeps_versions:
        none = {"keep_last": 0, "keep_ms": 0, "trash_ms": 0}
        await store.commit(SCHEMA.events.file_version_policy_set(**none, edit_revives=True))
    sync = await fs.create_file_sync(store, remote=None)
    try:
        yield sync
    finally:
        await sync.dispose()
        await store.close()


def files_under(folder: Path, name: str) -> list[str]:
    return [path.name for path in (folder / name / "s").iterdir()]


async def test_threads_read_one_file_and_libraries_seek_in_it(tmp_path: Path) -> None:
    async with a_file_sync(tmp_path) as sync:
        async with sync.create_file("a.zip") as new:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
                for number in range(20):
                    archive.writestr(str(number), bytes([number]) * 100_000)
        async with sync.open_file(new.result.file_id) as file:
            archive = zipfile.ZipFile(file)
            members = [asyncio.to_thread(archive.read, str(number)) for number in range(20)]
            assert await asyncio.gather(*members) == [bytes([number]) * 100_000 for number in range(20)]
        async with sync.create_file("a.tiff") as picture:
            Image.new("RGB", (30, 20), "red").save(picture, "tiff")
        async with (
            sync.open_file(picture.result.file_id) as file,
            sync.open_file(new.result.file_id) as other,
        ):
            image = Image.open(file)
            assert (image.size, image.getpixel((29, 19))) == ((30, 20), (255, 0, 0))
            assert zipfile.is_zipfile(other)


async def test_an_open_file_survives_its_deletion(tmp_path: Path) -> None:
    async with a_file_sync(tmp_path) as sync:
        saved = await sync.save_file(b"a,b\n1,2\n" * 1000)
        async with sync.open_file(saved.file_id, text=True, newline="", buffer_size=16) as text:
            rows = csv.reader(text)
            assert next(rows) == ["a", "b"]
            await sync.delete_file(saved.file_id, purge=True)
            await sync.collect_garbage()
            assert files_under(tmp_path, "livestore-filesync-files") == []
            assert len(list(rows)) == 1999


async def test_the_path_of_a_file_holds_while_it_has_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with a_file_sync(Path("data"), keeps_versions=False) as sync:
        saved = await sync.save_file(b"one")
        path = sync.local_path(saved.file_id)
        assert path == sync.local_path(saved.path) == tmp_path / "data" / saved.path
        assert path.read_bytes() == b"one"
        with path.open("rb") as opened:
            await sync.update_file(saved.file_id, b"two")
            await sync.collect_garbage()
            assert not path.exists()
            assert opened.read() == b"one"  # whoever has it open reads on
        assert sync.local_path(saved.file_id).read_bytes() == b"two"
        sync.local_path(saved.file_id).unlink()  # as an eviction does
        with pytest.raises(fs.BlobNotFoundError, match="read_file") as missing:
            sync.local_path(saved.file_id)
        assert isinstance(missing.value, FileNotFoundError)
        await sync.delete_file(saved.file_id)
        with pytest.raises(fs.UnknownFileError) as unknown:
            sync.local_path(saved.file_id)
        assert isinstance(unknown.value, FileNotFoundError)


async def test_a_process_that_is_killed_while_it_writes_leaves_the_old_content(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HANG_IN_WRITE, str(tmp_path), stdout=PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    file_id = (await process.stdout.readline()).decode().strip()
    assert len(files_under(tmp_path, "livestore-filesync-incoming")) == 2
    process.kill()
    await process.wait()
    async with a_file_sync(tmp_path) as sync:
        async with sync.open_file(file_id) as file:
            assert file.read() == b"old content"
        await sync.collect_garbage()
        assert files_under(tmp_path, "livestore-filesync-incoming") == []
        assert len(files_under(tmp_path, "livestore-filesync-files")) == 1


async def test_a_full_disk_is_told_by_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with a_file_sync(tmp_path) as sync:
        monkeypatch.setattr(Incoming, "write", no_room)
        with pytest.raises(fs.QuotaExceededError) as caught:
            async with sync.create_file() as file:
                file.write(bytes(100_000))
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == errno.ENOSPC
        assert files_under(tmp_path, "livestore-filesync-incoming") == []
