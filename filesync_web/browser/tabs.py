"""What ties the tabs of one browser together: a BroadcastChannel, and the Web Lock of the leader.

Works on the main thread and in workers. The browser releases the lock of a tab that is closed or crashes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.browser.js_util import in_worker
from filesync_web.browser.locks import WebLock
from filesync_web.core.foreign import parse_members
from filesync_web.livestore.ports import LOG_CHANGED, Message


class BroadcastTabs:
    """The `Channel` port over the BroadcastChannel `name`.

    A page that comes back from the background or from the back/forward cache may have missed messages: it is
    told `LOG_CHANGED` then, so that it looks. One that is frozen hears none. Chromium delivers them to it all
    the same, though its timers stand still: it would say that it leads, and could do nothing.
    """

    def __init__(self, name: str) -> None:
        self._js_channel = js.BroadcastChannel.new(name)
        self._proxies: list[tuple[Any, str, Any]] = []
        self._is_open = True
        self._is_frozen = False

    def post(self, message: Message) -> None:
        """Send to all others."""
        if self._is_open:
            self._js_channel.postMessage(json.dumps(message))

    def listen(self, callback: Callable[[Message], None]) -> None:
        """Call back for each message from now on."""

        def on_message(js_event: Any) -> None:
            message = parse_members(js_event.data)
            if message is not None and not self._is_frozen:  # None is none of ours
                callback(message)

        def on_freeze(_js_event: Any) -> None:
            self._is_frozen = True

        def on_return(_js_event: Any) -> None:
            self._is_frozen = False
            callback({"type": LOG_CHANGED})

        self._add(self._js_channel, "message", on_message)
        if not in_worker():
            self._add(js.document, "freeze", on_freeze)
            self._add(js.document, "resume", on_return)
            self._add(js.document, "visibilitychange", on_return)
            self._add(js.window, "pageshow", on_return)

    def close(self) -> None:
        """Stop listening."""
        if not self._is_open:
            return
        self._is_open = False
        for js_target, kind, proxy in self._proxies:
            js_target.removeEventListener(kind, proxy)
            proxy.destroy()
        self._js_channel.close()

    def _add(self, js_target: Any, kind: str, handler: Callable[[Any], None]) -> None:
        proxy = create_proxy(handler)
        js_target.addEventListener(kind, proxy)
        self._proxies.append((js_target, kind, proxy))


class WebLeaderLock:
    """The `LeaderLock` port over the Web Lock `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock: WebLock | None = None

    async def acquire(self, *, steal: bool = False) -> None:
        """Wait until this tab holds the lock; raises `StorageUnavailableError` where there are no locks."""
        lock = self._lock = WebLock(self._name, steal=steal)
        try:
            await lock.granted()
        except BaseException:
            lock.release()
            raise

    async def lost(self) -> None:
        """Return when another tab has stolen the lock."""
        if self._lock is not None:
            await self._lock.ended()

    def release(self) -> None:
        """Give the lock up."""
        if self._lock is not None:
            self._lock.release()
