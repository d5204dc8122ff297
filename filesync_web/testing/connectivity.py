"""A network hint that the test gives."""

from __future__ import annotations

from collections.abc import Callable

from filesync_web.ports import Unsubscribe


class ManualConnectivity:
    """The `Connectivity` port; `set_online` calls the subscribers back."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[bool], None]] = {}

    def subscribe(self, callback: Callable[[bool], None]) -> Unsubscribe:
        """Call back with True or False at each `set_online`."""
        key = object()
        self._callbacks[key] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(key, None)

        return unsubscribe

    def set_online(self, online: bool) -> None:
        """Tell every subscriber."""
        for callback in list(self._callbacks.values()):
            callback(online)
