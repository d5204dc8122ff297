"""A client of the kit in a page, for the functions that run there after it was opened: `kept.store` and
`kept.sync`.
"""

from __future__ import annotations

from typing import Any, Literal

import filesync_web as fs
from tests.in_page import kept

TOKEN = "dev-token-change-in-production"
FILES = fs.create_file_sync_schema()
SCHEMA = fs.make_schema(
    tables=FILES.tables, events=FILES.events, materializers=FILES.create_materializers(FILES.tables)
)


async def open_store(
    store_id: str, *, sync_url: str = "/sync", token: str = TOKEN, transport: Literal["ws", "http"] = "ws"
) -> fs.Store:
    """Open the page's store; without a token it does not sync."""
    sync = fs.SyncOptions(sync_url, auth_token=token, transport=transport) if token else None
    store = await fs.open_store(SCHEMA, store_id=store_id, sync=sync)
    kept.store = store
    return store


async def open_client(
    store_id: str, *, signer: str = "/api", signer_token: str = TOKEN, **settings: Any
) -> tuple[fs.Store, fs.FileSync]:
    """Open the page's store and its file sync; the settings are those of `create_file_sync`."""
    store = await open_store(store_id)
    remote = fs.SignerConfig(signer, auth_token=signer_token)
    sync = await fs.create_file_sync(store, remote=remote, **settings)
    kept.sync = sync
    return store, sync


async def close_client() -> None:
    """Close what is open, if anything is."""
    if sync := vars(kept).pop("sync", None):
        await sync.dispose()
    if store := vars(kept).pop("store", None):
        await store.close()


async def commit_file(file_id: str, *, created_at: int) -> None:
    """Commit a file that has a record only."""
    event = FILES.events.file_created(
        id=file_id, path="p", content_hash="h", created_at=created_at, updated_at=created_at
    )
    await kept.store.commit(event)
