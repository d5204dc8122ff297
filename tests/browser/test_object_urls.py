"""Object URLs live as long as the copy that they are of, whichever tab removes it, and never become pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PageErrors, PyodidePage, open_pyodide_page, run_in_pyodide


@run_in_pyodide
async def test_a_url_follows_what_another_store_object_removes_and_puts_back(
    selenium: PyodidePage, store_id: str
) -> None:
    import js
    import pytest
    from pyodide.ffi import JsException

    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.errors import BlobNotFoundError

    async def text_at(url: str) -> str:
        text: str = await (await js.fetch(url)).text()
        return text

    mine, other = OpfsBlobStore(store_id), OpfsBlobStore(store_id)
    info = await mine.put(b"hello")
    first = await mine.url(info.content_hash, mime_type="text/plain")
    assert await mine.url(info.content_hash) == first

    await other.delete(info.content_hash)
    for _ in range(2):
        with pytest.raises(BlobNotFoundError):
            await mine.url(info.content_hash)

    await other.put(b"hello")
    second = await mine.url(info.content_hash, mime_type="text/plain")
    assert await text_at(second) == "hello"

    # Another copy may come before anybody asks.
    await other.delete(info.content_hash)
    await other.put(b"hello")
    third = await mine.url(info.content_hash)
    assert await text_at(third) == "hello"

    assert len({first, second, third}) == 3
    mine.close()
    for url in (first, second, third):
        with pytest.raises(JsException):
            await js.fetch(url)
    other.close()


@run_in_pyodide
async def save_and_upload(selenium: PyodidePage, store_id: str) -> str:
    """Open a client, save a file and return its id, once it is in the object store and known there."""
    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, open_client

    def is_uploaded() -> bool:
        rows = store.query(FILES.tables.local_file_state)
        return bool(rows) and rows[0].upload_status == fs.Status.DONE

    store, sync = await open_client(store_id)
    saved = await sync.save_file(b"hello", name="hello.txt")
    await until(is_uploaded, "it is uploaded")
    await until(lambda: not store.unconfirmed(), "the backend knows of it")
    return saved.file_id


@run_in_pyodide
async def open_client_that_knows(selenium: PyodidePage, store_id: str, file_id: str) -> None:
    """Open a client, and wait until it knows where the file is."""
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, open_client

    store, _ = await open_client(store_id)
    query = FILES.tables.files.where(id=file_id)
    await until(lambda: any(row.remote_key for row in store.query(query)), "it has a remote key")


@run_in_pyodide
async def shown(selenium: PyodidePage, file_id: str) -> tuple[str, str]:
    """The scheme of the URL that shows the file, and the text that is there."""
    import js

    from tests.in_page import kept

    url = await kept.sync.resolve_file_url(file_id)
    return url.partition(":")[0], await (await js.fetch(url)).text()


@run_in_pyodide
async def own_url(selenium: PyodidePage, file_id: str) -> str | None:
    from tests.in_page import kept

    url: str | None = await kept.sync.get_file_url(file_id)
    return url


@run_in_pyodide
async def evict(selenium: PyodidePage, file_id: str) -> None:
    from tests.in_page import kept

    await kept.sync.evict_file(file_id)


@run_in_pyodide
async def read(selenium: PyodidePage, file_id: str) -> None:
    from tests.in_page import kept

    await kept.sync.read_file(file_id)


@run_in_pyodide
async def close(selenium: PyodidePage) -> None:
    from tests.in_page.client import close_client

    await close_client()


@pytest.mark.thorough
def test_what_another_tab_evicts_is_shown_from_the_server_until_it_is_here_again(
    new_context: Callable[[], BrowserContext], store_id: str
) -> None:
    context = new_context()
    one, two = open_pyodide_page(context), open_pyodide_page(context)
    file_id = save_and_upload(one, store_id)
    open_client_that_knows(two, store_id, file_id)
    assert shown(two, file_id) == ("blob", "hello")

    evict(one, file_id)
    assert own_url(two, file_id) is None
    assert shown(two, file_id) in (("http", "hello"), ("blob", "hello"))  # it is being downloaded meanwhile

    read(two, file_id)
    assert shown(two, file_id) == ("blob", "hello")
    close(two)
    close(one)


EVIL = "opener ? (opener.changed = true) : (parent.changed = true)"
HTML = f"<!doctype html><title>evil</title><script>{EVIL}</script>"
XHTML = f'<html xmlns="http://www.w3.org/1999/xhtml"><title>evil</title><script>{EVIL}</script></html>'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><script>{EVIL}</script></svg>'

OPEN = """
async (url) => {
    globalThis.changed = false;
    const tab = open(url);
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
    await new Promise((resolve) => { frame.onload = frame.onerror = resolve; setTimeout(resolve, 1500); });
    const inside = () => {
        try {
            return frame.contentDocument?.title ?? "";
        } catch {
            return "of no origin";
        }
    };
    const found = [globalThis.changed, inside() === "evil"];
    tab?.close();
    frame.remove();
    return found;
}
"""

SHOWN = """
async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
}
"""


@run_in_pyodide
async def url_of(selenium: PyodidePage, store_id: str, text: str, mime_type: str) -> str:
    """The URL of a file with that text, as its card in an app would have it."""
    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.in_page import kept

    kept.blobs = OpfsBlobStore(store_id)
    info = await kept.blobs.put(text.encode(), mime_type=mime_type)
    url: str = await kept.blobs.url(info.content_hash, mime_type=mime_type)
    return url


@pytest.mark.parametrize(
    ("text", "mime_type"),
    [
        (HTML, "text/html"),
        (HTML, "Text/HTML; charset=utf-8"),
        (HTML, ""),
        (HTML, "application/unknown"),
        (XHTML, "application/xhtml+xml"),
        (SVG, "image/svg+xml"),
        (SVG, "text/xml"),
    ],
)
def test_a_file_that_is_opened_by_its_url_does_not_run_as_the_app(
    selenium: PyodidePage, page_errors: PageErrors, store_id: str, text: str, mime_type: str
) -> None:
    # A drawing's script runs, but as a stranger.
    page_errors.allow('Blocked a frame with origin "null"|Permission denied to access property "changed"')
    url = url_of(selenium, store_id, text, mime_type)
    assert selenium.driver.evaluate(OPEN, url) == [False, False]


def test_a_drawing_is_shown_by_an_image(selenium: PyodidePage, store_id: str) -> None:
    url = url_of(selenium, store_id, SVG, "image/svg+xml")
    assert selenium.driver.evaluate(SHOWN, url) == [30, 20]


@run_in_pyodide
async def test_contents_have_a_url_for_each_type(selenium: PyodidePage, store_id: str) -> None:
    import js

    from filesync_web.browser.blobs import OpfsBlobStore

    async def type_at(url: str) -> str:
        found: str = (await js.fetch(url)).headers.get("content-type")
        return found

    blobs = OpfsBlobStore(store_id)
    content_hash = (await blobs.put(b"hello")).content_hash
    plain = await blobs.url(content_hash, mime_type="text/plain")
    html = await blobs.url(content_hash, mime_type="text/html")
    assert await type_at(plain) == "text/plain"
    assert await type_at(html) == "application/octet-stream"
    assert await blobs.url(content_hash, mime_type="text/plain") == plain
    assert await blobs.url(content_hash) in {plain, html}
    blobs.close()
