"""JavaScript sources that give something else than the bytes that were promised."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.harness import run_python

OPEN = """
global js, run_js, store
import js
from pyodide.code import run_js
from filesync_web.browser.blobs import OpfsBlobStore
store = OpfsBlobStore(store_id)
"""

TRY_PUT = """
global tried
async def tried(source, progress=None):
    try:
        await store.put(source, progress=progress)
        said = ["stored", ""]
    except Exception as error:
        said = [type(error).__name__, str(error)]
    return [*said, await store.list(), await store.sweep()]
"""


@pytest.fixture
def page(bare_page: Page, store_id: str) -> Page:
    """A page with an empty store."""
    run_python(bare_page, OPEN + TRY_PUT, store_id=store_id)
    return bare_page


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
def test_a_stream_of_something_else_than_bytes_is_refused(page: Page, given: str, called: str) -> None:
    stream = f"new ReadableStream({{ start(c) {{ c.enqueue(new Uint8Array(3)); c.enqueue({given}); }} }})"
    found = run_python(page, "return await tried(run_js(stream))", stream=stream)
    assert found == ["InvalidArgumentError", f"the stream gave a {called} instead of bytes", {}, 0]


@pytest.mark.parametrize("made", ["array", "array.buffer", "new DataView(array.buffer)"])
def test_bytes_that_are_transferred_while_they_are_read_are_not_stored(page: Page, made: str) -> None:
    found = run_python(
        page,
        """
        source = run_js(f"globalThis.array = new Uint8Array(24 << 20).fill(7); {made}")
        def transfer(_done, _total):
            run_js("if (array.length) structuredClone(array.buffer, { transfer: [array.buffer] })")
        return await tried(source, transfer)
        """,
        made=made,
    )
    assert found[0] == "StorageError"
    assert "changed while it was read" in found[1]
    assert found[2:] == [{}, 0]


def test_bytes_that_were_transferred_before_are_refused(page: Page) -> None:
    found = run_python(
        page,
        """
        source = run_js("globalThis.gone = new Uint8Array(9)")
        run_js("structuredClone(gone.buffer, { transfer: [gone.buffer] })")
        return await tried(source)
        """,
        timeout=10,
    )
    assert found[0] == "StorageError"
    assert "cannot be read" in found[1]
    assert found[2:] == [{}, 0]


def test_a_file_that_shrinks_while_it_is_read_is_not_stored(page: Page) -> None:
    found = run_python(
        page,
        """
        from pathlib import Path
        path = Path("/tmp/log.txt")
        path.write_bytes(bytes(3 << 20))
        def shrink(_done, _total):
            path.write_bytes(b"")
        return await tried(path, shrink)
        """,
    )
    assert found[0] == "StorageError"
    assert "changed while it was read" in found[1]
    assert found[2:] == [{}, 0]
