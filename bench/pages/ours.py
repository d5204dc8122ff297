"""The page of this kit that bench/peers.py measures; its rival is tests/interop/node/page/bench.ts."""

from __future__ import annotations

import asyncio
from typing import Any

from pyodide.ffi import create_proxy, to_js
from pyscript import window

import filesync_web as fs

TOKEN = "dev-token-change-in-production"  # noqa: S105 - the development server's

kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)


class App:
    """What driver.js asks for."""

    store: fs.Store

    async def open(self, store_id: str) -> None:
        """Open the store and start its file sync."""
        sync = fs.SyncOptions("/sync", auth_token=TOKEN)
        self.store = await fs.open_store(schema, store_id=store_id, sync=sync)
        await fs.init_file_sync(self.store, remote=fs.SignerConfig("/api", auth_token=TOKEN))

    async def save_all(self, js_files: Any) -> None:
        """Save them all at once."""
        await asyncio.gather(*(fs.save_file(js_file) for js_file in js_files))

    async def delete_all(self) -> None:
        """Delete all files at once."""
        records = self.store.query(kit.tables.files.where(deleted_at=None))
        await asyncio.gather(*(fs.delete_file(record.id, purge=True) for record in records))

    def count(self, sql: str) -> int:
        """The number in the query's only row."""
        return int(self.store.query(sql)[0][0])


app = App()
parts = {"open": app.open, "saveAll": app.save_all, "deleteAll": app.delete_all, "count": app.count}
window.serveBench(
    to_js(
        {name: create_proxy(part) for name, part in parts.items()},
        dict_converter=window.Object.fromEntries,
    )
)
