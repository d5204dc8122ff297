"""The kit in a frame of another page: of the same origin, of another site, and in a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Frame

from tests.browser.client_page import read, save_synced, wait_to_lead
from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.engines import PLAYWRIGHT_DISABLES, POPUPS
from tests.harness.static_host import StaticHost

CONTENT = b"saved in a frame"
STILL_OFF = [name for name in (*PLAYWRIGHT_DISABLES, *POPUPS) if name != "ThirdPartyStoragePartitioning"]
PARTITIONED = (f"--disable-features={','.join(STILL_OFF)}",)
"""Playwright switches off that sites have storage of their own in the pages of others. A later list of what
is off takes the place of its list."""


class Embedding:
    """In place of a context: a page of `origin` of that context, whose frame is what is opened in it."""

    def __init__(self, context: BrowserContext, origin: str, sandbox: str | None = None) -> None:
        self._context = context
        self._url = f"{origin}/embedding.html"
        self._attribute = "" if sandbox is None else f'sandbox="{sandbox}"'

    def new_page(self) -> Frame:
        page = self._context.new_page()
        body = f"<!doctype html><iframe {self._attribute}></iframe>"
        page.route(self._url, lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(self._url)
        frame = page.locator("iframe").element_handle().content_frame()
        assert frame is not None
        return frame


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> tuple[str, bool]:
    """Open a client; its id, and whether its tab is the first to lead."""
    import asyncio

    from tests.in_page import kept
    from tests.in_page.client import open_client

    store, _ = await open_client(store_id)
    kept.led = asyncio.get_running_loop().create_future()
    store.on_leader_change(lambda leads: kept.led.done() or kept.led.set_result(leads))
    return store.client_id, store.leader


@run_in_pyodide
async def error_of_opening(selenium: PyodidePage, store_id: str) -> tuple[str, str]:
    import filesync_web as fs

    try:
        await fs.open_store(fs.make_schema(tables={}, events={}, materializers={}), store_id=store_id)
    except fs.FileSyncError as error:
        return type(error).__name__, str(error)
    return "", ""


def open_frame(context: BrowserContext, origin: str, *, sandbox: str | None = None) -> PyodidePage:
    embedding: Any = Embedding(context, origin, sandbox)
    return open_pyodide_page(embedding)


def other_site(site_url: str) -> str:
    """Another name of this machine: another site to a browser, and as trustworthy."""
    return site_url.replace("127.0.0.1", "localhost")


@pytest.mark.thorough
def test_a_frame_of_the_same_origin_is_another_tab_of_the_store(
    new_context: Callable[[], BrowserContext], site_url: str, store_id: str
) -> None:
    context = new_context()
    frame, tab = open_frame(context, site_url), open_pyodide_page(context)
    client_id, _ = open_client(frame, store_id)
    wait_to_lead(frame)
    assert open_client(tab, store_id) == (client_id, False)
    assert read(tab, save_synced(frame, "a.txt", CONTENT)) == CONTENT
    assert read(frame, save_synced(tab, "a.txt", b"in the tab")) == b"in the tab"


def test_a_frame_in_a_page_of_another_site_is_a_device_of_its_own_that_syncs(
    new_profile: Callable[[], Profile], site_url: str, store_id: str
) -> None:
    context = new_profile().open(*PARTITIONED)
    frame, tab = open_frame(context, other_site(site_url)), open_pyodide_page(context)
    client_id, _ = open_client(frame, store_id)
    wait_to_lead(frame)
    own_client_id, _ = open_client(tab, store_id)
    wait_to_lead(tab)
    assert own_client_id != client_id
    assert read(tab, save_synced(frame, "a.txt", CONTENT)) == CONTENT
    assert read(frame, save_synced(tab, "a.txt", b"in the tab")) == b"in the tab"


@pytest.mark.only_in("chromium", reason="in its windows off the record frames of other sites keep nothing")
def test_a_frame_that_may_keep_nothing_is_told_so(
    new_context: Callable[[], BrowserContext], site_url: str, store_id: str
) -> None:
    kind, words = error_of_opening(open_frame(new_context(), other_site(site_url)), store_id)
    assert kind == "StorageUnavailableError"
    assert "in a frame also those for other sites" in words


def test_a_sandboxed_frame_without_an_origin_is_told_what_it_lacks(
    new_context: Callable[..., BrowserContext], test_site: Path, store_id: str
) -> None:
    host = StaticHost(test_site, {"Access-Control-Allow-Origin": "*"})  # else not even a script is loaded
    frame = open_frame(new_context(base_url=host.url), host.url, sandbox="allow-scripts")
    kind, words = error_of_opening(frame, store_id)
    assert kind == "StorageUnavailableError"
    assert "sandbox" in words
    host.stop()
