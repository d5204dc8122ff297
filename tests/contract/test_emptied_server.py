"""A server that comes back without its data (a lost volume, a wrong path, a restored backup) takes no file
from anybody: what its clients have is there again for all. On CPython, with the real server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import filesync_web as fs
from tests.harness import ServerProcess
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES

TOKEN = "dev-token-change-in-production"
CONTENTS = [f"file {number}".encode() for number in range(5)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("nothing here")
    process = ServerProcess(site, tmp_path / "data")
    process.start()
    yield process
    process.stop()


def client(server: ServerProcess, folder: Path) -> AbstractAsyncContextManager[tuple[fs.Store, fs.FileSync]]:
    url = server.url
    return native_client(folder, store_id="s", sync_url=f"{url}/sync", signer_url=f"{url}/api", token=TOKEN)


def come_back_empty(server: ServerProcess) -> None:
    """Stop it, empty its data folder, and start it again."""
    server.stop()
    shutil.rmtree(server.data)
    server.start()


async def save_all(server: ServerProcess, store: fs.Store, sync: fs.FileSync) -> dict[str, bytes]:
    """Five files, uploaded and known to the backend; their contents by file id."""
    saved = {(await sync.save_file(content, name=content.decode())).file_id: content for content in CONTENTS}
    await everything_is_up(server, store, saved)
    return saved


async def everything_is_up(server: ServerProcess, store: fs.Store, files: dict[str, bytes]) -> None:
    """The store has these files and no others; the object store has their bytes, and the backend knows."""

    def are_uploaded() -> bool:
        records = store.query(FILES.tables.files.where(deleted_at=None))
        is_whole = {record.id for record in records} == set(files)
        return is_whole and all(record.remote_key for record in records)

    await until(are_uploaded, "all files are uploaded", timeout=60)
    await until(partial(has_objects, server, files), "the object store has their bytes", timeout=60)
    await until(lambda: not store.unconfirmed(), "the backend knows of them", timeout=60)


async def has_objects(server: ServerProcess, files: dict[str, bytes]) -> bool:
    """Whether the object store has the content of each file."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http:
        for content in files.values():
            key = f"s/{sha256(content).hexdigest()}"
            answer = await http.get(f"{server.url}/livestore-filesync-files/{key}")
            assert answer.status_code in {200, 404}, answer.text
            if answer.status_code == 404:
                return False
    return True


async def read_all(sync: fs.FileSync, files: dict[str, bytes]) -> None:
    """Each file can be read, and has its content."""
    for file_id, content in files.items():
        assert (await sync.read_file(file_id)).read_bytes() == content


@pytest.mark.thorough
async def test_a_client_that_is_open_brings_everything_back(server: ServerProcess, tmp_path: Path) -> None:
    async with client(server, tmp_path / "a") as (store, sync):
        files = await save_all(server, store, sync)
        come_back_empty(server)
        sync.trigger_sync()
        await everything_is_up(server, store, files)
        async with client(server, tmp_path / "new") as (elsewhere, there):
            await everything_is_up(server, elsewhere, files)
            await read_all(there, files)
    async with client(server, tmp_path / "a") as (_store, sync):
        await read_all(sync, files)


@pytest.mark.thorough
async def test_a_client_that_was_closed_brings_everything_back(server: ServerProcess, tmp_path: Path) -> None:
    async with client(server, tmp_path / "a") as (store, sync):
        files = await save_all(server, store, sync)
    come_back_empty(server)
    async with client(server, tmp_path / "a") as (store, sync):
        await everything_is_up(server, store, files)
        await read_all(sync, files)
        async with client(server, tmp_path / "new") as (elsewhere, there):
            await everything_is_up(server, elsewhere, files)
            await read_all(there, files)


async def test_two_clients_bring_everything_back_once(server: ServerProcess, tmp_path: Path) -> None:
    async with client(server, tmp_path / "a") as (here, a), client(server, tmp_path / "b") as (there, b):
        files = await save_all(server, here, a)
        await everything_is_up(server, there, files)
        await read_all(b, files)
        gone = next(iter(files))
        await a.delete_file(gone)
        del files[gone]
        await everything_is_up(server, here, files)
        await everything_is_up(server, there, files)
        come_back_empty(server)
        a.trigger_sync()
        b.trigger_sync()
        for store, sync in ((here, a), (there, b)):
            await everything_is_up(server, store, files)
            await read_all(sync, files)


async def test_what_was_saved_while_the_server_was_away_is_there_too(
    server: ServerProcess, tmp_path: Path
) -> None:
    async with client(server, tmp_path / "a") as (store, sync):
        files = await save_all(server, store, sync)
        server.stop()
        late = await sync.save_file(b"saved offline")
        files[late.file_id] = b"saved offline"
        shutil.rmtree(server.data)
        server.start()
        sync.trigger_sync()
        await everything_is_up(server, store, files)
        await read_all(sync, files)
    async with client(server, tmp_path / "new") as (elsewhere, there):
        await everything_is_up(server, elsewhere, files)
        await read_all(there, files)
