"""Runs in a PyScript worker: stores tables, and adds up a column while the page stays responsive."""

import csv

import filesync_web as fs

TOKEN = "dev-token-change-in-production"
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="sums", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))


async def add_up(js_file, column):
    saved = await fs.save_file(js_file)
    async with fs.open_file(saved.file_id, text=True, newline="") as table:
        return sum(float(row[column]) for row in csv.DictReader(table))


__export__ = ["add_up"]
