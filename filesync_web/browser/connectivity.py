"""The browser's hint whether there is a network; works on the main thread and in workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.ports import Unsubscribe


class BrowserConnectivity:
    """The `Connectivity` port over the `online` and `offline` events."""

    def subscribe(self, callback: Callable[[bool], None]) -> Unsubscribe:
        """Call back with True or False at each event, until the returned function is called."""

        def on_event(js_event: Any) -> None:
            callback(js_event.type == "online")

        listener = create_proxy(on_event)
        js.addEventListener("online", listener)
        js.addEventListener("offline", listener)
        active = True

        def unsubscribe() -> None:
            nonlocal active
            if active:
                active = False
                js.removeEventListener("online", listener)
                js.removeEventListener("offline", listener)
                listener.destroy()

        return unsubscribe
