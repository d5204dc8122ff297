"""The pages of docs/how-to/worker.md, whose Python runs in a worker."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.harness import Profile, ServerProcess
from tests.harness.browser import SAMPLE_MEMORY
from tests.harness.lent_workers import lend_workers
from tools.common import ROOT


@pytest.fixture(scope="module", autouse=True)
def how_to(server: ServerProcess) -> Iterator[None]:
    """The site has the examples meanwhile."""
    folder = server.site / "how_to"
    shutil.copytree(ROOT / "examples" / "how_to", folder)
    yield
    shutil.rmtree(folder)


def add_up(page: Page, path: str) -> None:
    lend_workers(page)
    page.goto(path)
    expect(page.locator("#sum")).to_have_text("ready", timeout=60_000)
    table = b"city,amount\nUlm,3.5\nUlm,4\n"
    page.locator("#chooser").set_input_files([{"name": "a.csv", "mimeType": "text/csv", "buffer": table}])
    expect(page.locator("#sum")).to_have_text("7.5", timeout=30_000)


@pytest.mark.only_in("chromium", reason="no other samples its memory")
def test_a_worker_adds_up_a_table(site_url: str, new_profile: Callable[..., Profile]) -> None:
    """In a browser whose memory is sampled, which ends pages that have WebAssembly on more than one stack."""
    add_up(new_profile(site_url).open(SAMPLE_MEMORY).new_page(), "/how_to/worker.html")


@pytest.mark.only_in("chromium", reason="Playwright asks nothing of a worker there")
def test_bare_pyodide_in_a_module_worker_adds_up_a_table(new_context: Callable[..., BrowserContext]) -> None:
    page = new_context().new_page()
    add_up(page, "/how_to/bare_worker.html")
    (worker,) = (each for each in page.workers if each.url.endswith("/bare_worker.mjs"))
    assert not worker.evaluate("'Suspending' in WebAssembly"), "WebAssembly has one stack there"


@pytest.mark.firefox
def test_a_worker_of_an_isolated_page_adds_up_a_table(
    isolated_server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context(base_url=isolated_server.url).new_page()
    add_up(page, "/how_to/worker.html")
    assert page.evaluate("crossOriginIsolated")


@pytest.mark.firefox
def test_a_worker_that_sees_the_page_saves_what_is_chosen(
    isolated_server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context(base_url=isolated_server.url).new_page()
    lend_workers(page)
    page.goto("/how_to/isolated.html")
    expect(page.locator("#said")).to_have_text("ready", timeout=60_000)
    chosen = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"}
    page.locator("#chooser").set_input_files([chosen])  # type: ignore[list-item]
    expect(page.locator("#said")).to_have_text(f"a.txt: {hashlib.sha256(b'hello').hexdigest()}")
