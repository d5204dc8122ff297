"""What crosses from JavaScript to Python: values, promises and what they are rejected with."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("'a text'", "Error: a text"),
        ("undefined", "Error: no reason was given"),
        ("null", "Error: no reason was given"),
        ("({ a: 1 })", "Error: [object Object]"),
        ("new TypeError('of ours')", "TypeError: of ours"),
        ("new DOMException('of the browser', 'AbortError')", "AbortError: of the browser"),
        ("(() => { const e = new TypeError('of WebKit'); delete e.stack; return e; })()", "TypeError: of"),
    ],
)
@run_in_pyodide
async def test_every_rejection_ends_the_waiting(selenium: PyodidePage, reason: str, words: str) -> None:
    """Python's own `await` does not end when the reason has no stack, as errors that WebKit itself makes."""
    import asyncio

    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.js_util import JsError, call, ignore, value_of

    js_failing = run_js(
        f"({{ get failed() {{ return this.fail(); }}, fail: () => Promise.reject({reason}) }})"
    )
    async with asyncio.timeout(30):
        with pytest.raises(JsError) as raised:
            await call(js_failing, "fail")
        assert str(raised.value).startswith(words)
        with pytest.raises(JsError) as raised:
            await value_of(js_failing.failed)
        assert str(raised.value).startswith(words)
        ignore(js_failing, "fail")


@run_in_pyodide
async def test_a_method_that_throws_at_once(selenium_everywhere: PyodidePage) -> None:
    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.js_util import JsError, call, ignore

    js_failing = run_js("({ fail() { throw new RangeError('at once'); } })")
    with pytest.raises(JsError, match="RangeError: at once"):
        await call(js_failing, "fail")
    ignore(js_failing, "fail")


@run_in_pyodide
async def test_values_of_promises(selenium_everywhere: PyodidePage) -> None:
    from pyodide.code import run_js

    from filesync_web.browser.js_util import call, is_none, value_of

    js_giving = run_js("({ five: Promise.resolve(5), async give(...values) { return values.at(-1); } })")
    assert await value_of(js_giving.five) == 5
    assert await call(js_giving, "give", "a", "text") == "text"
    assert is_none(await call(js_giving, "give", run_js("null")))
    assert is_none(await call(js_giving, "give"))
    assert (await call(js_giving, "give", run_js("({ a: [1, 2] })"))).a.to_py() == [1, 2]


WEBKIT = """
const errorWithoutStack = () => {
  const error = new TypeError("as WebKit says it");
  delete error.stack;
  return Promise.reject(error);
};
"""


@pytest.fixture
def webkit() -> str:
    return WEBKIT


@pytest.mark.thorough
@run_in_pyodide
async def test_adapters_end_when_the_browser_rejects_without_a_stack(
    selenium_standalone: PyodidePage, store_id: str, webkit: str
) -> None:
    import asyncio

    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.browser.http import BrowserHttp
    from filesync_web.browser.locks import WebLocks
    from filesync_web.errors import NetworkError, StorageUnavailableError

    run_js(
        webkit
        + """
        globalThis.fetch = errorWithoutStack;
        navigator.locks.request = errorWithoutStack;
        navigator.storage.getDirectory = errorWithoutStack;
        """
    )
    blobs = OpfsBlobStore(store_id)
    blobs.worker.source = f"{webkit} navigator.storage.getDirectory = errorWithoutStack;{blobs.worker.source}"
    async with asyncio.timeout(30):
        with pytest.raises(NetworkError, match="as WebKit says it"):
            await BrowserHttp().request("GET", "/", headers={}, timeout=30)
        with pytest.raises(StorageUnavailableError, match="as WebKit says it"):
            async with WebLocks("x").hold("y", exclusive=True):
                pass
        assert not (await blobs.storage_status()).available
        with pytest.raises(StorageUnavailableError, match="as WebKit says it"):
            await blobs.put(b"hello")
    blobs.close()


@run_in_pyodide
async def test_a_stream_that_fails_with_a_text_ends_its_put(selenium: PyodidePage, store_id: str) -> None:
    import asyncio

    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import StorageError

    blobs = OpfsBlobStore(store_id)
    failing = run_js("new ReadableStream({ pull(controller) { controller.error('a text'); } })")
    async with asyncio.timeout(30):
        with pytest.raises(StorageError, match="a text"):
            await blobs.put(failing)
    assert await blobs.list() == {}
    blobs.close()


