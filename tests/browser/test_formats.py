"""Files, their types and background uploads: later versions take them over, earlier ones refuse them."""

from __future__ import annotations

import json

import pytest

from tests.harness import PyodidePage, run_in_pyodide
from tools.common import ROOT

KEPT = ROOT / "tests" / "data" / "formats" / "browser-1.json"

WRITE = """async ({ files, databases }) => {
    for (const [path, text] of Object.entries(files)) {
        let folder = await navigator.storage.getDirectory();
        const names = path.split("/");
        const name = names.pop();
        for (const step of names) folder = await folder.getDirectoryHandle(step, { create: true });
        const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
        await writable.write(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
        await writable.close();
    }
    for (const [name, { version, stores }] of Object.entries(databases)) {
        const opening = indexedDB.open(name, version);
        opening.onupgradeneeded = () => {
            for (const store of Object.keys(stores)) opening.result.createObjectStore(store);
        };
        const database = await new Promise((done) => { opening.onsuccess = () => done(opening.result); });
        const transaction = database.transaction(Object.keys(stores), "readwrite");
        for (const [store, entries] of Object.entries(stores))
            for (const [key, value] of entries) transaction.objectStore(store).put(value, key);
        await new Promise((resolve) => { transaction.oncomplete = resolve; });
        database.close();
    }
}"""

TYPES = """() => new Promise((resolve) => {
    const opening = indexedDB.open("livestore-filesync");
    opening.onsuccess = () => {
        const asking = opening.result.transaction("contentTypes").objectStore("contentTypes").getAll();
        asking.onsuccess = () => { opening.result.close(); resolve(asking.result); };
    };
})"""

MARK = """(name) => new Promise((resolve) => {
    const opening = indexedDB.open(name, 99);
    opening.onsuccess = () => { opening.result.close(); resolve(); };
})"""


@pytest.fixture
def page(selenium_standalone: PyodidePage) -> PyodidePage:
    """A page that has not used its storage yet, with what was kept in it."""
    selenium_standalone.driver.evaluate(WRITE, json.loads(KEPT.read_text()))
    return selenium_standalone


@run_in_pyodide
async def use_all(selenium: PyodidePage) -> None:
    """Everything is there, and can be gone on with."""
    import hashlib

    from filesync_web.browser.background_uploads import ServiceWorkerUploads
    from filesync_web.browser.blobs import OpfsBlobStore

    blobs = OpfsBlobStore("kept")
    data = b"kept bytes\n"
    digest = hashlib.sha256(data).hexdigest()
    assert await blobs.sweep() == 0
    assert await blobs.list() == {digest: len(data)}
    js_file = await blobs.open(digest)
    assert (await js_file.arrayBuffer()).to_bytes() == data
    uploads = ServiceWorkerUploads("kept", blobs.worker, lock="lead", include_credentials=False)
    assert await uploads.file_ids() == {"waits", "done"}
    assert await uploads.was_uploaded("done", f"kept/{digest}")
    await uploads.clear()
    await blobs.put(b"more", mime_type="image/png")
    assert len(await blobs.list()) == 2
    blobs.close()


@run_in_pyodide
async def errors_of_a_save(selenium: PyodidePage) -> list[str]:
    """What a save says, and what the list of background uploads says."""
    from filesync_web import StorageError
    from filesync_web.browser.background_uploads import ServiceWorkerUploads
    from filesync_web.browser.blobs import OpfsBlobStore

    blobs = OpfsBlobStore("kept")
    uploads = ServiceWorkerUploads("kept", blobs.worker, lock="lead", include_credentials=False)
    said = []
    for work in (blobs.put(b"more", mime_type="image/png"), uploads.file_ids()):
        try:
            await work
        except StorageError as error:
            said.append(str(error))
    blobs.close()
    return said


def test_what_a_page_of_an_earlier_version_has_left_is_taken_over(page: PyodidePage) -> None:
    use_all(page)
    assert sorted(page.driver.evaluate(TYPES)) == ["image/png", "text/plain"]


def test_what_a_page_of_a_newer_version_has_left_is_refused_with_words(page: PyodidePage) -> None:
    for name in ("livestore-filesync", "livestore-filesync-uploads"):
        page.driver.evaluate(MARK, name)
    said = errors_of_a_save(page)
    assert len(said) == 2
    assert all("newer version of filesync-web" in words for words in said)
