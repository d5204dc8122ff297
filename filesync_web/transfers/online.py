"""Whether the signer can be reached: a probe at intervals, sooner when something hints at a change.

The platform's own hint (the browser's `online` and `offline` events) makes the probe run at once and
counts as an answer when it says offline; coming back online is always the probe's word, so that recovery
does not depend on it.

While bytes of transfers move, a probe without an answer does not mean offline: to a server of HTTP/1.1 a
browser has six connections, and when transfers hold them all, the probe waits behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from filesync_web.aio.waiting import first_of
from filesync_web.core.display import FileSyncEvent
from filesync_web.files.workspace import Workspace
from filesync_web.options import FileSyncOptions
from filesync_web.transfers.event_relay import EventRelay


class OnlineMonitor:
    """Probes the signer while this tab leads, and tells the relay what it finds.

    `on_change` is called after that, and with the first answer of each `run`.
    """

    def __init__(
        self,
        workspace: Workspace,
        options: FileSyncOptions,
        relay: EventRelay,
        on_change: Callable[[bool], None],
    ) -> None:
        self._remote = workspace.remote
        self._hint = workspace.platform.connectivity
        self._clock = workspace.platform.clock
        self._options = options
        self._relay = relay
        self._on_change = on_change
        self._wake = asyncio.Event()
        self._bytes_moved = False
        self._has_answer = False

    @property
    def may_transfer(self) -> bool:
        """Whether transfers may run: the signer can be reached, and this tab has asked it itself, by which it
        also knows what the signer offers."""
        return self._has_answer and self._relay.online is True

    def check_now(self) -> None:
        """Probe at once: a transfer has failed, or the app asks."""
        self._wake.set()

    def bytes_moved(self) -> None:
        """Bytes of a transfer have arrived, here or there."""
        self._bytes_moved = True

    async def run(self) -> None:
        """Probe until cancelled."""
        self._has_answer = False
        unsubscribe = self._hint.subscribe(self._on_hint)
        try:
            while True:
                self._wake.clear()
                self._bytes_moved = False
                answered = await self._remote.is_healthy(timeout=self._options.health_check_timeout)
                self._found(answered or (self._bytes_moved and self.may_transfer))
                await first_of(self._clock.sleep(self._options.health_check_interval), self._wake.wait())
        finally:
            self._has_answer = False
            unsubscribe()

    def _on_hint(self, is_online: bool) -> None:
        if not is_online:
            self._found(False)
        self.check_now()

    def _found(self, is_online: bool) -> None:
        is_news = not self._has_answer or is_online is not self._relay.online
        self._has_answer = True
        if is_news:
            self._relay.tell(FileSyncEvent("online" if is_online else "offline"))
            self._on_change(is_online)
