"""Two clients on CPython beside a hostile member, with the real server: their files arrive, and nothing falls
over."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

import filesync_web as fs
from tests.harness import ServerProcess
from tests.harness.hostile_member import HostileMember
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES
from tests.unit.hostile.trial import sha256

TOKEN = "dev-token-change-in-production"


def client(
    url: str, folder: Path, store_id: str
) -> AbstractAsyncContextManager[tuple[fs.Store, fs.FileSync]]:
    return native_client(
        folder, store_id=store_id, sync_url=f"{url}/sync", signer_url=f"{url}/api", token=TOKEN
    )


def has_all(store: fs.Store, files: dict[str, bytes]) -> bool:
    """Whether the store has these files, uploaded and with their own copies."""
    records = {record.id: record for record in store.query(FILES.tables.files)}
    here = {row.file_id: row.local_hash for row in store.query(FILES.tables.local_file_state)}
    wanted = {file_id: sha256(content) for file_id, content in files.items()}
    return all(
        here.get(file_id) == content_hash
        and records[file_id].remote_key == f"{store.store_id}/{content_hash}"
        and records[file_id].remote_key == f"{store.store_id}/{content_hash}"
        for file_id, content_hash in wanted.items()
    )


async def test_clients_on_cpython_go_on(
    bare_server: ServerProcess, tmp_path: Path, store_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    seed = int(os.environ.get("HOSTILE_SEED", "0")) or time.time_ns()
    print(f"HOSTILE_SEED={seed}")
    url, files = bare_server.url, {}
    member = HostileMember(url, store_id, TOKEN, seed=seed, count=500)
    async with (
        client(url, tmp_path / "a", store_id) as (here, a),
        client(url, tmp_path / "b", store_id) as (there, b),
    ):
        decoy = await a.save_file(b"decoy")
        contents = [f"file {number}".encode() for number in range(12)]
        tokens = dict.fromkeys(("<own id>", "<unsent id>", "<their id>"), decoy.file_id)
        for whose, content in zip(("own", "unsent", "their", "later", "coming"), contents, strict=False):
            tokens[f"<{whose} hash>"] = sha256(content)
        member.start({**tokens, "<own client>": here.client_id})
        for number, content in enumerate(contents):
            saver = (a, b)[number % 2]
            saved = await saver.save_file(content)
            files[saved.file_id] = content
            if number % 4 == 2:
                files[saved.file_id] = b"edited " + content
                await saver.update_file(saved.file_id, files[saved.file_id])
            if number % 4 == 3:
                await saver.delete_file(saved.file_id)
                del files[saved.file_id]
        await asyncio.to_thread(member.join, 120)
        for store, sync in ((here, a), (there, b)):
            await until(partial(has_all, store, files), "all files are here and uploaded", timeout=60)
            for file_id, content in files.items():
                assert (await sync.read_file(file_id, wait=False)).read_bytes() == content
    async with client(url, tmp_path / "a", store_id) as (_store, sync):
        for file_id, content in files.items():
            assert (await sync.read_file(file_id, wait=False)).read_bytes() == content
    assert member.accepted > 250, "most events should get as far as the clients"
    wrong = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not wrong, f"an error was logged: {wrong[0].getMessage()}"
