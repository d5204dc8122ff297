"""No hint about the network: a process finds out by its probes."""

from __future__ import annotations

from collections.abc import Callable

from filesync_web.ports import Unsubscribe


class AlwaysConnected:
    """The `Connectivity` port of a platform that tells nothing; the probe of the signer decides alone."""

    def subscribe(self, callback: Callable[[bool], None]) -> Unsubscribe:
        """Never call back."""
        del callback
        return lambda: None
