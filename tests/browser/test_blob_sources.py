"""The browser's blob store: what it takes from JavaScript, and what it gives back."""

from __future__ import annotations

import struct

import pytest

from tests.harness import PyodidePage, run_in_pyodide
from tests.unit.test_image_size import exif


@run_in_pyodide
async def test_every_javascript_source(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import hashlib

    import js
    from pyodide.ffi import to_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.ports import BlobInfo, SourceInfo

    text = js.TextEncoder.new().encode("hello")
    whole = js.Uint8Array.new(to_js([9, 104, 101, 108, 108, 111, 9]))
    unnamed = SourceInfo("", "", 5)
    sources = [
        (js.File.new(["hello"], "a.txt", type="text/plain"), SourceInfo("a.txt", "text/plain", 5)),
        (js.Blob.new(["hello"]), unnamed),
        (text, unnamed),
        (whole.subarray(1, 6), unnamed),
        (text.slice().buffer, unnamed),
        (js.Blob.new(["hello"]).stream(), SourceInfo("", "", None)),
    ]
    store = OpfsBlobStore(store_id)
    for source, described in sources:
        assert store.describe(source) == described
        assert await store.put(source) == BlobInfo(hashlib.sha256(b"hello").hexdigest(), 5)
    assert text.byteLength == 5, "the caller's bytes are still the caller's"


@run_in_pyodide
async def test_a_handle_has_the_name_and_type_that_were_asked_for(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import js
    import pytest
    from pyodide.ffi import JsException

    from filesync_web.browser.blobs import OpfsBlobStore

    store = OpfsBlobStore(store_id)
    content_hash = (await store.put(b"hello")).content_hash
    file = await store.open(content_hash, name="ä.txt", mime_type="text/plain")
    assert (file.name, file.type, file.size, await file.text()) == ("ä.txt", "text/plain", 5, "hello")
    plain = await store.open(content_hash)
    assert plain.name == content_hash
    url = await store.url(content_hash, mime_type="text/csv")
    answer = await js.fetch(url)
    assert (answer.headers.get("content-type"), await answer.text()) == ("text/csv", "hello")
    store.revoke_url(content_hash)
    with pytest.raises(JsException):
        await js.fetch(url)


@run_in_pyodide
async def test_an_unusable_source_is_refused(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import js
    import pytest

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import InvalidArgumentError

    store = OpfsBlobStore(store_id)
    for wrong in (js.Object.new(), js.JSON, js.Promise.resolve(1), js.Array.new()):
        with pytest.raises(InvalidArgumentError, match="cannot be stored"):
            store.describe(wrong)
        with pytest.raises(InvalidArgumentError, match="cannot be stored"):
            await store.put(wrong)


@pytest.mark.parametrize(
    ("stream", "error", "words"),
    [
        (
            """new ReadableStream({
              pull(controller) {
                if (this.given) controller.error(new Error("on purpose"));
                else controller.enqueue(new Uint8Array(this.given = 1000));
              },
            })""",
            "StorageError",
            "on purpose",
        ),
        (
            'new ReadableStream({ start(controller) { controller.enqueue("text"); } })',
            "InvalidArgumentError",
            "",
        ),
        (
            "(() => { const stream = new ReadableStream(); stream.getReader(); return stream; })()",
            "StorageError",
            "",
        ),
    ],
    ids=["fails", "gives text", "is locked"],
)
@run_in_pyodide
async def test_a_stream_that_fails_or_gives_no_bytes_leaves_nothing(
    selenium_everywhere: PyodidePage, store_id: str, stream: str, error: str, words: str
) -> None:
    import pytest
    from pyodide.code import run_js

    from filesync_web import errors
    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page.blobs import leftovers

    store = OpfsBlobStore(store_id)
    with pytest.raises(getattr(errors, error), match=words):
        await store.put(run_js(stream))
    assert await store.list() == {}
    assert await leftovers(store_id) == []


@run_in_pyodide
async def test_a_cancelled_put_cancels_its_stream(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import asyncio

    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page.blobs import leftovers

    made = run_js("""(() => {
      const made = {};
      made.cancelled = new Promise((resolve) => (made.cancel = resolve));
      made.started = new Promise((resolve) => (made.start = resolve));
      made.stream = new ReadableStream({
        start(controller) { controller.enqueue(new Uint8Array(10)); },
        pull() { made.start(); return new Promise(() => {}); },
        cancel() { made.cancel("cancelled"); },
      });
      return made;
    })()""")
    store = OpfsBlobStore(store_id)
    task = asyncio.create_task(store.put(made.stream))
    await made.started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await made.cancelled == "cancelled"
    assert await store.list() == {}
    assert await leftovers(store_id) == []


@run_in_pyodide
async def test_the_type_is_kept_for_the_service_worker_and_goes_with_the_content(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore

    look_up = run_js("""(key) => new Promise((resolve, reject) => {
      const opening = indexedDB.open("livestore-filesync");
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const database = opening.result;
        const request = database.transaction("contentTypes").objectStore("contentTypes").get(key);
        request.onsuccess = () => { database.close(); resolve(request.result ?? "nothing"); };
      };
    })""")
    store = OpfsBlobStore(store_id)
    content_hash = (await store.put(b"abc", mime_type="image/webp")).content_hash
    assert await look_up(f"{store_id}/{content_hash}") == "image/webp"
    await store.delete(content_hash)
    assert await look_up(f"{store_id}/{content_hash}") == "nothing"


@pytest.fixture
def turned() -> bytes:
    """What makes a JPEG a photograph that is to be shown turned."""
    return exif(6, "<")


@pytest.fixture
def bmp() -> bytes:
    """A picture of two pixels, of 24 bits each."""
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 62, 0, 0, 54, 40, 2, 1, 1, 24, 0, 8, 0, 0, 0, 0) + bytes(8)


@run_in_pyodide
async def test_image_sizes_are_those_that_the_browser_decodes(
    selenium_everywhere: PyodidePage, store_id: str, turned: bytes, bmp: bytes
) -> None:
    """In the header, in a turned photograph's, or found by decoding."""
    from pyodide.code import run_js
    from pyodide.ffi import to_js

    from filesync_web.browser.blobs import OpfsBlobStore

    draw = run_js("""async (type, width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext("2d").fillRect(0, 0, 5, 5);
      return new Uint8Array(await (await canvas.convertToBlob({ type })).arrayBuffer());
    }""")
    decode = run_js("""async (bytes, type) => {
      const bitmap = await createImageBitmap(new Blob([bytes], { type }));
      return [bitmap.width, bitmap.height];
    }""")
    png, jpeg, webp = [(await draw(f"image/{kind}", 321, 123)).to_bytes() for kind in ("png", "jpeg", "webp")]
    images = [
        ("image/png", png, (321, 123)),
        ("image/jpeg", jpeg, (321, 123)),
        ("image/webp", webp, (321, 123)),
        ("image/jpeg", jpeg[:2] + turned + jpeg[2:], (123, 321)),
        ("image/bmp", bmp, (2, 1)),
    ]
    store = OpfsBlobStore(store_id)
    for mime_type, content, size in images:
        info = await store.put(content)
        assert await store.image_size(info.content_hash, mime_type=mime_type) == size, mime_type
        assert tuple(await decode(to_js(content), mime_type)) == size, mime_type
    for mime_type, content in (("image/png", b"no image"), ("image/svg+xml", b"<svg/>")):
        info = await store.put(content)
        assert await store.image_size(info.content_hash, mime_type=mime_type) is None, mime_type


@run_in_pyodide
async def test_the_engine_collects_no_stream_that_is_being_read(
    selenium_standalone: PyodidePage, store_id: str
) -> None:
    """Chromium once did, at the first collection of garbage after some 60 puts, which then never ended."""
    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    store = OpfsBlobStore(store_id)
    content = js.Uint8Array.new(65536)
    for number in range(200):
        content[0] = number
        await store.put(js.Blob.new([content]))
    assert len(await store.list()) == 200


@run_in_pyodide
async def test_callbacks_are_let_go_of(selenium: PyodidePage, store_id: str) -> None:
    import gc
    import weakref

    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    class Progress:
        def __call__(self, done: int, total: int) -> None:
            pass

    store = OpfsBlobStore(store_id)
    progress = Progress()
    reference = weakref.ref(progress)
    await store.put(js.Blob.new(["x" * 100]), progress=progress)
    await store.put(b"y" * 3_000_000, progress=progress)
    del progress
    gc.collect()
    assert reference() is None
