"""A page with this kit and a page with the real livestore-filesync: one store, two browser profiles.

Bytes go through this kit's signer for both, metadata through either sync backend. The pages take turns, and
wait until both have everything, because of a fault of LiveStore's client (0.4.0-dev.23 and 0.4.0): when it
commits at the moment in which an event arrives from elsewhere, its own may get a number too high (seen on
the wire: `seqNum` 6 and `parentSeqNum` 5 at a head of 2). Every backend refuses that, LiveStore's own as
well, also after a reload.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Error

from filesync_server.command.config import DEVELOPMENT_TOKEN
from tests.e2e.gallery import SLOW, remote_exists
from tests.harness import PyodidePage, ServerProcess, open_pyodide_page
from tests.harness.waiting import wait_until
from tests.interop.clients import TOKEN
from tests.interop.packages import PAGE
from tests.interop.pages import Deployment, FilesPage, PythonPage, TypeScriptPage, sha256

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]  # the first test fetches LiveStore

NewContext = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def typescript_path(scripts: object, server: ServerProcess) -> str:
    """The page of livestore-filesync, on the origin of the Python page."""
    shutil.copytree(PAGE, server.site / "livestore")
    return "/livestore/"


@pytest.fixture
def filesync_deployment(server: ServerProcess, store_id: str) -> Deployment:
    """A new store on this kit's sync backend."""
    return Deployment(store_id, f"ws://127.0.0.1:{server.port}/sync", DEVELOPMENT_TOKEN, DEVELOPMENT_TOKEN)


@pytest.fixture
def cloudflare_deployment(filesync_deployment: Deployment, cloudflare_backend: ServerProcess) -> Deployment:
    """A new store on LiveStore's own sync backend."""
    url = f"ws://127.0.0.1:{cloudflare_backend.port}/sync"
    return replace(filesync_deployment, sync_url=url, sync_token=TOKEN)


@pytest.fixture
def python(selenium: PyodidePage) -> Iterator[PythonPage]:
    page = PythonPage(selenium)
    yield page
    page.close()


@pytest.fixture
def typescript(new_context: NewContext, typescript_path: str) -> TypeScriptPage:
    return TypeScriptPage(new_context().new_page(), typescript_path)


@pytest.mark.parametrize("backend", ["filesync", pytest.param("cloudflare", marks=pytest.mark.thorough)])
def test_each_page_sees_files_edits_and_deletes_of_the_other(
    python: PythonPage, typescript: TypeScriptPage, backend: str, request: pytest.FixtureRequest
) -> None:
    pages = python, typescript
    for page in pages:
        page.open(request.getfixturevalue(f"{backend}_deployment"))

    for author, reader in (python, typescript), (typescript, python):
        name = type(author).__name__
        file_id = author.save(f"from {name}")
        _wait_for_content(file_id, f"from {name}", pages)
        reader.update(file_id, f"from {name}, edited by the other")
        _wait_for_content(file_id, f"from {name}, edited by the other", pages)
        author.update(file_id, f"from {name}, edited by both")
        _wait_for_content(file_id, f"from {name}, edited by both", pages)
    for deleter in pages:
        file_id = deleter.query("SELECT id FROM files WHERE deletedAt IS NULL")[0]["id"]
        deleter.delete(file_id)
        for page in pages:
            page.wait_for_deletion(file_id)

    files = "SELECT * FROM files ORDER BY id"
    assert python.query(files) == typescript.query(files)


@pytest.mark.thorough
def test_what_was_done_while_the_other_page_was_closed_arrives(
    python: PythonPage, typescript: TypeScriptPage, filesync_deployment: Deployment
) -> None:
    pages = python, typescript
    for page in pages:
        page.open(filesync_deployment)
    for absent, present in (typescript, python), (python, typescript):
        name = type(present).__name__
        edited = present.save(f"first of {name}")
        _wait_for_content(edited, f"first of {name}", pages)
        doomed = absent.save(f"not for {name}")
        _wait_for_content(doomed, f"not for {name}", pages)

        absent.close()
        present.update(edited, f"second of {name}")
        present.delete(doomed)
        added = present.save(f"added by {name}")
        for page in present, absent:
            if page is absent:
                page.open(filesync_deployment)
            page.wait_for_content(edited, f"second of {name}")
            page.wait_for_content(added, f"added by {name}")
            page.wait_for_deletion(doomed)


@pytest.mark.thorough
def test_bytes_that_the_other_page_deleted_too_early_come_back(
    python: PythonPage, typescript: TypeScriptPage, filesync_deployment: Deployment, new_context: NewContext
) -> None:
    """livestore-filesync deletes the object with the file, also when another file has the same bytes
    (`deleteFile` in its `services/file-sync/FileSync.js`). The first client that misses it says so, and one
    that has the bytes uploads them again: for the TypeScript page, too, which has lost its own copy."""
    python.open(filesync_deployment)
    twin = python.save("twins")
    python.wait_for_content(twin, "twins")
    python.close()  # it would upload the other twin as well, and cross the page that makes it
    typescript.open(filesync_deployment)
    typescript.wait_for_content(twin, "twins")
    doomed = typescript.save("twins")
    typescript.wait_for_content(doomed, "twins")
    python.open(filesync_deployment)
    python.wait_for_content(doomed, "twins")

    typescript.delete(doomed)
    python.wait_for_deletion(doomed)
    gone = lambda: not remote_exists(python.page, filesync_deployment.store_id, sha256("twins"))  # noqa: E731
    wait_until(gone, "the object is gone", timeout=SLOW, page=python.page)
    newcomer = PythonPage(open_pyodide_page(new_context()))
    newcomer.open(filesync_deployment)
    for page in newcomer, python:
        page.wait_for_content(twin, "twins")
    wait_until(
        lambda: _has_bytes(typescript, twin), "its own copy is back", timeout=SLOW, page=typescript.page
    )
    typescript.wait_for_content(twin, "twins")
    newcomer.close()


@pytest.mark.thorough
def test_a_file_that_python_brings_back_stays_deleted_for_typescript(
    selenium: PyodidePage, typescript: TypeScriptPage, filesync_deployment: Deployment
) -> None:
    """livestore-filesync passes over what undoes a deletion; its tables and its later events are as ever."""
    python = PythonPage(selenium, keeps=True)
    pages = python, typescript
    for page in pages:
        page.open(filesync_deployment)
    file_id = typescript.save("kept")
    _wait_for_content(file_id, "kept", pages)
    typescript.delete(file_id)
    deleted = f"SELECT deletedAt IS NOT NULL AS deleted FROM files WHERE id = '{file_id}'"
    python.wait_for(deleted, [{"deleted": 1}])
    python.restore(file_id)
    python.wait_for_content(file_id, "kept")
    # What comes behind it has arrived: then it is the other page's turn.
    _wait_for_content(python.save("behind it"), "behind it", pages)
    after = typescript.save("after")
    _wait_for_content(after, "after", pages)
    assert typescript.query(deleted) == [{"deleted": 1}]
    assert python.query(deleted) == [{"deleted": 0}]
    python.close()


def _has_bytes(page: TypeScriptPage, file_id: str) -> bool:
    """Its row does not tell: it says so also while the bytes are gone."""
    [row] = page.query(f"SELECT path FROM files WHERE id = '{file_id}'")
    try:
        return bool(page.read(row["path"]))
    except Error:
        return False


def _wait_for_content(file_id: str, text: str, pages: tuple[FilesPage, ...]) -> None:
    for page in pages:
        page.wait_for_content(file_id, text)
