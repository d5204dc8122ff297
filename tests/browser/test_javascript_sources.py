"""JavaScript sources that give something else than the bytes that were promised."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("5", "Number"),
        ("{ a: 1 }", "Object"),
        ("null", "Null"),
        ("undefined", "Undefined"),
        ("[1, 2, 300]", "Array"),
        ("'text'", "String"),
        ("new Blob(['x'])", "Blob"),
    ],
)
@run_in_pyodide
async def test_a_stream_of_something_else_than_bytes_is_refused(
    selenium: PyodidePage, store_id: str, given: str, called: str
) -> None:
    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import InvalidArgumentError

    store = OpfsBlobStore(store_id)
    stream = run_js(
        f"new ReadableStream({{ start(c) {{ c.enqueue(new Uint8Array(3)); c.enqueue({given}); }} }})"
    )
    with pytest.raises(InvalidArgumentError, match=f"^the stream gave a {called} instead of bytes$"):
        await store.put(stream)
    assert (await store.list(), await store.sweep()) == ({}, 0)


@pytest.mark.parametrize("made", ["array", "array.buffer", "new DataView(array.buffer)"])
@run_in_pyodide
async def test_bytes_that_are_transferred_while_they_are_read_are_not_stored(
    selenium: PyodidePage, store_id: str, made: str
) -> None:
    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.browser.worker import Job
    from filesync_web.errors import StorageError

    give = Job.give

    async def give_and_transfer(job: Job, js_chunk: object) -> object:
        js_spare = await give(job, js_chunk)
        run_js("if (array.length) structuredClone(array.buffer, { transfer: [array.buffer] })")
        return js_spare

    store = OpfsBlobStore(store_id)
    source = run_js(f"globalThis.array = new Uint8Array(24 << 20).fill(7); {made}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "give", give_and_transfer)
        with pytest.raises(StorageError, match="changed while it was read"):
            await store.put(source)
    assert (await store.list(), await store.sweep()) == ({}, 0)


@run_in_pyodide
async def test_bytes_that_were_transferred_before_are_refused(selenium: PyodidePage, store_id: str) -> None:
    import pytest
    from pyodide.code import run_js

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import StorageError

    store = OpfsBlobStore(store_id)
    source = run_js("globalThis.gone = new Uint8Array(9)")
    run_js("structuredClone(gone.buffer, { transfer: [gone.buffer] })")
    with pytest.raises(StorageError, match="cannot be read"):
        await store.put(source)
    assert (await store.list(), await store.sweep()) == ({}, 0)


@run_in_pyodide
async def test_a_file_that_shrinks_while_it_is_read_is_not_stored(
    selenium: PyodidePage, store_id: str
) -> None:
    import os
    from pathlib import Path
    from typing import Any

    import pytest

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import StorageError

    class Shrinking(Path):
        def open(self, *args: Any, **options: Any) -> Any:
            file = super().open(*args, **options)
            os.truncate(self, 1 << 20)
            return file

    Path("/tmp/log.txt").write_bytes(bytes(3 << 20))  # noqa: ASYNC240 - the file system is in memory
    path = Shrinking("/tmp/log.txt")
    store = OpfsBlobStore(store_id)
    with pytest.raises(StorageError, match="changed while it was read: it gave 1048576 bytes"):
        await store.put(path)
    assert (await store.list(), await store.sweep()) == ({}, 0)


@run_in_pyodide
async def test_files_that_another_page_posts_are_its_files(selenium: PyodidePage) -> None:
    import js
    from pyodide.ffi import to_js

    from filesync_web.browser.posted_files import receive_files

    def post(name: str) -> None:
        js_channel = js.BroadcastChannel.new(name)
        js_channel.postMessage(
            to_js([js.File.new(to_js(["hello"]), "a.txt"), js.File.new(to_js([]), "b.txt")])
        )
        js_channel.close()

    files = await receive_files(post, timeout=30)
    assert files is not None
    assert [(file.name, await file.text()) for file in files] == [("a.txt", "hello"), ("b.txt", "")]


@run_in_pyodide
async def test_a_page_of_another_origin_that_posts_nothing_is_not_waited_for(selenium: PyodidePage) -> None:
    from filesync_web.browser.posted_files import receive_files

    asked: list[str] = []
    assert await receive_files(asked.append, timeout=0.01) is None
    assert len(asked) == 1
