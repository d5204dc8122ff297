"""A new version of the gallery is offered in each tab, and taken where the reader says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.gallery import Gallery, picture, png
from tests.harness import PageErrors, ServerProcess
from tools.common import ROOT

NewContext = Callable[..., BrowserContext]
TOLD = "This tab has an older version of the gallery. Reload it to go on; nothing is lost."
TAKE_OVER = """
async (storeId) => {
    for (const { name, version } of await indexedDB.databases()) {
        if (!name.includes(storeId)) continue;
        const opening = indexedDB.open(name, version + 1);
        await new Promise((resolve) => { opening.onsuccess = resolve; });
        opening.result.close();
    }
}
"""
"""What the kit of a newer version does first."""
CHECK = "async () => { await (await navigator.serviceWorker.getRegistration()).update(); }"


@pytest.fixture
def own_server(test_site: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of a site that the test may change."""
    shutil.copytree(test_site, tmp_path / "site", ignore=shutil.ignore_patterns("testing"))
    publish(tmp_path / "site", "Gallery")
    process = ServerProcess(tmp_path / "site", tmp_path / "server")
    process.start()
    yield process
    process.stop()


def publish(site: Path, title: str) -> None:
    """Deploy a version whose heading is this."""
    page = site / "index.html"
    page.write_text(page.read_text().replace("<span>Gallery</span>", f"<span>{title}</span>"))
    command = [sys.executable, "-m", "filesync_web", "service-worker", "--out", site, "--precache-dir", site]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def offer(gallery: Gallery) -> Locator:
    return gallery.page.locator('.toast[data-key="update"]')


def heading(gallery: Gallery) -> Locator:
    return gallery.page.locator(".brand")


def test_an_update_is_offered_in_two_tabs_and_taken_in_each_by_itself(
    own_server: ServerProcess, new_context: NewContext, store_id: str
) -> None:
    context = new_context(base_url=own_server.url)
    one, other = Gallery(context.new_page()), Gallery(context.new_page())
    for tab in (one, other):
        tab.page.goto(f"/?storeId={store_id}&localOnly=1")
    for tab in (one, other):
        tab.expect_ready()
        tab.page.wait_for_function("navigator.serviceWorker.controller")
    publish(own_server.site, "Gallery, the second")
    one.page.evaluate(CHECK)
    for tab in (one, other):
        expect(offer(tab)).to_contain_text("A new version of the gallery is ready.")
        expect(heading(tab)).to_have_text("Gallery")
    offer(one).get_by_role("button", name="Reload").click()
    expect(heading(one)).to_have_text("Gallery, the second")
    expect(offer(other)).to_contain_text("updated in another tab")
    expect(heading(other)).to_have_text("Gallery")
    offer(other).get_by_role("button", name="Reload").click()
    expect(heading(other)).to_have_text("Gallery, the second")
    for tab in (one, other):
        tab.expect_ready()
        expect(offer(tab)).to_have_count(0)


@pytest.mark.thorough
def test_a_tab_of_an_older_version_says_that_it_is_to_be_reloaded(
    new_context: NewContext, store_id: str, page_errors: PageErrors
) -> None:
    page_errors.allow("Unhandled exception in event loop")  # the start that fails at the end
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    page, content = gallery.page, png(40, 30, (200, 0, 0))
    gallery.add(picture("red.png", content))
    gallery.card(0).expect_image(40, 30)
    page.evaluate(TAKE_OVER, store_id)
    page.get_by_label("Add files").set_input_files(picture("late.png", content))
    expect(page.get_by_role("alert")).to_contain_text(f"late.png was not added: {TOLD}")
    expect(gallery.headline).to_have_text(TOLD)
    expect(gallery.cards).to_have_count(1)
    offer(gallery).get_by_role("button", name="Reload").click()
    expect(page.locator("#loading-title")).to_have_text("The gallery could not start")
    expect(page.locator("#loading-text")).to_have_text(TOLD)  # the older version is served still
