"""A PyScript worker of a cross-origin isolated page: PyScript lends it the page's document and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.headers_server import ISOLATED, HeadersServer


@pytest.fixture(scope="module")
def isolated_server(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadersServer]:
    server = HeadersServer(test_site, tmp_path_factory.mktemp("isolated"), ISOLATED)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def selenium_isolated(
    isolated_server: HeadersServer, new_context: Callable[..., BrowserContext]
) -> PyodidePage:
    page = open_pyodide_page(new_context(base_url=isolated_server.url), "worker")
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

    await until(remote_key, "the file is uploaded", timeout=20)
    file = await kept.sync.read_file(saved.file_id)
    assert await file.text() == "hello"
    await close_client()


@run_in_pyodide
async def test_a_file_of_the_page_is_refused_with_words(
    selenium_isolated: PyodidePage, store_id: str
) -> None:
    import pytest
    from pyscript import window

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import InvalidArgumentError

    blobs = OpfsBlobStore(store_id)
    js_file = window.File.new(["hello"], "a.txt")
    with pytest.raises(InvalidArgumentError, match="belongs to the page"):
        await blobs.put(js_file)
    js_bytes = await js_file.arrayBuffer()
    assert (await blobs.put(bytes(js_bytes.to_py()))).size == 5
    blobs.close()


@run_in_pyodide
async def test_registering_a_service_worker_is_refused_with_words(selenium_isolated: PyodidePage) -> None:
    import js
    import pytest

    import filesync_web as fs

    js.Reflect.set(js.navigator, "serviceWorker", js.Object.new())  # Firefox and WebKit have one in workers
    with pytest.raises(fs.ServiceWorkerError, match="main thread"):
        await fs.register_file_sync_service_worker()
