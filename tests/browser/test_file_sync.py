"""FileSync whole, in each of the three contexts, against the real server: from saving to deleting."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.harness import run_python

TOKEN = "dev-token-change-in-production"

OPEN = """
import asyncio, filesync_web as fs
files = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=files.tables, events=files.events, materializers=files.create_materializers(files.tables)
)

async def open_client(store_id, token):
    store = await fs.open_store(
        schema, store_id=store_id, sync=token and fs.SyncOptions(url="/sync", auth_token=token)
    )
    remote = fs.SignerConfig(base_url="/api", auth_token=token) if token else None
    return store, await fs.create_file_sync(store, remote=remote)

async def until(store, query, holds):
    found = asyncio.get_running_loop().create_future()
    def look(rows):
        if holds(rows) and not found.done():
            found.set_result(rows)
    unsubscribe = store.subscribe(query, look)
    look(store.query(query))
    try:
        return await asyncio.wait_for(found, 20)
    finally:
        unsubscribe()
"""


def test_save_upload_edit_and_delete(python_page: Page, store_id: str) -> None:
    answer = run_python(
        python_page,
        OPEN
        + """
store, sync = await open_client(store_id, token)
try:
    result = await sync.save_file(b"hello", name="hello.txt")
    uploaded = await until(store, files.tables.files, lambda rows: rows and rows[0].remote_key)
    js_file = await sync.read_file(result.file_id)
    text = await js_file.text()
    edited = await sync.update_file(result.file_id, b"hello again")
    new_hash = edited.content_hash
    await until(store, files.tables.files, lambda rows: rows[0].remote_key.endswith(new_hash))
    await sync.delete_file(result.file_id)
    await until(store, files.tables.local_file_state, lambda rows: not rows)
    await until(store, files.tables.remote_deletes, lambda rows: not rows)
    metadata = fs.get_file_metadata(uploaded[0])
    return [result.path, text, js_file.name, js_file.type, metadata.size_bytes, store.sync_status.last_error]
finally:
    await sync.dispose()
    await store.close()
""",
        store_id=store_id,
        token=TOKEN,
    )
    path, text, name, mime_type, size, error = answer
    assert path.startswith(f"livestore-filesync-files/{store_id}/")
    assert (text, name, mime_type, size, error) == ("hello", "hello.txt", "text/plain", 5, "")
