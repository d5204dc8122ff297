"""A client on CPython: a store and its file sync on the real network, with a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Unpack

import filesync_web as fs
from tests.in_page.client import SCHEMA


@asynccontextmanager
async def native_client(
    folder: Path,
    *,
    store_id: str,
    sync_url: str,
    signer_url: str,
    token: str,
    **options: Unpack[fs.FileSyncSettings],
) -> AsyncIterator[tuple[fs.Store, fs.FileSync]]:
    """A client that keeps everything in `folder`; it is closed at the end. The options are those of
    `create_file_sync`."""
    sync = fs.SyncOptions(url=sync_url, auth_token=token)
    store = await fs.open_store(SCHEMA, store_id=store_id, sync=sync, data_dir=folder)
    remote = fs.SignerConfig(signer_url, auth_token=token)
    file_sync = await fs.create_file_sync(store, remote=remote, **options)
    try:
        yield store, file_sync
    finally:
        await file_sync.dispose()
        await store.close()
