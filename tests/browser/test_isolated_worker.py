"""A PyScript worker of a cross-origin isolated page: PyScript lends it the page's document and its files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, ServerProcess, open_pyodide_page, run_in_pyodide

pytestmark = pytest.mark.firefox

READING = ["arrayBuffer", "bytes", "slice", "stream", "text"]
COUNT_READS = """(names) => {
    globalThis.reads = [];
    for (const name of names) {
        const original = Blob.prototype[name];
        Blob.prototype[name] = function (...args) { reads.push(name); return original.apply(this, args); };
    }
}"""


@pytest.fixture(scope="module")
def selenium_isolated(
    isolated_server: ServerProcess, new_module_context: Callable[..., BrowserContext]
) -> PyodidePage:
    page = open_pyodide_page(new_module_context(base_url=isolated_server.url), "worker")
    assert page.driver.evaluate("crossOriginIsolated")
    return page


@run_in_pyodide
async def test_a_store_opens_and_syncs_files(selenium_isolated: PyodidePage, store_id: str) -> None:
    import js

    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES, close_client, open_client

    assert hasattr(js, "document")
    await open_client(store_id)
    saved = await kept.sync.save_file(b"hello", name="a.txt")

    def remote_key() -> str:
        record = kept.store.query(FILES.tables.files.where(id=saved.file_id))[0]
        return str(record.remote_key)

    await until(remote_key, "the file is uploaded")
    file = await kept.sync.read_file(saved.file_id)
    assert await file.text() == "hello"
    await close_client()


@run_in_pyodide
async def save_chosen(selenium: PyodidePage, store_id: str) -> tuple[str, str, str]:
    """Save what was chosen on the page: its name, its type, and what was stored."""
    from pyscript import document

    import filesync_web as fs
    from tests.in_page import kept
    from tests.in_page.client import FILES, close_client, open_client

    await open_client(store_id)
    saved = await kept.sync.save_file(document.getElementById("chooser").files[0])
    about = fs.get_file_metadata(kept.store.query(FILES.tables.files.where(id=saved.file_id))[0])
    text = await (await kept.sync.read_file(saved.file_id)).text()
    await close_client()
    return about.name, about.content_type, text


def test_a_file_that_is_chosen_on_the_page_is_saved(selenium_isolated: PyodidePage, store_id: str) -> None:
    """The page reads none of its bytes: the worker gets the file itself."""
    page = selenium_isolated.driver
    page.evaluate("document.body.innerHTML = '<input id=chooser type=file>'")
    page.evaluate(COUNT_READS, READING)
    chosen = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"city,amount\n"}
    page.locator("#chooser").set_input_files([chosen])  # type: ignore[list-item]
    assert save_chosen(selenium_isolated, store_id) == ("a.csv", "text/csv", "city,amount\n")
    assert page.evaluate("reads") == []


@run_in_pyodide
async def test_a_picture_of_the_page_is_saved_smaller(selenium_isolated: PyodidePage, store_id: str) -> None:
    from pyscript import document

    import filesync_web as fs
    from tests.in_page import kept
    from tests.in_page.client import FILES, close_client, open_client

    canvas = document.createElement("canvas")
    canvas.width, canvas.height = 600, 300
    canvas.getContext("2d").fillRect(0, 0, 600, 300)
    of_page = await canvas.ownerDocument.defaultView.fetch(canvas.toDataURL("image/png"))
    smaller = fs.image_preprocessor(max_dimension=100)
    await open_client(store_id, preprocessors={"image/*": smaller})
    saved = await kept.sync.save_file(await of_page.blob(), name="black.png")
    about = fs.get_file_metadata(kept.store.query(FILES.tables.files.where(id=saved.file_id))[0])
    assert (about.width, about.height) == (100, 50)
    await close_client()


@run_in_pyodide
async def test_a_file_that_the_page_cannot_send_is_refused_with_words(
    selenium_isolated: PyodidePage, store_id: str
) -> None:
    import js
    import pytest
    from pyscript import window

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import InvalidArgumentError

    blobs = OpfsBlobStore(store_id)
    js_file = window.File.new(["hello"], "a.txt")
    document, js.document = js.document, None
    try:
        with pytest.raises(InvalidArgumentError, match="belongs to the page"):
            await blobs.put(js_file)
    finally:
        js.document = document
    assert (await blobs.put(js_file)).size == 5
    blobs.close()


@run_in_pyodide
async def test_registering_a_service_worker_is_refused_with_words(selenium_isolated: PyodidePage) -> None:
    import js
    import pytest

    import filesync_web as fs

    js.Reflect.set(js.navigator, "serviceWorker", js.Object.new())  # Firefox and WebKit have one in workers
    with pytest.raises(fs.ServiceWorkerError, match="main thread"):
        await fs.register_file_sync_service_worker()
