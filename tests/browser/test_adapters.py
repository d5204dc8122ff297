"""The small adapters of the browser, in each of the three contexts: locks, connectivity, HTTP."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide

pytestmark = pytest.mark.firefox


@run_in_pyodide
async def test_web_locks_exclude_and_share(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import asyncio
    from types import NoneType

    from filesync_web.browser.locks import WebLocks
    from tests.harness.waiting import until

    async def use(name: str, exclusive: bool) -> None:
        async with locks.hold("x", exclusive=exclusive):
            order.append(name)
            await go.wait()

    locks = WebLocks(f"{store_id}-")
    order: list[str] = []
    go = asyncio.Event()
    uses = (("a", False), ("b", False), ("c", True), ("d", True))
    tasks = [asyncio.create_task(use(*each)) for each in uses]
    await until(lambda: len(order) == 2, "two share the lock")
    tasks[2].cancel()
    assert sorted(order) == ["a", "b"]
    go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert order[2:] == ["d"]
    assert [type(result) for result in results] == [NoneType, NoneType, asyncio.CancelledError, NoneType]


@run_in_pyodide
async def test_connectivity_tells_of_the_browsers_events(selenium_everywhere: PyodidePage) -> None:
    import js

    from filesync_web.browser.connectivity import BrowserConnectivity

    seen: list[bool] = []
    stop = BrowserConnectivity().subscribe(seen.append)
    for name in ("offline", "online"):
        js.dispatchEvent(js.Event.new(name))
    stop()
    stop()
    js.dispatchEvent(js.Event.new("offline"))
    assert seen == [False, True]


@run_in_pyodide
async def test_http_resolves_relative_urls_in_every_context(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    from filesync_web.browser.blobs import OpfsBlobStore
    from filesync_web.browser.http import BrowserHttp

    store, http = OpfsBlobStore(store_id), BrowserHttp()
    answer = await http.request("GET", "/api/health", headers={}, timeout=30)
    assert answer.status == 200
    blob = await store.open((await store.put(b"abc")).content_hash)
    refused = await http.upload("POST", "/nowhere", headers={}, blob=blob, stall_timeout=30)
    assert refused.status >= 400
