"""The browser's blob store: JavaScript sources, several tabs, reloads, full disks, and missing abilities."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.contract.server import serve
from tests.contract.site import FaultSite, content, sha256
from tests.harness import open_python_page, run_python
from tests.harness.python_page import wait_for_python
from tests.unit.test_image_size import exif
from tools.common import ROOT

MIB = 1 << 20
# Two pixels, of 24 bits each
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 62, 0, 0, 54, 40, 2, 1, 1, 24, 0, 8, 0, 0, 0, 0) + bytes(8)


@pytest.fixture(scope="module")
def site() -> FaultSite:
    return FaultSite()


@pytest.fixture(scope="module")
def fault_site(site: FaultSite) -> Iterator[str]:
    with serve(site) as url:
        yield url


OPEN = """
global js, to_js, store
import js
from pyodide.ffi import to_js
from filesync_web.browser.blobs import OpfsBlobStore
store = OpfsBlobStore(store_id)
"""


def open_store(page: Page, store_id: str) -> Page:
    run_python(page, OPEN, store_id=store_id)
    return page


@pytest.fixture
def page(python_page: Page, store_id: str) -> Page:
    """Each of the three contexts, with an empty store."""
    return open_store(python_page, store_id)


@pytest.fixture
def tab(new_context: Callable[[], BrowserContext], store_id: str) -> Page:
    """A fresh bare page with an empty store."""
    return open_store(open_python_page(new_context()), store_id)


def leftovers(page: Page) -> list[str]:
    """The names of all temporary files of the page's store."""
    return run_python(
        page,
        """
        root = await js.navigator.storage.getDirectory()
        try:
            for name in ("livestore-filesync-incoming", store.store_id):
                root = await root.getDirectoryHandle(name)
        except Exception:
            return []
        return list(await js.Array.fromAsync(root.keys()))
        """,
    )


# --- sources and handles ---


def test_every_javascript_source(page: Page) -> None:
    found = run_python(
        page,
        """
        text = js.TextEncoder.new().encode("hello")
        whole = js.Uint8Array.new(to_js([9, 104, 101, 108, 108, 111, 9]))
        sources = {
            "file": js.File.new(to_js(["hello"]), "a.txt", js.JSON.parse('{"type": "text/plain"}')),
            "blob": js.Blob.new(to_js(["hello"])),
            "array": text,
            "view": whole.subarray(1, 6),
            "buffer": text.slice().buffer,
            "stream": js.Blob.new(to_js(["hello"])).stream(),
        }
        infos = {}
        for name, source in sources.items():
            said = store.describe(source)
            info = await store.put(source)
            infos[name] = [said.name, said.mime_type, said.size, info.content_hash, info.size]
        # The caller's bytes are still the caller's.
        return [infos, text.byteLength]
        """,
    )
    digest = sha256(b"hello")
    assert found == [
        {
            "file": ["a.txt", "text/plain", 5, digest, 5],
            "blob": ["", "", 5, digest, 5],
            "array": ["", "", 5, digest, 5],
            "view": ["", "", 5, digest, 5],
            "buffer": ["", "", 5, digest, 5],
            "stream": ["", "", None, digest, 5],
        },
        5,
    ]


def test_a_handle_has_the_name_and_type_that_were_asked_for(page: Page) -> None:
    found = run_python(
        page,
        """
        info = await store.put(b"hello")
        file = await store.open(info.content_hash, name="ä.txt", mime_type="text/plain")
        plain = await store.open(info.content_hash)
        url = await store.url(info.content_hash, mime_type="text/html")
        answer = await js.fetch(url)
        body = [answer.headers.get("content-type"), await answer.text()]
        store.revoke_url(info.content_hash)
        try:
            await js.fetch(url)
            revoked = False
        except Exception:
            revoked = True
        said = [file.name, file.type, file.size, await file.text(), plain.name == info.content_hash]
        return [*said, body, revoked]
        """,
    )
    assert found == ["ä.txt", "text/plain", 5, "hello", True, ["text/html", "hello"], True]


