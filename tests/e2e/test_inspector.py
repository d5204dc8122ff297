"""The inspector: beside the gallery, and in pages of other kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.gallery import FILES, TOKEN, Gallery, Held, picture, png, sha256
from tests.harness import PyodidePage, run_in_pyodide
from tools.common import ROOT

NewContext = Callable[..., BrowserContext]
# Firefox, as it is driven here, tells nobody of the download of a `blob:` URL.
NOTE_DOWNLOADS = """
() => {
    globalThis.downloaded = new Promise((resolve) => {
        HTMLAnchorElement.prototype.click = async function () {
            resolve([this.download, await (await fetch(this.href)).text()]);
        };
    });
}
"""
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
BEFORE, AFTER = png(40, 30, (200, 0, 0)), png(40, 30, (0, 200, 0))


def test_it_shows_what_the_gallery_does_and_gives_a_report_without_secrets(
    new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery.open(new_context(), store_id, inspect=1)
    page, inspector = gallery.page, gallery.page.locator("filesync-inspector")
    held = Held(page, FILES, "PUT")
    gallery.add(picture("red.png", BEFORE))
    transfers = inspector.locator("[data-section=transfers]")
    expect(transfers.locator(".rows")).to_contain_text("red.png")
    held.open()
    file = inspector.locator("[data-section=files] .file")
    expect(file).to_contain_text("synced")
    expect(inspector.locator("[data-section=events]")).to_contain_text("upload:complete")
    expect(transfers).to_contain_text("Nothing runs or waits.")

    file.locator("summary").first.click()
    gallery.card(0).root.get_by_test_id("edit-button").click()
    expect(file.locator(".history li")).to_have_count(2)
    expect(file.locator(".history li").last).to_contain_text(sha256(BEFORE)[:8])
    gallery.expect_all_uploaded()
    page.wait_for_function("() => navigator.serviceWorker.controller")

    page.evaluate(NOTE_DOWNLOADS)
    inspector.locator("[data-action=save]").click()
    name, text = page.evaluate("downloaded")
    report = json.loads(text)
    assert name == f"filesync-{store_id}.json"
    assert [version["by_this_device"] for version in report["files"][0]["versions"]] == [True, True]
    assert report["service_worker"]["status"]["signer"].endswith("/api")
    assert report["place"]["browser"] == page.evaluate("navigator.userAgent")
    assert (TOKEN in text, "red.png" in text, "storeId" in text) == (False, False, False)


def violations(page: Page) -> list[str]:
    """What axe has to say against the panel, with every section open."""
    sections = page.locator("filesync-inspector .section:not([open]) > summary")
    while sections.count():
        sections.first.click()
    page.add_script_tag(content=AXE.read_text())
    found: list[str] = page.evaluate(
        """async () => {
            const { violations } = await axe.run("filesync-inspector");
            return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
        }"""
    )
    return found


def search(files: Locator, wanted: str) -> None:
    """Type it: what is filled in at once is no change to Firefox."""
    field = files.locator("input")
    field.fill("")
    field.press_sequentially(wanted)
    field.press("Enter")


@pytest.mark.thorough
def test_files_are_found_and_the_panel_is_for_everybody(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id, inspect=1)
    gallery.add(picture("red.png", BEFORE), picture("green.png", AFTER))
    inspector = gallery.page.locator("filesync-inspector")
    files = inspector.locator("[data-section=files]")
    expect(files.locator(".file")).to_have_count(2)
    for wanted in ("GREEN", sha256(AFTER)):
        search(files, wanted)
        expect(files.locator(".file")).to_have_count(1)
        expect(files.locator(".file")).to_contain_text("green.png")
    search(files, "blue")
    expect(inspector.locator(".said")).to_have_text("No file has that id, hash or name.")
    expect(files.locator(".file")).to_have_count(2)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        gallery.page.emulate_media(color_scheme=scheme)
        assert violations(gallery.page) == []

    files.locator("input").focus()
    gallery.page.keyboard.press("Escape")
    expect(inspector.locator("aside")).to_be_hidden()
    expect(inspector.locator(".pill")).to_be_focused()
    inspector.locator(".pill").press("Enter")
    expect(inspector.locator("aside")).to_be_visible()


@run_in_pyodide
async def test_it_is_one_call_in_any_page_and_leaves_nothing(selenium: PyodidePage, store_id: str) -> None:
    import sys

    import js

    import filesync_web as fs
    from filesync_web.browser.js_util import is_none
    from tests.harness.waiting import until
    from tests.in_page.client import close_client, open_client, open_store

    assert not [name for name in sys.modules if name.startswith("filesync_web.inspector")]
    from filesync_web.inspector import show_inspector

    def shown(selector: str) -> str:
        js_found = js.document.querySelector("filesync-inspector").shadowRoot.querySelector(selector)
        return "" if is_none(js_found) else str(js_found.textContent)

    other_store = await open_store(store_id + "_other")
    other = await fs.create_file_sync(other_store, remote=None)
    _, sync = await open_client(store_id)
    try:
        await sync.save_file(b"hello", name="hello.txt")
        inspector = show_inspector(sync, other)
        await until(lambda: "hello.txt" in shown("[data-section=files]"), "the file is shown")
        js_select = js.document.querySelector("filesync-inspector").shadowRoot.querySelector("select")
        assert [js_option.text for js_option in js_select.options] == [store_id, store_id + "_other"]
        js_select.value = "1"
        js_select.dispatchEvent(js.Event.new("change"))
        await until(lambda: "hello.txt" not in shown("[data-section=files]"), "the other store is shown")
        inspector.close()
        inspector.close()
        assert is_none(js.document.querySelector("filesync-inspector"))

        inspector = show_inspector(sync)
        js_removed = js.document.querySelector("filesync-inspector")
        js_removed.remove()
        js_panel = js_removed.shadowRoot.querySelector("aside")

        def is_heard() -> bool:
            js_panel.hidden = False
            js_panel.querySelector("[data-action=collapse]").click()
            return bool(js_panel.hidden)

        await until(lambda: not is_heard(), "the panel has let go of what the page removed")
        inspector.close()
    finally:
        await other.dispose()
        await other_store.close()
        await close_client()


@pytest.mark.thorough
@run_in_pyodide
async def test_a_worker_has_the_report(selenium_worker: PyodidePage, store_id: str) -> None:
    import pytest

    import filesync_web as fs
    from filesync_web.inspector import show_inspector
    from tests.in_page.client import close_client, open_client

    _, sync = await open_client(store_id)
    try:
        report = await sync.debug_report()
        assert report["place"]["context"] == "worker"
        assert report["storage"]["available"] is True
        assert [part for part in report.values() if isinstance(part, dict) and "error" in part] == []
        with pytest.raises(fs.InvalidArgumentError, match="main thread"):
            show_inspector(sync)
    finally:
        await close_client()
