"""This kit's whole client with every signer, and livestore-filesync's client with this kit's signers."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_server import Compose
from filesync_server.sync import Hub, SqliteStorage, create_sync_backend, token_auth
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES
from tests.interop.signer_process import run_signer_client
from tests.server.support import TOKEN, Deployment, hashed_key, serving


@pytest.fixture
async def sync_url(tmp_path: Path) -> AsyncIterator[str]:
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite"))
    backend = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": backend})) as url:
        yield f"{url}/sync"
    await hub.close()


def client(
    sync_url: str, signer: str, folder: Path
) -> AbstractAsyncContextManager[tuple[fs.Store, fs.FileSync]]:
    return native_client(
        folder, store_id=folder.parent.name, sync_url=sync_url, signer_url=f"{signer}/api", token=TOKEN
    )


async def test_this_kits_client_with_every_signer(
    deployment: Deployment, sync_url: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(17 * 1024**2))
    here_folder, there_folder = tmp_path / "here", tmp_path / "there"
    async with (
        client(sync_url, deployment.url, here_folder) as (here, a),
        client(sync_url, deployment.url, there_folder) as (there, b),
    ):
        saved = [await a.save_file(large), await a.save_file(b"small", name="small.txt")]
        hashes = {result.content_hash for result in saved}
        state = FILES.tables.local_file_state
        await until(
            lambda: {row.local_hash for row in there.query(state)} == hashes, "both files arrive", timeout=30
        )
        assert (await b.read_file(saved[0].file_id)).read_bytes() == large.read_bytes()
        assert {row.upload_status for row in here.query(state)} == {"done"}
        keys = [record.remote_key for record in there.query(FILES.tables.files)]
        for key in keys:
            assert (await deployment.get(key)).status_code == 200
        for result in saved:
            await b.delete_file(result.file_id, purge=True)
        deletes = FILES.tables.remote_deletes
        await until(lambda: not there.query(deletes), "both are deleted in the object store", timeout=30)
        for key in keys:
            assert (await deployment.get(key)).status_code == 404


async def test_the_client_of_livestore_filesync_with_our_signers(own: Deployment) -> None:
    data = os.urandom(100_000)
    answer = await run_signer_client(f"{own.url}/api", TOKEN, hashed_key(data), data, "image/png")
    assert answer["healthy"] is True
    assert answer["uploaded"]["key"] == hashed_key(data)
    assert (base64.b64decode(answer["bytes"]), answer["type"], answer["status"]) == (data, "image/png", 200)
    assert answer["after"] == "Download failed with status: 404"