def test_an_unusable_source_is_refused(page: Page) -> None:
    found = run_python(
        page,
        """
        from filesync_web.errors import InvalidArgumentError
        said = []
        for wrong in (js.Object.new(), js.JSON, js.Promise.resolve(1), js.Array.new()):
            for call in (store.describe, store.put):
                try:
                    result = call(wrong)
                    await result
                except InvalidArgumentError as error:
                    said.append("cannot be stored" in str(error))
        return said
        """,
    )
    assert found == [True] * 8


def test_a_stream_that_fails_or_gives_no_bytes_leaves_nothing(page: Page) -> None:
    found = run_python(
        page,
        """
        from pyodide.code import run_js
        streams = run_js('''({
          failing: () => new ReadableStream({
            pull(controller) {
              if (this.given) controller.error(new Error("on purpose"));
              else controller.enqueue(new Uint8Array(this.given = 1000));
            },
          }),
          text: () => new ReadableStream({ start(controller) { controller.enqueue("text"); } }),
          locked: () => { const stream = new ReadableStream(); stream.getReader(); return stream; },
        })''')
        said = []
        for name in ("failing", "text", "locked"):
            try:
                await store.put(getattr(streams, name)())
            except Exception as error:
                said.append([type(error).__name__, str(error)])
        return said
        """,
    )
    assert [kind for kind, _ in found] == ["StorageError", "InvalidArgumentError", "StorageError"]
    assert "on purpose" in found[0][1]
    assert run_python(page, "return await store.list()") == {}
    assert leftovers(page) == []


def test_a_cancelled_put_cancels_its_stream(page: Page) -> None:
    found = run_python(
        page,
        """
        import asyncio
        from pyodide.code import run_js
        made = run_js('''(() => {
          const made = {};
          made.cancelled = new Promise((resolve) => (made.cancel = resolve));
          made.started = new Promise((resolve) => (made.start = resolve));
          made.stream = new ReadableStream({
            start(controller) { controller.enqueue(new Uint8Array(10)); },
            pull() { made.start(); return new Promise(() => {}); },
            cancel() { made.cancel("cancelled"); },
          });
          return made;
        })()''')
        task = asyncio.create_task(store.put(made.stream))
        await made.started
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return [await made.cancelled, await store.list()]
        """,
    )
    assert found == ["cancelled", {}]
    assert leftovers(page) == []


def test_the_type_is_kept_for_the_service_worker_and_goes_with_the_content(page: Page, store_id: str) -> None:
    read = """
    from pyodide.code import run_js
    look_up = run_js('''(key) => new Promise((resolve, reject) => {
      const opening = indexedDB.open("livestore-filesync");
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        const request = database.transaction("contentTypes").objectStore("contentTypes").get(key);
        request.onsuccess = () => { database.close(); resolve(request.result ?? "nothing"); };
      };
    })''')
    return await look_up(key)
    """
    digest = run_python(page, "return (await store.put(b'abc', mime_type='image/webp')).content_hash")
    assert run_python(page, read, key=f"{store_id}/{digest}") == "image/webp"
    run_python(page, "await store.delete(digest)", digest=digest)
    assert run_python(page, read, key=f"{store_id}/{digest}") == "nothing"


def test_image_sizes_are_those_that_the_browser_decodes(page: Page) -> None:
    """In the header, in a turned photograph's, or found by decoding."""
    found = run_python(
        page,
        """
        from pyodide.code import run_js
        draw = run_js('''async (type, width, height) => {
          const canvas = new OffscreenCanvas(width, height);
          canvas.getContext("2d").fillRect(0, 0, 5, 5);
          return new Uint8Array(await (await canvas.convertToBlob({ type })).arrayBuffer());
        }''')
        decode = run_js('''async (bytes, type) => {
          const bitmap = await createImageBitmap(new Blob([bytes], { type }));
          return [bitmap.width, bitmap.height];
        }''')
        images = {}
        for kind in ("png", "jpeg", "webp"):
            images[f"image/{kind}"] = (await draw(f"image/{kind}", 321, 123)).to_bytes()
        exif = bytes.fromhex(turned)
        images["image/jpeg; turned"] = images["image/jpeg"][:2] + exif + images["image/jpeg"][2:]
        images["image/bmp"] = bytes.fromhex(bmp)
        sizes = {}
        for kind, data in images.items():
            info = await store.put(data)
            told = await store.image_size(info.content_hash, mime_type=kind.partition(";")[0])
            sizes[kind] = [list(told), (await decode(to_js(data), kind.partition(";")[0])).to_py()]
        for kind, data in (("image/png", b"no image"), ("image/svg+xml", b"<svg/>")):
            info = await store.put(data)
            sizes[f"not {kind}"] = await store.image_size(info.content_hash, mime_type=kind)
        return sizes
        """,
        turned=exif(6, "<").hex(),
        bmp=BMP.hex(),
    )
    shown, turned = [321, 123], [123, 321]
    assert found == {
        "image/png": [shown, shown],
        "image/jpeg": [shown, shown],
        "image/webp": [shown, shown],
        "image/jpeg; turned": [turned, turned],
        "image/bmp": [[2, 1], [2, 1]],
        "not image/png": None,
        "not image/svg+xml": None,
    }


