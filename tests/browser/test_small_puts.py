"""Small files go into the browser's blob store in one piece: what comes between, and what many at once do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide

MIB = 1 << 20


@run_in_pyodide
async def test_one_content_many_times_at_once_is_one_blob(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    import asyncio

    import js

    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page.blobs import leftovers

    stores = [OpfsBlobStore(store_id) for _ in range(2)]  # each has a worker, as two tabs would
    blobs = [js.Blob.new([text]) for text in ("", "hello", "x" * 100_000) for _ in range(5)]
    infos = await asyncio.gather(*(store.put(blob) for blob in blobs for store in stores))
    assert len(set(infos)) == 3
    assert await stores[0].list() == {info.content_hash: info.size for info in infos}
    for info in infos:
        js_file = await stores[1].open(info.content_hash)
        assert len((await js_file.arrayBuffer()).to_bytes()) == info.size
    await stores[0].put(js.Blob.new(["again"]))
    assert await leftovers(store_id) == []


@run_in_pyodide
async def test_more_than_memory_is_to_hold_at_once(selenium: PyodidePage, store_id: str) -> None:
    import asyncio

    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    store = OpfsBlobStore(store_id)
    sizes = [8 << 20, 5 << 20, 1, 8 << 20, 0, 7 << 20, 8 << 20, 3, 6 << 20]
    sources = [js.Blob.new([js.Uint8Array.new(size).fill(n)]) for n, size in enumerate(sizes)]
    infos = await asyncio.gather(*map(store.put, sources))
    assert [info.size for info in infos] == sizes
    for source, info in zip(sources, infos, strict=True):
        js_digest = await js.crypto.subtle.digest("SHA-256", await source.arrayBuffer())
        assert info.content_hash == js_digest.to_bytes().hex()


@run_in_pyodide
async def test_a_file_that_cannot_be_read_leaves_nothing(selenium: PyodidePage, store_id: str) -> None:
    import js
    import pytest

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import StorageError
    from tests.in_page.blobs import leftovers

    root = await js.navigator.storage.getDirectory()
    handle = await root.getFileHandle(store_id, create=True)
    for text in ("before", "and after"):
        js_file = await handle.getFile()
        writable = await handle.createWritable()
        await writable.write(text)
        await writable.close()
    store = OpfsBlobStore(store_id)
    with pytest.raises(StorageError, match="moved or changed"):
        await store.put(js_file)
    assert (await leftovers(store_id), await store.list()) == ([], {})
    assert (await store.put(await handle.getFile())).size == len("and after")


@run_in_pyodide
async def test_a_cancelled_put_leaves_all_or_nothing(selenium: PyodidePage, store_id: str) -> None:
    import asyncio

    import js
    import pytest

    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page.blobs import leftovers

    store = OpfsBlobStore(store_id)
    await store.put(b"the worker runs")
    putting = [asyncio.create_task(store.put(js.Blob.new([f"{n}" * 50_000]))) for n in range(6)]
    await asyncio.sleep(0)
    for task in putting[::2]:
        task.cancel()
    for task in putting[::2]:
        with pytest.raises(asyncio.CancelledError):
            await task
    infos = [await task for task in putting[1::2]]
    assert await leftovers(store_id) == []
    assert set((await store.list()).values()) == {15, 50_000}
    assert {info.size for info in infos} == {50_000}


@pytest.mark.parametrize("folder", ["livestore-filesync-files", "livestore-filesync-incoming"])
@run_in_pyodide
async def test_a_folder_that_is_removed_is_made_anew(
    selenium: PyodidePage, store_id: str, folder: str
) -> None:
    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    store, root = OpfsBlobStore(store_id), await js.navigator.storage.getDirectory()
    first = await store.put(js.Blob.new(["first"]))
    top = await root.getDirectoryHandle(folder)
    await top.removeEntry(store_id, recursive=True)
    again, second = await store.put(js.Blob.new(["first"])), await store.put(b"second")
    assert again == first
    assert await store.list() == {first.content_hash: 5, second.content_hash: 6}
    assert await (await store.open(second.content_hash)).text() == "second"
    assert await store.size(first.content_hash) == 5


@run_in_pyodide
async def put_and_read(selenium: PyodidePage, store_id: str, content: bytes) -> bytes:
    from tests.in_page import kept
    from tests.in_page.blobs import open_blobs

    store = getattr(kept, "blobs", None) or open_blobs(store_id)
    js_file = await store.open((await store.put(content)).content_hash)
    found: bytes = (await js_file.arrayBuffer()).to_bytes()
    return found


@pytest.mark.only_in("chromium", reason="only DevTools clear storage under an open page")
def test_a_page_goes_on_when_its_files_are_cleared(
    new_context: Callable[[], BrowserContext], store_id: str
) -> None:
    page = open_pyodide_page(new_context())
    assert put_and_read(page, store_id, b"before") == b"before"
    session = page.context.new_cdp_session(page.driver)
    origin = page.driver.evaluate("location.origin")
    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "file_systems"})
    assert put_and_read(page, store_id, b"before") == b"before"
    assert put_and_read(page, store_id, b"after") == b"after"


@run_in_pyodide
async def fill(selenium: PyodidePage, store_id: str, size: int) -> tuple[int, int]:
    """Store files until there is no room: how many there are then, and how many temporary files."""
    import asyncio

    import js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import QuotaExceededError
    from tests.in_page.blobs import leftovers

    store = OpfsBlobStore(store_id)
    sources = [js.Blob.new([js.Uint8Array.new(size).fill(n)]) for n in range(20)]
    ends = await asyncio.gather(*map(store.put, sources), return_exceptions=True)
    errors = [end for end in ends if isinstance(end, BaseException)]
    assert errors
    assert all(isinstance(error, QuotaExceededError) for error in errors), errors
    assert len(await store.list()) == len(ends) - len(errors)
    return len(ends) - len(errors), len(await leftovers(store_id))


@pytest.mark.only_in("chromium", reason="only DevTools lower the quota of an origin")
def test_small_files_on_a_full_disk_are_stored_whole_or_not_at_all(
    selenium_standalone: PyodidePage, store_id: str
) -> None:
    session = selenium_standalone.context.new_cdp_session(selenium_standalone.driver)
    origin = selenium_standalone.driver.evaluate("location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 3 * MIB})
    stored, left = fill(selenium_standalone, store_id, 400_000)
    assert 0 < stored < 8
    assert left == 0
