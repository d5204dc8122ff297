"""The browser's blob store where something is missing: room, a secure context, or leave to start a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from filesync_web.core.scripts import join_scripts
from tests.contract.server import serve
from tests.contract.site import FaultSite, content, sha256
from tests.harness import PyodidePage, run_in_pyodide
from tools.common import ROOT

MIB = 1 << 20
Blob = tuple[str, int, str]
"""Where a file is, its size and its hash."""


@pytest.fixture(scope="module")
def site() -> FaultSite:
    return FaultSite()


@pytest.fixture(scope="module")
def fault_site(site: FaultSite) -> Iterator[str]:
    with serve(site) as url:
        yield url


@pytest.fixture
def large(fault_site: str, store_id: str) -> Blob:
    """A file for which there is no room."""
    size = 8 * MIB
    return f"{fault_site}/blob?size={size}&key={store_id}", size, sha256(content(size))


@run_in_pyodide
async def test_storage_status_and_persistence(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    store = OpfsBlobStore(store_id)
    status = await store.storage_status()
    assert (status.available, status.persisted, status.private_mode) == (True, False, None)
    assert status.usage is not None
    assert status.usage >= 0
    assert status.quota is not None
    assert status.quota > 0
    in_window = hasattr(js, "window") and hasattr(js, "document")
    assert await store.request_persistence() in ((True, False) if in_window else (None,))


@pytest.fixture
def quota(selenium_standalone: PyodidePage) -> int:
    """Lower the origin's quota to 3 MiB, which the estimate does not know."""
    session = selenium_standalone.context.new_cdp_session(selenium_standalone.driver)
    origin = selenium_standalone.driver.evaluate("location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 3 * MIB})
    return 3 * MIB


@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
@pytest.mark.usefixtures("quota")
@pytest.mark.parametrize(
    "how",
    [
        "blob",
        "download",
        *(pytest.param(how, marks=pytest.mark.thorough) for how in ("stream", "iterator", "created")),
    ],
)
@run_in_pyodide
async def test_a_full_disk_is_a_quota_error_with_nothing_half_written(
    selenium_standalone: PyodidePage,
    store_id: str,
    large: Blob,
    how: str,
) -> None:
    import js
    import pytest

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import QuotaExceededError
    from tests.in_page.blobs import leftovers

    store = OpfsBlobStore(store_id)
    url, size, content_hash = large

    async def create() -> None:
        new = await store.create_bytes()
        try:
            for at in range(0, size, 1 << 20):
                new.write(at, memoryview(bytes(1 << 20)))
                await new.drain()
            await new.finish()
        finally:
            await new.discard()

    sources = {
        "blob": lambda: store.put(js.Blob.new([js.Uint8Array.new(size)])),
        "stream": lambda: store.put(js.Blob.new([js.Uint8Array.new(size)]).stream()),
        "iterator": lambda: store.put(iter([bytes(1 << 20)] * (size >> 20))),
        "created": create,
        "download": lambda: store.download(url, {}, content_hash=content_hash, size=size, stall_timeout=30),
    }
    with pytest.raises(QuotaExceededError, match="no room"):
        await sources[how]()
    assert await leftovers(store_id) == []
    assert await store.list() == {}


@run_in_pyodide
async def refusals(selenium: PyodidePage, store_id: str, large: Blob) -> list[str]:
    """What a put and a download say when the browser estimates that 2 MB are left; then a MiB is put."""
    import js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import QuotaExceededError
    from tests.in_page.blobs import leftovers

    store = OpfsBlobStore(store_id)
    url, size, content_hash = large
    little = "navigator.storage.estimate = async () => ({ quota: 5_000_000, usage: 3_000_000 });\n"
    store.worker.source = little + store.worker.source
    said = []
    for attempt in (
        store.put(js.Blob.new([js.Uint8Array.new(size)])),
        store.download(url, {}, content_hash=content_hash, size=size, stall_timeout=30),
    ):
        try:
            await attempt
        except QuotaExceededError as error:
            said.append(str(error))
    assert await leftovers(store_id) == []
    assert (await store.put(js.Uint8Array.new(1 << 20))).size == 1 << 20
    return said


def test_too_little_room_is_known_before_anything_is_written(
    selenium: PyodidePage, store_id: str, site: FaultSite, large: Blob
) -> None:
    said = refusals(selenium, store_id, large)
    assert ["2000000 more bytes, but 8388608" in words for words in said] == [True, True], said
    assert site.log[store_id] == []


def test_an_insecure_page_is_told_what_to_do(new_context: Callable[[], BrowserContext]) -> None:
    page = new_context().new_page()
    page.route("http://insecure.test/", lambda route: route.fulfill(body="<title>insecure</title>"))
    page.goto("http://insecure.test/")
    found = page.evaluate(
        """async (scripts) => {
          const { findBlob } = new Function(`${scripts}; return { findBlob };`)();
          const error = await findBlob("x", "y").catch((error) => error);
          return [error.type, error.message];
        }""",
        join_scripts("opfs.js", lambda name: (ROOT / "filesync_web/browser" / name).read_text()),
    )
    assert found[0] == "StorageUnavailableError"
    assert "https:" in found[1]


@pytest.mark.parametrize("missing", ["storage", "locks"])
@run_in_pyodide
async def test_a_browser_without_what_files_need_is_not_available(
    selenium_standalone: PyodidePage, store_id: str, missing: str
) -> None:
    import js
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore

    run_js(f"Object.defineProperty(navigator, '{missing}', {{ value: undefined }})")
    assert getattr(js.navigator, missing) is None
    assert not (await OpfsBlobStore(store_id).storage_status()).available
