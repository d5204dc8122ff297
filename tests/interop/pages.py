"""One interface for the two kinds of pages in Chromium: this kit's, and the real livestore-filesync.

Both keep text files and have the same tables; queries are the same SQL for both.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import asdict, astuple, dataclass
from typing import Any

from playwright.sync_api import Page

from tests.harness import PyodidePage, run_in_pyodide
from tests.harness.waiting import wait_until
from tests.interop.clients import WAIT_SECONDS, Rows


@dataclass(frozen=True)
class Deployment:
    """Where both pages' app lives: their store, its sync backend, and the signer on the pages' own origin."""

    store_id: str
    sync_url: str
    sync_token: str
    signer_token: str


def sha256(text: str) -> str:
    """The content hash of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()


class FilesPage(ABC):
    """An open app with files."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @abstractmethod
    def open(self, deployment: Deployment) -> None:
        """Open the store and start file sync."""

    @abstractmethod
    def close(self) -> None:
        """End the app; its data stay, and it can be opened again."""

    @abstractmethod
    def save(self, text: str) -> str:
        """Save a new file; its id."""

    @abstractmethod
    def update(self, file_id: str, text: str) -> None:
        """Give a file new content."""

    @abstractmethod
    def delete(self, file_id: str) -> None:
        """Delete a file."""

    @abstractmethod
    def query(self, sql: str) -> Rows:
        """The rows as of now."""

    @abstractmethod
    def read(self, path: str) -> str:
        """The text of the bytes that are here; raises when there are none."""

    @abstractmethod
    def _wait_for(self, sql: str, rows: Rows) -> None: ...

    def wait_for(self, sql: str, rows: Rows) -> None:
        """Return as soon as the query has exactly these rows; fail with what the page knows instead."""
        try:
            self._wait_for(sql, rows)
        except Exception as error:
            known = {table: self.query(f"SELECT * FROM {table}") for table in ("files", "localFileState")}
            raise AssertionError(
                f"{type(self).__name__}: {sql} never had {rows}; it knows {known}"
            ) from error

    def wait_for_content(self, file_id: str, text: str) -> None:
        """Return when the file has this content here and in the object store, and it reads so here."""
        content_hash = sha256(text)
        self.wait_for(
            "SELECT contentHash, localHash, downloadStatus, uploadStatus, remoteKey LIKE '%/' || contentHash "
            f"AS uploaded FROM files JOIN localFileState ON fileId = id WHERE id = '{file_id}'",
            [
                {
                    "contentHash": content_hash,
                    "localHash": content_hash,
                    "downloadStatus": "done",
                    "uploadStatus": "done",
                    "uploaded": 1,
                }
            ],
        )
        [row] = self.query(f"SELECT path FROM files WHERE id = '{file_id}'")
        assert self.read(row["path"]) == text

    def wait_for_deletion(self, file_id: str) -> None:
        """Return when the file is deleted here too, and nothing is kept or transferred for it any more."""
        self.wait_for(
            "SELECT deletedAt IS NOT NULL AS deleted, fileId FROM files LEFT JOIN localFileState "
            f"ON fileId = id WHERE id = '{file_id}'",
            [{"deleted": 1, "fileId": None}],
        )


@run_in_pyodide
async def _open(
    selenium: PyodidePage, store_id: str, sync_url: str, sync_token: str, signer_token: str, *, keeps: bool
) -> None:
    import filesync_web as fs
    from tests.in_page.client import open_store

    store = await open_store(store_id, sync_url=sync_url, token=sync_token)
    await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=signer_token))
    nothing = fs.VersionPolicy(keep_last=0, keep_days=0, trash_days=0)
    if not keeps and fs.version_policy() != nothing:
        await fs.set_version_policy(nothing)


@run_in_pyodide
async def _close(selenium: PyodidePage) -> None:
    import filesync_web as fs
    from tests.in_page.client import close_client

    await fs.dispose_file_sync()
    await close_client()


@run_in_pyodide
async def _save(selenium: PyodidePage, text: str) -> str:
    import filesync_web as fs

    return (await fs.save_file(text.encode(), name="page.txt", mime_type="text/plain")).file_id


@run_in_pyodide
async def _update(selenium: PyodidePage, file_id: str, text: str) -> None:
    import filesync_web as fs

    await fs.update_file(file_id, text.encode())


@run_in_pyodide
async def _delete(selenium: PyodidePage, file_id: str) -> None:
    import filesync_web as fs

    await fs.delete_file(file_id)


@run_in_pyodide
async def _restore(selenium: PyodidePage, file_id: str) -> None:
    import filesync_web as fs

    await fs.restore_file(file_id)


@run_in_pyodide
def _query(selenium: PyodidePage, sql: str) -> Rows:
    from tests.in_page import kept

    return [row._asdict() for row in kept.store.query(sql)]


@run_in_pyodide
async def _read(selenium: PyodidePage, path: str) -> str:
    import filesync_web as fs

    text: str = await (await fs.read_file(path, wait=False)).text()
    return text


class PythonPage(FilesPage):
    """A page with this kit."""

    def __init__(self, python: PyodidePage, *, keeps: bool = False) -> None:
        """`keeps`: versions and deleted files are kept in the store, as by default."""
        super().__init__(python.driver)
        self._python = python
        self._keeps = keeps

    def open(self, deployment: Deployment) -> None:
        _open(self._python, **asdict(deployment), keeps=self._keeps)

    def close(self) -> None:
        _close(self._python)

    def save(self, text: str) -> str:
        return _save(self._python, text)

    def update(self, file_id: str, text: str) -> None:
        _update(self._python, file_id, text)

    def delete(self, file_id: str) -> None:
        _delete(self._python, file_id)

    def restore(self, file_id: str) -> None:
        """Bring a deleted file back."""
        _restore(self._python, file_id)

    def query(self, sql: str) -> Rows:
        return _query(self._python, sql)

    def read(self, path: str) -> str:
        return _read(self._python, path)

    def _wait_for(self, sql: str, rows: Rows) -> None:
        wait_until(lambda: self.query(sql) == rows, "the rows", timeout=WAIT_SECONDS, page=self.page)


class TypeScriptPage(FilesPage):
    """A page of `node/page`."""

    _CALL = """
        ([op, args, seconds]) => Promise.race([
            app[op](...args),
            new Promise((_, reject) => setTimeout(reject, seconds * 1000, new Error(`${op} did not end`))),
        ])
    """

    def __init__(self, page: Page, path: str) -> None:
        super().__init__(page)
        self._path = path

    def open(self, deployment: Deployment) -> None:
        self.page.goto(self._path)
        self.page.wait_for_function("() => globalThis.app")
        self._call("open", *astuple(deployment))

    def close(self) -> None:
        self.page.goto("about:blank")

    def save(self, text: str) -> str:
        return str(self._call("save", text))

    def update(self, file_id: str, text: str) -> None:
        self._call("update", file_id, text)

    def delete(self, file_id: str) -> None:
        self._call("delete", file_id)

    def query(self, sql: str) -> Rows:
        rows: Rows = self._call("query", sql)
        return rows

    def read(self, path: str) -> str:
        return str(self._call("read", path))

    def _wait_for(self, sql: str, rows: Rows) -> None:
        self._call("waitFor", sql, rows)

    def _call(self, op: str, *args: Any) -> Any:
        return self.page.evaluate(self._CALL, [op, list(args), WAIT_SECONDS])
