"""FileSync on CPython against the real server: two processes' worth of clients, small and large files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import filesync_web as fs
from tests.harness import ServerProcess

TOKEN = "dev-token-change-in-production"
FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


@asynccontextmanager
async def client(server: ServerProcess, folder: Path) -> AsyncIterator[tuple[fs.Store, fs.FileSync]]:
    url = server.url.rstrip("/")
    sync = fs.SyncOptions(url=f"{url}/sync", auth_token=TOKEN)
    store = await fs.open_store(SCHEMA, store_id="native", sync=sync, data_dir=folder)
    file_sync = await fs.create_file_sync(store, remote=fs.SignerConfig(f"{url}/api", auth_token=TOKEN))
    try:
        yield store, file_sync
    finally:
        await file_sync.dispose()
        await store.close()


async def until(store: fs.Store, query: Any, holds: Callable[[Any], bool]) -> None:
    done = asyncio.Event()
    unsubscribe = store.subscribe(query, lambda rows: done.set() if holds(rows) else None)
    try:
        if not holds(store.query(query)):
            await asyncio.wait_for(done.wait(), 60)
    finally:
        unsubscribe()


async def test_files_large_and_small_reach_the_other_client(
    new_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = new_server()
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * (20 * 1024**2 // 256))
    async with client(server, tmp_path / "a") as (_here, a), client(server, tmp_path / "b") as (there, b):
        first = await a.save_file(large)
        second = await a.save_file(b"small", name="small.txt")
        await until(
            there,
            FILES.tables.local_file_state,
            lambda rows: {r.local_hash for r in rows} == {first.content_hash, second.content_hash},
        )
        copy = await b.read_file(first.file_id)
        assert copy.read_bytes() == large.read_bytes()
        await b.delete_file(first.file_id)
        await until(there, FILES.tables.remote_deletes, lambda rows: not rows)
        metadata = fs.get_file_metadata(there.query(FILES.tables.files.where(id=second.file_id))[0])
        assert (metadata.name, metadata.mime_type, metadata.size_bytes) == ("small.txt", "text/plain", 5)
    assert "multipart/complete" in server.read_log()