def test_storage_status_and_persistence(python_page: Page, store_id: str) -> None:
    open_store(python_page, store_id)
    status, granted, window = run_python(
        python_page,
        """
        status = await store.storage_status()
        kept = [status.available, status.persisted, status.private_mode, status.usage >= 0, status.quota > 0]
        return [kept, await store.request_persistence(), hasattr(js, "window") and hasattr(js, "document")]
        """,
    )
    assert status == [True, False, None, True, True]
    assert granted in ((True, False) if window else (None,))


def test_the_engine_collects_no_stream_that_is_being_read(tab: Page) -> None:
    """Chromium once did, at the first collection of garbage after some 60 puts, which then never ended."""
    found = run_python(
        tab,
        """
        bytes = js.Uint8Array.new(65536)
        for number in range(200):
            bytes[0] = number
            await store.put(js.Blob.new(to_js([bytes])))
        return len(await store.list())
        """,
        timeout=100,
    )
    assert found == 200


def test_callbacks_are_let_go_of(tab: Page) -> None:
    alive = run_python(
        tab,
        """
        import gc, weakref
        class Progress:
            def __call__(self, done, total):
                pass
        progress = Progress()
        reference = weakref.ref(progress)
        await store.put(js.Blob.new(to_js(["x" * 100])), progress=progress)
        await store.put(b"y" * 3_000_000, progress=progress)
        del progress
        gc.collect()
        return reference() is not None
        """,
    )
    assert alive is False


# --- reloads, crashes and several tabs ---

HANG_IN_PUT = """
import asyncio
global running, reached
reached = asyncio.Event()
async def slow():
    yield b"x" * 2_000_000
    reached.set()
    await asyncio.Event().wait()
running = asyncio.create_task(store.put(slow()))
await reached.wait()
"""


def test_a_reload_in_mid_put_leaves_nothing_visible_and_a_sweep_cleans_up(tab: Page, store_id: str) -> None:
    run_python(tab, HANG_IN_PUT)
    assert len(leftovers(tab)) == 1
    tab.reload()
    wait_for_python(tab)
    open_store(tab, store_id)
    assert run_python(tab, "return [await store.list(), await store.sweep(), await store.sweep()]") == [
        {},
        1,
        0,
    ]
    assert leftovers(tab) == []


def test_a_sweep_in_another_tab_leaves_a_running_put_alone(tab: Page, store_id: str) -> None:
    run_python(tab, HANG_IN_PUT)
    other = open_store(open_python_page(tab.context), store_id)
    assert run_python(other, "return await store.sweep()") == 0
    tab.close()
    swept = "while not await store.sweep():\n    pass\nreturn await store.list()"
    assert run_python(other, swept) == {}  # as soon as the browser has noticed that the tab is gone


DOWNLOAD = """
import asyncio
global running, seen, reached
reached = asyncio.Event()
seen = []
def progress(done, total):
    seen.append(done)
    if done >= enough:
        reached.set()
running = asyncio.create_task(
    store.download(url, {}, content_hash=digest, size=size, progress=progress, stall_timeout=30)
)
"""


def remote(fault_site: str, key: str, size: int, **faults: Any) -> dict[str, Any]:
    query = "".join(f"&{name}={value}" for name, value in faults.items())
    return {
        "url": f"{fault_site}/blob?size={size}&key={key}{query}",
        "digest": sha256(content(size)),
        "size": size,
        "enough": 0,
    }


