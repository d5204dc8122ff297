"""A browser whose page saves and syncs files, and whose renderer a test kills and opens anew.

Pages tell the proxy what has happened to them (`saved ...`, `upload:complete ...`), so that a test knows of
it also when the page that told it is dead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.harness import FaultProxy, Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until


@run_in_pyodide
async def _open(selenium: PyodidePage, store_id: str) -> None:
    """Open a client that tells the proxy what is complete, and a service worker."""
    from urllib.parse import quote

    import js

    import filesync_web as fs
    from tests.in_page import kept
    from tests.in_page.client import FILES, TOKEN, open_store

    def tell(what: str) -> Any:
        return js.fetch(f"/proxy/told?{quote(what)}")

    def content(file_id: str) -> str:
        content_hash: str = kept.store.query(FILES.tables.files.where(id=file_id))[0].content_hash
        return content_hash

    kept.tell, kept.content = tell, content
    store = await open_store(store_id)
    await fs.init_file_sync(
        store,
        remote=fs.SignerConfig("/api", auth_token=TOKEN),
        retry=fs.RetryPolicy(base=0.05, cap=0.2, max_attempts=50),
        health_check_interval=0.5,
        stall_timeout=20.0,
    )
    fs.on_file_sync_event(
        lambda e: e.file_id and e.type.endswith("complete") and tell(f"{e.type} {content(e.file_id)}")
    )
    await fs.register_file_sync_service_worker(
        signer_base_url="/api", headers={"Authorization": f"Bearer {TOKEN}"}
    )


@run_in_pyodide
def _begin_save(selenium: PyodidePage, name: str, url: str, stream: bool, file_id: str) -> None:
    import asyncio

    import js

    import filesync_web as fs
    from tests.in_page import kept

    async def save() -> None:
        answer = await js.fetch(url)
        source = answer.body if stream else await answer.blob()
        saved = await (fs.update_file(file_id, source) if file_id else fs.save_file(source, name=name))
        await kept.tell(f"saved {name} {saved.file_id} {saved.content_hash}")

    kept.saving = asyncio.ensure_future(save())


@run_in_pyodide
def _files(selenium: PyodidePage) -> list[tuple[str, ...]]:
    """The fields of each `File`."""
    from tests.in_page import kept
    from tests.in_page.client import FILES

    rows = {row.file_id: row for row in kept.store.query(FILES.tables.local_file_state)}
    here = {file_id: row.local_hash for file_id, row in rows.items()}
    errors = {file_id: row.last_sync_error for file_id, row in rows.items() if row.last_sync_error}
    return [
        (
            file.id,
            file.path,
            file.content_hash,
            file.remote_key,
            here.get(file.id, ""),
            errors.get(file.id, ""),
        )
        for file in kept.store.query(FILES.tables.files.where(deleted_at=None))
    ]


@run_in_pyodide
async def _read(selenium: PyodidePage, ids: list[str]) -> dict[str, tuple[str, str]]:
    from pyodide.code import run_js

    import filesync_web as fs
    from tests.in_page import kept

    digest = run_js("""async (blob) => Array.from(
        new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())),
        (byte) => byte.toString(16).padStart(2, "0")).join("")""")
    found: dict[str, tuple[str, str]] = {}
    for file_id in ids:
        while (promised := kept.content(file_id)) != found.get(file_id, ("", ""))[
            0
        ]:  # it may change meanwhile
            try:
                found[file_id] = promised, await digest(await fs.read_file(file_id, wait=False))
            except fs.BlobNotFoundError:
                break
    return found


@run_in_pyodide
async def _keep_nothing(selenium: PyodidePage) -> None:
    import filesync_web as fs

    await fs.set_version_policy(fs.VersionPolicy(keep_last=0, keep_days=0, trash_days=0))


@run_in_pyodide
async def _stored(selenium: PyodidePage) -> dict[str, int]:
    import filesync_web as fs

    await fs.collect_garbage()
    return await fs.get_file_sync()._workspace.platform.blobs.list()


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
        self.reopen()

    @property
    def page(self) -> Page:
        """Playwright's page."""
        return self._python.driver

    def kill(self) -> None:
        """End the page's process at this very moment; returns when it can be opened anew."""
        self._context = self._profile.crash(self.page)

    def reopen(self) -> None:
        """Open the page, also anew after a kill."""
        self._python = open_pyodide_page(self._context)
        _open(self._python, self.store_id)

    def begin_save(self, name: str, seed: int, size: int, *, stream: bool, file_id: str = "") -> None:
        """Let the page save what the proxy gives it, or make it the content of a file; it tells
        `saved <name> <file id> <hash>`."""
        _begin_save(self._python, name, f"/proxy/source?seed={seed}&size={size}", stream, file_id)

    def files(self) -> dict[str, File]:
        return {row[0]: File(*row) for row in _files(self._python)}

    def read(self) -> dict[str, tuple[str, str]]:
        """The hash that each file that is here should have, and that of what `read_file` gives."""
        return _read(self._python, list(self.files()))

    def served(self) -> dict[str, str]:
        """The hash of what the service worker serves for each file that it can serve, by path."""
        found: dict[str, str] = self.page.evaluate(SERVED, [file.path for file in self.files().values()])
        return found

    def keep_nothing(self) -> None:
        """Let go of all that was replaced, in the whole store."""
        _keep_nothing(self._python)

    def stored(self) -> dict[str, int]:
        """The blobs of the store, with their sizes, after the garbage has been collected."""
        return _stored(self._python)

    def until(self, holds: Callable[[dict[str, File]], bool], awaited: str, timeout: float = 60.0) -> None:
        """Wait until its files are so."""
        wait_until(
            lambda: holds(self.files()),
            lambda: f"{awaited}: {list(self.files().values())}",
            timeout=timeout,
            page=self.page,
        )
