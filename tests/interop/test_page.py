"""A Python page in Chromium and the real LiveStore share one store, with real files behind it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from filesync_server.config import DEVELOPMENT_TOKEN
from tests.harness import run_python
from tests.harness.server import ServerProcess
from tests.interop.clients import TOKEN
from tests.interop.livestore_process import LiveStoreProcess

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

OPEN = """
global fs, store
import filesync_web as fs

files = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=files.tables, events=files.events, materializers=files.create_materializers(files.tables)
)
store = await fs.open_store(
    schema, store_id=store_id, sync=fs.SyncOptions(sync_url, auth_token=sync_token)
)
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=token))
saved = await fs.save_file(b"from the page", name="page.txt", mime_type="text/plain")
return saved.file_id
"""

WAIT_FOR_DELETION = """
import asyncio
deleted = asyncio.Event()
query = "SELECT id, contentHash FROM files WHERE deletedAt IS NOT NULL"
store.subscribe(query, lambda rows: deleted.set())
if not store.query(query):
    await asyncio.wait_for(deleted.wait(), 30)
return [list(row) for row in store.query(query)]
"""


@pytest.mark.parametrize(
    ("backend", "token"),
    [("server", DEVELOPMENT_TOKEN), ("cloudflare_backend", TOKEN)],
    ids=["filesync", "cloudflare"],
)
def test_a_python_page_and_livestore_see_each_others_files(
    bare_page: Page,
    node: LiveStoreProcess,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    store_id: str,
    backend: str,
    token: str,
) -> None:
    process: ServerProcess = request.getfixturevalue(backend)
    sync_url = f"ws://127.0.0.1:{process.port}/sync"

    def livestore(op: str, **arguments: Any) -> Any:
        return node.start(op, store=store_id, **arguments).result(60)

    livestore(
        "open",
        storeId=store_id,
        clientId="node",
        folder=str(tmp_path),
        url=sync_url,
        token=token,
        app="files",
    )
    file_id = run_python(
        bare_page, OPEN, store_id=store_id, sync_url=sync_url, sync_token=token, token=DEVELOPMENT_TOKEN
    )
    content_hash = hashlib.sha256(b"from the page").hexdigest()
    uploaded = {"id": file_id, "contentHash": content_hash, "remoteKey": f"{store_id}/{content_hash}"}
    livestore("waitFor", sql="SELECT id, contentHash, remoteKey FROM files", rows=[uploaded])

    deleted = {"id": file_id, "deletedAt": "2026-01-03T00:00:00.000Z"}
    livestore("commit", events=[{"name": "v1.FileDeleted", "args": deleted}])
    assert run_python(bare_page, WAIT_FOR_DELETION, timeout=60) == [[file_id, content_hash]]

    livestore("close")
    run_python(bare_page, "await fs.dispose_file_sync()\nawait store.close()")
