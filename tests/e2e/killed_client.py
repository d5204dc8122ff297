"""A browser whose page saves and syncs files, and whose renderer a test kills and opens anew.

Pages tell the proxy what has happened to them (`saved ...`, `upload:complete ...`), so that a test knows of
it also when the page that told it is dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.harness import FaultProxy, Profile, open_python_page, run_python

OPEN = """
global asyncio, js, fs, tables, store, tell, save, digest, content
import asyncio, js
from urllib.parse import quote
from pyodide.code import run_js
import filesync_web as fs

files = fs.create_file_sync_schema()
tables = files.tables
schema = fs.make_schema(tables=tables, events=files.events, materializers=files.create_materializers(tables))
digest = run_js('''async (blob) => Array.from(
    new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())),
    (byte) => byte.toString(16).padStart(2, "0")).join("")''')

def content(file_id):
    return store.query(tables.files.where(id=file_id))[0].content_hash

def tell(what):
    return js.fetch("/proxy/told?" + quote(what))

async def save(name, url, stream, file_id):
    answer = await js.fetch(url)
    source = answer.body if stream else await answer.blob()
    saved = await (fs.update_file(file_id, source) if file_id else fs.save_file(source, name=name))
    await tell(f"saved {name} {saved.file_id} {saved.content_hash}")

store = await fs.open_store(schema, store_id=store_id, sync=fs.SyncOptions("/sync", auth_token=token))
await fs.init_file_sync(
    store,
    remote=fs.SignerConfig("/api", auth_token=token),
    retry=fs.RetryPolicy(base=0.05, cap=0.2, max_attempts=50),
    health_check_interval=0.5,
    stall_timeout=20.0,
)
fs.on_file_sync_event(
    lambda e: e.file_id and e.type.endswith("complete") and tell(f"{e.type} {content(e.file_id)}")
)
worker = await fs.register_file_sync_service_worker(
    signer_base_url="/api", headers={"Authorization": f"Bearer {token}"}
)
"""

SNAPSHOT = """
rows = {row.file_id: row for row in store.query(tables.local_file_state)}
here = {file_id: row.local_hash for file_id, row in rows.items()}
errors = {file_id: row.last_sync_error for file_id, row in rows.items() if row.last_sync_error}
return [
    [file.id, file.path, file.content_hash, file.remote_key, here.get(file.id, ""), errors.get(file.id, "")]
    for file in store.query(tables.files.where(deleted_at=None))
]
"""

READ = """
found = {}
for file_id in ids:
    while (promised := content(file_id)) != found.get(file_id, ("", ""))[0]:  # it may change meanwhile
        try:
            found[file_id] = promised, await digest(await fs.read_file(file_id, wait=False))
        except fs.BlobNotFoundError:
            break
return found
"""

SERVED = """
async (paths) => {
    const found = {};
    for (const path of paths) {
        try {
            const answer = await fetch("/" + path);
            if (!answer.ok) continue;
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await answer.arrayBuffer()));
            found[path] = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
        } catch {
            // a fault of the remote: nothing was served
        }
    }
    return found;
}
"""


@dataclass(frozen=True)
class File:
    """A live file as one client knows it; `local_hash` is that of the own copy."""

    id: str
    path: str
    content_hash: str
    remote_key: str
    local_hash: str
    error: str


def is_synced(file: File) -> bool:
    """Whether the object store has it, and this client."""
    return file.remote_key != "" and file.local_hash == file.content_hash


class KilledClient:
    """A page in a profile on disk, behind a proxy that breaks requests; it can be killed and opened again."""

    def __init__(self, profile: Profile, proxy: FaultProxy, store_id: str) -> None:
        self._profile = profile
        self._proxy = proxy
        self.store_id = store_id
        self._context = profile.open()
        self.page = self._open()

    def _open(self) -> Page:
        page = open_python_page(self._context)
        run_python(page, OPEN, store_id=self.store_id, token=DEVELOPMENT_TOKEN)
        return page

    def kill(self) -> None:
        """End the renderer at this very moment; returns when the browser has seen it."""
        with self.page.expect_event("crash"):
            self._profile.kill_renderers()
        self.page.close()

    def reopen(self) -> None:
        """Open the page anew, after a kill."""
        self.page = self._open()

    def begin_save(self, name: str, seed: int, size: int, *, stream: bool, file_id: str = "") -> None:
        """Let the page save what the proxy gives it, or make it the content of a file; it tells
        `saved <name> <file id> <hash>`."""
        url = f"/proxy/source?seed={seed}&size={size}"
        code = "global saving\nsaving = asyncio.ensure_future(save(name, url, stream, file_id))"
        run_python(self.page, code, name=name, url=url, stream=stream, file_id=file_id)

    def files(self) -> dict[str, File]:
        return {row[0]: File(*row) for row in run_python(self.page, SNAPSHOT)}

    def read(self) -> dict[str, tuple[str, str]]:
        """The hash that each file that is here should have, and that of what `read_file` gives."""
        found = run_python(self.page, READ, timeout=60, ids=list(self.files()))
        return {file_id: (promised, read) for file_id, (promised, read) in found.items()}

    def served(self) -> dict[str, str]:
        """The hash of what the service worker serves for each file that it can serve, by path."""
        found: dict[str, str] = self.page.evaluate(SERVED, [file.path for file in self.files().values()])
        return found

    def stored(self) -> dict[str, int]:
        """The blobs of the store, with their sizes, after the garbage has been collected."""
        code = "await fs.collect_garbage()\nreturn await fs.get_file_sync()._workspace.platform.blobs.list()"
        found: dict[str, int] = run_python(self.page, code)
        return found

    def until(self, holds: Callable[[dict[str, File]], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until its files are so."""
        deadline = time.monotonic() + seconds
        while not holds(files := self.files()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}: {list(files.values())}"
            self.page.wait_for_timeout(50)