COUNTING = """
let listeners = 0;
const add = AbortSignal.prototype.addEventListener;
AbortSignal.prototype.addEventListener = function (...about) {
  listeners += 1;
  return add.apply(this, about);
};
const post = self.postMessage.bind(self);
self.postMessage = (message, ...more) =>
  post(message.value?.hash ? { ...message, value: { ...message.value, listeners } } : message, ...more);
"""


@pytest.fixture
def counting() -> str:
    return COUNTING


@run_in_pyodide
async def test_a_put_listens_for_its_abort_once_however_many_chunks_it_has(
    selenium: PyodidePage, store_id: str, counting: str
) -> None:
    from filesync_web.browser import js_sources
    from filesync_web.browser.blobs import OpfsBlobStore

    blobs = OpfsBlobStore(store_id)
    blobs.worker.source = counting + blobs.worker.source
    found = []
    for chunks in (2, 200):
        job = blobs.worker.start("put", storeId=store_id)
        await js_sources.pump(job, iter([bytes(100)] * chunks))
        found.append((await job.result()).listeners)
    assert found[1] - found[0] == found[0]
    blobs.close()


ASKING = """
let asked = 0;
const locked = new Set();
const { createWritable } = FileSystemFileHandle.prototype;
FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
  asked += 1;
  locked.add(this.name);
  throw new DOMException("not here", "NotSupportedError");
};
FileSystemFileHandle.prototype.createWritable = async function (options) {
  if (locked.has(this.name)) throw new DOMException("locked for good", "InvalidStateError");
  return createWritable.call(this, options);
};
const { removeEntry } = FileSystemDirectoryHandle.prototype;
FileSystemDirectoryHandle.prototype.removeEntry = async function (name) {
  if (locked.has(name)) throw new DOMException("locked for good", "NoModificationAllowedError");
  return removeEntry.call(this, name);
};
addEventListener("message", (event) => {
  if (event.data.op !== "count") return;
  event.stopImmediatePropagation(); // the script does not know it
  postMessage({ id: event.data.id, value: asked });
});
"""


@pytest.fixture
def asking() -> str:
    return ASKING


@run_in_pyodide
async def test_synchronous_handles_are_tried_once_where_the_try_locks_the_file_for_good(
    selenium: PyodidePage, store_id: str, asking: str
) -> None:
    """As in WebKitGTK. The file of the try is swept away by a later worker."""
    import asyncio
    import hashlib

    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page.blobs import leftovers

    blobs = OpfsBlobStore(store_id)
    blobs.worker.source = asking + blobs.worker.source
    contents = [b"one", b"two" * 2_000_000, b"three"]
    stored = await asyncio.gather(*map(blobs.put, contents))
    assert [info.content_hash for info in stored] == [hashlib.sha256(c).hexdigest() for c in contents]
    assert await blobs.worker.run("count") == 1
    assert [name[:4] for name in await leftovers(store_id)] == ["try-"]
    assert await blobs.sweep() == 0
    blobs.close()
    later = OpfsBlobStore(store_id)
    assert await later.sweep() == 1
    assert await leftovers(store_id) == []
    later.close()


COUNTING_HANDLES = """
let opened = 0;
const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
  const handle = await createSyncAccessHandle.call(this);
  opened += 1;
  return handle;
};
addEventListener("message", (event) => {
  if (event.data.op !== "count") return;
  event.stopImmediatePropagation(); // the script does not know it
  postMessage({ id: event.data.id, value: opened });
});
"""


@pytest.fixture
def counting_handles() -> str:
    return COUNTING_HANDLES


@pytest.mark.firefox
@pytest.mark.feature("fast writing (synchronous OPFS handles)")
@run_in_pyodide
async def test_files_are_written_by_synchronous_handles(
    selenium: PyodidePage, store_id: str, counting_handles: str
) -> None:
    from filesync_web.browser.blobs import OpfsBlobStore

    blobs = OpfsBlobStore(store_id)
    blobs.worker.source = counting_handles + blobs.worker.source
    await blobs.put(b"two" * 2_000_000)
    assert await blobs.worker.run("count") >= 1
    blobs.close()