def test_a_reload_in_mid_download_goes_on_where_it_was(
    tab: Page, store_id: str, site: FaultSite, fault_site: str
) -> None:
    size, here = 6 * MIB, 5 * MIB
    wanted = {**remote(fault_site, store_id, size, stall=here, times=1), "enough": here}
    run_python(tab, DOWNLOAD + "await reached.wait()", **wanted)
    tab.reload()
    wait_for_python(tab)
    open_store(tab, store_id)
    assert run_python(tab, "return await store.sweep()") == 0
    info = run_python(tab, DOWNLOAD + "return (await running).size", **wanted)
    assert info == size
    ranges = [request["headers"].get("range") for request in site.log[store_id]]
    assert ranges == [None, f"bytes={here}-"]
    assert leftovers(tab) == []


def test_two_tabs_download_one_content_once(
    tab: Page, store_id: str, site: FaultSite, fault_site: str
) -> None:
    wanted = {**remote(fault_site, store_id, 6 * MIB, stall=5 * MIB, times=1), "enough": 5 * MIB}
    run_python(tab, DOWNLOAD + "await reached.wait()", **wanted)
    other = open_store(open_python_page(tab.context), store_id)
    run_python(other, DOWNLOAD, **wanted)  # waits for the first tab
    assert len(site.log[store_id]) == 1
    tab.close()
    assert run_python(other, "return (await running).size") == 6 * MIB
    assert [request["headers"].get("range") for request in site.log[store_id]] == [None, f"bytes={5 * MIB}-"]


def test_a_store_that_allows_no_if_range_is_asked_without(
    tab: Page, store_id: str, site: FaultSite, fault_site: str
) -> None:
    wanted = remote(fault_site, store_id, 8 * MIB, cut=6 * MIB, times=1, deny="if-range")
    with pytest.raises(AssertionError, match="NetworkError"):
        run_python(tab, DOWNLOAD + "await running", **wanted)
    assert run_python(tab, DOWNLOAD + "return (await running).size", **wanted) == 8 * MIB
    headers = site.log[store_id][-1]["headers"]
    assert headers["range"].startswith("bytes=")
    assert "if-range" not in headers


# --- what does not work everywhere ---


@pytest.fixture
def with_quota(tab: Page) -> Callable[[int], None]:
    """Lower the origin's quota to so many bytes."""
    session = tab.context.new_cdp_session(tab)
    origin = tab.evaluate("location.origin")
    return lambda quota: session.send(
        "Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": quota}
    )


@pytest.mark.parametrize("how", ["blob", "stream", "iterator", "download"])
def test_a_full_disk_is_a_quota_error_with_nothing_half_written(
    tab: Page, store_id: str, with_quota: Callable[[int], None], fault_site: str, how: str
) -> None:
    with_quota(3 * MIB)  # which the estimate does not know
    sources = {
        "blob": "await store.put(js.Blob.new(to_js([js.Uint8Array.new(8 << 20)])))",
        "stream": "await store.put(js.Blob.new(to_js([js.Uint8Array.new(8 << 20)])).stream())",
        "iterator": "await store.put(iter([bytes(1 << 20)] * 8))",
        "download": DOWNLOAD + "await running",
    }
    with pytest.raises(AssertionError, match=r"QuotaExceededError: .*no room"):
        run_python(tab, sources[how], **remote(fault_site, store_id, 8 * MIB))
    assert leftovers(tab) == []
    assert run_python(tab, "return await store.list()") == {}


def test_too_little_room_is_known_before_anything_is_written(
    tab: Page, store_id: str, site: FaultSite, fault_site: str
) -> None:
    source = """
        little = "navigator.storage.estimate = async () => ({ quota: 5_000_000, usage: 3_000_000 });\\n"
        store._js_client.workerSource = little + store._js_client.workerSource
        """
    run_python(tab, source)
    with pytest.raises(AssertionError, match=r"QuotaExceededError: .* 2000000 more bytes, but 8388608"):
        run_python(tab, "await store.put(js.Blob.new(to_js([js.Uint8Array.new(8 << 20)])))")
    with pytest.raises(AssertionError, match=r"QuotaExceededError: .* 2000000 more bytes, but 8388608"):
        run_python(tab, DOWNLOAD + "await running", **remote(fault_site, store_id, 8 * MIB))
    assert site.log[store_id] == []
    assert leftovers(tab) == []
    assert run_python(tab, "return (await store.put(js.Uint8Array.new(1 << 20))).size") == MIB


