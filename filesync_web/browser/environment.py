"""Opens stores in a browser: in a page, a PyScript worker, or bare Pyodide in either."""

from __future__ import annotations

from collections.abc import Callable

import js

from filesync_web.aio.clocks import SystemClock
from filesync_web.browser.event_log import IndexedDbEventLog
from filesync_web.browser.http import BrowserHttp
from filesync_web.browser.js_util import absolute_url
from filesync_web.browser.locks import check_web_locks
from filesync_web.browser.names import PREFIX, leader_lock
from filesync_web.browser.refusal import asking_why
from filesync_web.browser.tabs import BroadcastTabs, WebLeaderLock
from filesync_web.browser.web_socket import open_browser_socket
from filesync_web.livestore.http_transport import http_transport
from filesync_web.livestore.ports import StorePorts
from filesync_web.livestore.schema import Schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.ports import Platform

PUSH_GAP = 0.05
"""Seconds between two pushes of events, at least: a save takes less, and shall not cost a push each. With
what follows from it, a push takes this page and the log's worker some 10 ms."""


class BrowserEnvironment:
    """The `Environment` of Python in a browser; everything is kept by the page's origin.

    Raises `StorageUnavailableError` where Pyodide runs without a browser.
    """

    def __init__(self) -> None:
        if not hasattr(js, "indexedDB"):
            from filesync_web.browser.runtimes import no_browser

            raise no_browser()

    async def open_store(self, schema: Schema, store_id: str, sync: SyncOptions | None) -> Store:
        """Open the store that all tabs of this browser share.

        Raises `StorageUnavailableError` where the browser gives no locks: without them no tab could lead.
        """
        log = IndexedDbEventLog(PREFIX + store_id)
        log.worker.launch()
        try:
            _platform()  # is imported while the worker starts
            await check_web_locks()
            ports = _ports(store_id, log, is_over_http=sync is not None and sync.transport == "http")
            return await Store.open(schema=schema, store_id=store_id, ports=ports, sync=sync)
        except BaseException:
            log.worker.close()
            raise

    def platform(self, store_id: str, *, include_credentials: bool) -> Platform:
        """What a `FileSync` of that store needs."""
        return _platform()(store_id, include_credentials=include_credentials)

    def absolute_url(self, url: str) -> str:
        """The URL relative to the page."""
        return absolute_url(url)


def _ports(store_id: str, log: IndexedDbEventLog, *, is_over_http: bool) -> StorePorts:
    clock = SystemClock()
    over_http = http_transport(store_id, BrowserHttp, clock)
    return StorePorts(
        log=log,
        channel=BroadcastTabs(PREFIX + store_id),
        lock=WebLeaderLock(leader_lock(store_id)),
        clock=clock,
        open_socket=over_http if is_over_http else asking_why(open_browser_socket),
        push_gap=PUSH_GAP,
    )


def _platform() -> Callable[..., Platform]:
    from filesync_web.browser.platform import browser_platform

    return browser_platform
