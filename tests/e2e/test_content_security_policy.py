"""Under the Content-Security-Policy of the documentation, which lets no text become code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.video import HEIGHT, WIDTH, write_video
from tests.e2e.gallery import SLOW, Gallery, picture, png, sha256
from tests.e2e.test_readme import the_page
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.headers_server import HeadersServer, documented_policy

PICTURE = png(40, 30, (10, 20, 30))
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><path d="M0 0h60v40H0z"/></svg>'

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def strict_server(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadersServer]:
    hello = test_site / "strict.html"
    hello.write_text(the_page())
    headers = documented_policy(hello, test_site / "index.html", test_site / "testing" / "bare.html")
    server = HeadersServer(test_site, tmp_path_factory.mktemp("strict"), headers)
    server.start()
    yield server
    server.stop()


@contextmanager
def no_violation(page: Page) -> Iterator[None]:
    """Nothing that the policy forbids is even tried."""
    page.add_init_script(
        "globalThis.violations = [];"
        "addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));"
    )
    yield
    assert page.evaluate("violations") == []


def the_policy_is_in_force(page: Page) -> bool:
    page.evaluate("setTimeout('document.title = \"evaluated\"')")
    page.wait_for_function("violations.length || document.title === 'evaluated'")
    return page.evaluate("violations.splice(0)") == ["script-src"]


def test_the_gallery_saves_shows_edits_and_syncs_under_the_policy(
    strict_server: HeadersServer, new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery(new_context(base_url=strict_server.url).new_page())
    with no_violation(gallery.page):
        gallery.go(store_id)
        assert the_policy_is_in_force(gallery.page)
        gallery.add(picture("red.png", PICTURE), picture("drawing.svg", DRAWING, "image/svg+xml"))
        gallery.card(0).expect_image(40, 30)
        expect(gallery.card(1).image).to_have_js_property("naturalWidth", 60)
        gallery.card(0).root.get_by_test_id("edit-button").click()
        expect(gallery.card(0).content_hash).not_to_have_text(sha256(PICTURE))
        gallery.expect_all_uploaded()
        gallery.page.wait_for_function("() => navigator.serviceWorker.controller")
        other = Gallery.open(new_context(base_url=strict_server.url), store_id)
        other.card(0).expect_image(40, 30)
        gallery.reload()
        gallery.card(0).expect_image(40, 30)


@pytest.mark.thorough
def test_the_inspector_is_shown_under_the_policy(
    strict_server: HeadersServer, new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery(new_context(base_url=strict_server.url).new_page())
    inspector = gallery.page.locator("filesync-inspector")
    with no_violation(gallery.page):
        gallery.go(store_id, inspect=1)
        gallery.add(picture("red.png", PICTURE))
        expect(inspector.locator("[data-section=files] .file")).to_contain_text("red.png")
        expect(inspector.locator("aside")).to_have_css("position", "fixed")  # its style is there
        expect(inspector.locator(".fill-live")).not_to_have_attribute("width", "0.00")


@pytest.mark.thorough
def test_the_readmes_page_works_under_the_policy(
    strict_server: HeadersServer, new_context: NewContext
) -> None:
    page = new_context(base_url=strict_server.url).new_page()
    with no_violation(page):
        page.goto("/strict.html")
        expect(page.locator("#files")).to_have_text("nothing yet", timeout=2 * SLOW * 1000)
        page.locator("#chooser").set_input_files([picture("dot.png", PICTURE)])
        expect(page.locator("#files")).to_have_text("dot.png: uploaded")


@pytest.mark.thorough
def test_the_service_worker_verifies_what_it_fetches_under_the_policy(
    strict_server: HeadersServer, new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery.open(new_context(base_url=strict_server.url), store_id)
    gallery.add(picture("red.png", PICTURE))
    gallery.expect_all_uploaded()
    other = Gallery.open(new_context(base_url=strict_server.url), store_id)
    other.card(0).expect_synced(sha256(PICTURE))  # else its own copy may come back once it was removed
    other.page.wait_for_function("() => navigator.serviceWorker.controller")
    found = other.page.evaluate(
        """async ([storeId, hash]) => {
            const root = await navigator.storage.getDirectory();
            const files = await root.getDirectoryHandle("livestore-filesync-files");
            await (await files.getDirectoryHandle(storeId)).removeEntry(hash);
            const answer = await fetch(`/livestore-filesync-files/${storeId}/${hash}`);
            return [answer.headers.get("x-source"), (await answer.arrayBuffer()).byteLength];
        }""",
        [store_id, sha256(PICTURE)],
    )
    assert found == ["remote", len(PICTURE)]


@run_in_pyodide
async def thumbnail_sizes(
    selenium: PyodidePage, store_id: str, drawing: bytes, video_url: str
) -> list[list[int]]:
    """Save a picture, a drawing and a video; the sizes of their thumbnails."""
    import js

    import filesync_web as fs
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client
    from tests.in_page.pictures import draw, size_shown

    store, sync = await open_client(store_id)
    picture = await sync.save_file(await draw(800, 400), name="a.png")
    drawn = await sync.save_file(drawing, name="a.svg")
    js_video = await (await js.fetch(video_url)).blob()
    video = await sync.save_file(js_video, name="a.webm", mime_type="video/webm")
    sizes = [await size_shown(await sync.thumbnail_url(file.file_id)) for file in (picture, drawn, video)]

    def has_preview() -> bool:
        record = store.query(FILES.tables.files.where(id=picture.file_id))[0]
        return fs.get_file_metadata(record).preview is not None

    await until(has_preview, "the preview is there")
    await close_client()
    return sizes


@pytest.mark.thorough
def test_thumbnails_are_made_and_shown_under_the_policy(
    strict_server: HeadersServer, new_context: NewContext, store_id: str, tmp_path: Path
) -> None:
    page = open_pyodide_page(new_context(base_url=strict_server.url))
    write_video(page.driver, tmp_path / "video.webm", 2)
    page.driver.route("**/video.webm", lambda route: route.fulfill(path=tmp_path / "video.webm"))
    with no_violation(page.driver):
        page.refresh()
        found = thumbnail_sizes(page, store_id, DRAWING, "/video.webm")
        assert found == [[256, 128], [256, 171], [WIDTH, HEIGHT]]


@run_in_pyodide
async def what_opening_a_store_says(selenium: PyodidePage, store_id: str) -> str:
    import filesync_web as fs

    try:
        await fs.open_store(fs.make_schema(tables={}, events={}, materializers={}), store_id=store_id)
    except fs.StorageUnavailableError as error:
        return str(error)
    return "it was opened"


def test_a_page_that_forbids_our_workers_is_told_what_to_allow(
    test_site: Path, tmp_path: Path, new_context: NewContext, store_id: str
) -> None:
    policy = "worker-src 'self'"
    server = HeadersServer(test_site, tmp_path / "data", {"Content-Security-Policy": policy})
    server.start()
    try:
        said = what_opening_a_store_says(open_pyodide_page(new_context(base_url=server.url)), store_id)
    finally:
        server.stop()
    assert "worker-src blob:" in said
