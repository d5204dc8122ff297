"""A client on CPython: a store and its file sync on the real network, with a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import filesync_web as fs

FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


@asynccontextmanager
async def native_client(
    folder: Path, *, store_id: str, sync_url: str, signer_url: str, token: str
) -> AsyncIterator[tuple[fs.Store, fs.FileSync]]:
    """A client that keeps everything in `folder`; it is closed at the end."""
    sync = fs.SyncOptions(url=sync_url, auth_token=token)
    store = await fs.open_store(SCHEMA, store_id=store_id, sync=sync, data_dir=folder)
    file_sync = await fs.create_file_sync(store, remote=fs.SignerConfig(signer_url, auth_token=token))
    try:
        yield store, file_sync
    finally:
        await file_sync.dispose()
        await store.close()


async def until(store: fs.Store, query: Any, holds: Callable[[Any], bool], *, seconds: float) -> None:
    """Wait until the rows of a query are as they should be."""
    done = asyncio.Event()
    unsubscribe = store.subscribe(query, lambda rows: done.set() if holds(rows) else None)
    try:
        async with asyncio.timeout(seconds):
            while not holds(store.query(query)):
                done.clear()
                await done.wait()
    finally:
        unsubscribe()
