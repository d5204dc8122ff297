"""Whether the signer can be reached: a probe at intervals, sooner when something hints at a change.

The platform's own hint (the browser's `online` and `offline` events) makes the probe run at once and
counts as an answer when it says offline; coming back online is always the probe's word, so that recovery
does not depend on it.

While bytes of transfers move, a probe without an answer does not mean offline: to a server of HTTP/1.1 a
browser has six connections, and when transfers hold them all, the probe waits behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from filesync_web.aio.waiting import first_of
from filesync_web.ports import Clock, Connectivity


class OnlineMonitor:
    """Runs the probe and tells changes. `is_online` is None until the first answer.

    `interval` and `timeout` in seconds. `probe` takes the time-out and must not raise.
    """

    def __init__(
        self,
        probe: Callable[[float], Awaitable[bool]],
        hint: Connectivity,
        clock: Clock,
        on_change: Callable[[bool], None],
        *,
        interval: float,
        timeout: float,
    ) -> None:
        self._probe = probe
        self._hint = hint
        self._clock = clock
        self._on_change = on_change
        self._interval = interval
        self._timeout = timeout
        self._wake = asyncio.Event()
        self._bytes_moved = False
        self.is_online: bool | None = None

    def check_now(self) -> None:
        """Probe at once: a transfer has failed, or the app asks."""
        self._wake.set()

    def bytes_moved(self) -> None:
        """Bytes of a transfer have arrived, here or there."""
        self._bytes_moved = True

    async def run(self) -> None:
        """Probe until cancelled."""
        unsubscribe = self._hint.subscribe(self._hinted)
        try:
            while True:
                self._wake.clear()
                self._bytes_moved = False
                answered = await self._probe(self._timeout)
                self._set(answered or (self._bytes_moved and self.is_online is True))
                await first_of(self._clock.sleep(self._interval), self._wake.wait())
        finally:
            unsubscribe()

    def _hinted(self, is_online: bool) -> None:
        if not is_online:
            self._set(False)
        self.check_now()

    def _set(self, is_online: bool) -> None:
        if is_online is not self.is_online:
            self.is_online = is_online
            self._on_change(is_online)
