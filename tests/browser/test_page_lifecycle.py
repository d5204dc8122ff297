"""Pages that the browser puts aside: frozen in the background, or in its back-forward cache.

Chromium keeps a page with an open store in the back-forward cache, until another tab wants something of it:
then it throws the page away, and "back" loads it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright

from tests.browser.client_page import read, wait_to_lead
from tests.harness import FaultProxy, PageErrors, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.browser import PATIENCE
from tests.harness.engines import Engine
from tests.harness.freezable import FreezableContext
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.only_in("chromium", reason="only there can a test freeze a page and bring one back")

ELSEWHERE = "/testing/elsewhere.html"
CONTENT = b"something to keep" * 50_000


@pytest.fixture
def caching_context(
    engine: Engine, playwright: Playwright, page_errors: PageErrors, site_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """Make contexts of a browser that has its back-forward cache, which Playwright switches off."""
    browser = engine.launch(playwright, ignore_default_args=["--disable-back-forward-cache"])

    def make(base_url: str = site_url) -> BrowserContext:
        context = browser.new_context(base_url=base_url)
        context.route(f"**{ELSEWHERE}", lambda route: route.fulfill(body="elsewhere"))
        context.set_default_timeout(PATIENCE * 1000)
        page_errors.watch(context)
        return context

    yield make
    browser.close()


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page.client import open_client

    await open_client(store_id)


@run_in_pyodide
async def save(selenium: PyodidePage, name: str, content: bytes) -> str:
    """Save a file, without waiting for its upload; its id."""
    from tests.in_page import kept

    return str((await kept.sync.save_file(content, name=name)).file_id)


@run_in_pyodide
async def wait_until_synced(selenium: PyodidePage) -> None:
    from tests.in_page import kept

    await kept.sync.wait_until_synced(timeout=40)


@run_in_pyodide
def leads(selenium: PyodidePage) -> bool:
    from tests.in_page import kept

    return bool(kept.store.leader)


def leave(page: PyodidePage) -> None:
    page.driver.evaluate(
        "globalThis.isKept = false;"
        "addEventListener('pageshow', ({ persisted }) => { globalThis.isKept = persisted; })"
    )
    page.driver.goto(ELSEWHERE)


def go_back(page: PyodidePage, *, is_kept: bool) -> None:
    """Return to the page, which was kept as it was, or is loaded anew."""
    page.driver.evaluate("history.back()")
    shown = "() => globalThis.isKept" if is_kept else "() => globalThis.pyodide && !('isKept' in globalThis)"
    page.driver.wait_for_function(shown, timeout=60_000)


def test_a_page_from_the_back_forward_cache_leads_and_syncs_as_before(
    caching_context: Callable[..., BrowserContext], store_id: str
) -> None:
    page = open_pyodide_page(caching_context())
    open_client(page, store_id)
    before = save(page, "before.txt", CONTENT)
    wait_until_synced(page)
    leave(page)
    go_back(page, is_kept=True)
    assert read(page, before) == CONTENT
    after = save(page, "after.txt", b"after")
    wait_until_synced(page)
    assert leads(page)

    elsewhere = open_pyodide_page(caching_context())
    open_client(elsewhere, store_id)
    assert read(elsewhere, before) == CONTENT
    assert read(elsewhere, after) == b"after"


@pytest.mark.thorough
def test_an_upload_goes_on_after_the_page_was_left_and_came_back(
    caching_context: Callable[..., BrowserContext], fault_proxy: FaultProxy, store_id: str
) -> None:
    page = open_pyodide_page(caching_context(fault_proxy.url))
    open_client(page, store_id)
    trap = fault_proxy.set_trap("PUT", store_id, "up", 0.5)
    file_id = save(page, "large.bin", CONTENT)
    assert trap.sprung.wait(30)
    leave(page)
    fault_proxy.let_go()
    go_back(page, is_kept=True)
    wait_until_synced(page)

    elsewhere = open_pyodide_page(caching_context())
    open_client(elsewhere, store_id)
    assert read(elsewhere, file_id) == CONTENT


@pytest.mark.thorough
def test_another_tab_takes_over_from_a_page_that_was_left(
    caching_context: Callable[..., BrowserContext], store_id: str
) -> None:
    context = caching_context()
    page, other = open_pyodide_page(context), open_pyodide_page(context)
    open_client(page, store_id)
    wait_to_lead(page)
    open_client(other, store_id)
    file_id = save(page, "before.txt", CONTENT)
    leave(page)
    wait_until(lambda: leads(other), "the other tab leads")
    meanwhile = save(other, "meanwhile.txt", b"meanwhile")
    wait_until_synced(other)

    go_back(page, is_kept=False)
    page.begin_anew()
    open_client(page, store_id)
    assert read(page, file_id) == CONTENT
    assert read(page, meanwhile) == b"meanwhile"
    assert not leads(page)


def test_another_tab_takes_over_from_a_frozen_one_which_goes_on_when_it_wakes(
    browser: Browser, site_url: str, store_id: str
) -> None:
    context: Any = FreezableContext(browser, site_url)
    try:
        page, other = open_pyodide_page(context), open_pyodide_page(context)
        open_client(page, store_id)
        wait_to_lead(page)
        open_client(other, store_id)
        file_id = save(page, "before.txt", CONTENT)
        wait_until_synced(page)
        frozen: Any = page.driver
        frozen.freeze()
        wait_until(lambda: leads(other), "the other tab leads")
        assert read(other, file_id) == CONTENT
        meanwhile = save(other, "meanwhile.txt", b"meanwhile")
        wait_until_synced(other)

        frozen.resume()
        assert read(page, meanwhile) == b"meanwhile"
        after = save(page, "after.txt", b"after")
        assert read(other, after) == b"after"
        wait_until_synced(other)
        wait_until(lambda: not leads(page), "it has noticed that it leads no more")
        assert leads(other)
    finally:
        context.close()