def test_an_insecure_page_is_told_what_to_do(new_context: Callable[[], BrowserContext]) -> None:
    page = new_context().new_page()
    page.route("http://insecure.test/", lambda route: route.fulfill(body="<title>insecure</title>"))
    page.goto("http://insecure.test/")
    scripts = "".join(
        (ROOT / "filesync_web/browser" / name).read_text() for name in ("opfs.js", "blob_client.js")
    )
    found = page.evaluate(
        """async (scripts) => {
          const names = "{ findBlob, storageStatus }";
          const { findBlob, storageStatus } = new Function(`${scripts}; return ${names};`)();
          const error = await findBlob("x", "y").catch((error) => error);
          return [error.type, error.message, JSON.parse(await storageStatus()).available];
        }""",
        scripts,
    )
    assert found[0] == "StorageUnavailableError"
    assert "https:" in found[1]
    assert found[2] is False


def test_a_page_that_forbids_the_worker_is_told_what_to_do(
    new_context: Callable[[], BrowserContext], site_url: str
) -> None:
    page = new_context().new_page()
    policy = {"content-security-policy": "worker-src 'none'", "content-type": "text/html"}
    page.route(
        f"{site_url}/forbidding", lambda route: route.fulfill(body="<title>strict</title>", headers=policy)
    )
    page.goto(f"{site_url}/forbidding")
    scripts = "".join(
        (ROOT / "filesync_web/browser" / name).read_text() for name in ("opfs.js", "blob_client.js")
    )
    found = page.evaluate(
        """async (scripts) => {
          const { BlobClient } = new Function(scripts + "; return { BlobClient };")();
          const { error } = await new BlobClient("x", "onmessage = () => {}").start("list").done;
          return [error.type, error.message];
        }""",
        scripts,
    )
    assert found[0] == "StorageUnavailableError"
    assert "worker-src blob:" in found[1]
    expect(page).to_have_title("strict")


# --- the small adapters ---


def test_web_locks_exclude_and_share(page: Page, store_id: str) -> None:
    found = run_python(
        page,
        """
        import asyncio
        from filesync_web.browser.locks import WebLocks
        locks = WebLocks(f"{store_id}-")
        order, go = [], asyncio.Event()

        async def use(name, exclusive):
            async with locks.hold("x", exclusive=exclusive):
                order.append(name)
                await go.wait()

        uses = (("a", False), ("b", False), ("c", True), ("d", True))
        tasks = [asyncio.create_task(use(*each)) for each in uses]
        while len(order) < 2:
            await asyncio.sleep(0)
        tasks[2].cancel()
        before = list(order)
        go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [sorted(before), order[2:], [type(result).__name__ for result in results]]
        """,
        store_id=store_id,
    )
    assert found == [["a", "b"], ["d"], ["NoneType", "NoneType", "CancelledError", "NoneType"]]


def test_connectivity_tells_of_the_browsers_events(page: Page) -> None:
    found = run_python(
        page,
        """
        from filesync_web.browser.connectivity import BrowserConnectivity
        seen = []
        stop = BrowserConnectivity().subscribe(seen.append)
        for name in ("offline", "online"):
            js.dispatchEvent(js.Event.new(name))
        stop()
        stop()
        js.dispatchEvent(js.Event.new("offline"))
        return seen
        """,
    )
    assert found == [False, True]


def test_http_resolves_relative_urls_in_every_context(page: Page) -> None:
    status = run_python(
        page,
        """
        from filesync_web.browser.http import BrowserHttp
        http = BrowserHttp()
        info = await store.put(b"abc")
        first = await http.request("GET", "/api/health", headers={}, timeout=10)
        blob = await store.open(info.content_hash)
        second = await http.upload("POST", "/nowhere", headers={}, blob=blob, stall_timeout=10)
        return [first.status, second.status >= 400]
        """,
    )
    assert status == [200, True]
