"""A new version of the gallery: it is offered, and taken when the reader says so, in each tab.

The service worker has loaded it beside the one that runs. When one tab takes it, it answers all of them from
then on; the others go on with the pages that they have, until they are reloaded.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from background import Start
from pyscript import document, when, window
from trouble import Trouble

import filesync_web as fs

TOAST = "update"
READY = "A new version of the gallery is ready."
TAKEN = "The gallery was updated in another tab."
LABEL = "Reload"
CHECK_INTERVAL = 3600.0
"""Seconds after which a tab that is looked at again asks for a new version; at each load the browser does."""


class Offers(Protocol):
    """Where it is offered."""

    def offer(self, key: str, text: str, label: str, accept: Callable[[], None]) -> None: ...


class Update:
    """What this tab knows of the new version."""

    def __init__(self, offers: Offers, start: Start) -> None:
        self._offers = offers
        self._start = start
        self._is_taking = self._is_told = False
        self._checked_at = time.monotonic()

    def ready(self, worker: fs.FileSyncServiceWorker) -> None:
        """A new version waits; the kit tells it once for each."""
        self._offers.offer(TOAST, READY, LABEL, lambda: self._start(self._take(worker)))

    def tell(self, trouble: Trouble) -> None:
        """This tab has to be reloaded to go on; said once, however often it is told."""
        if not self._is_told:
            self._is_told = True
            self._offers.offer(TOAST, str(trouble), LABEL, window.location.reload)

    def follow(self, worker: fs.FileSyncServiceWorker) -> None:
        """From now on, hear of what other tabs do, and look for new versions in a tab that stays open."""
        when("controllerchange", window.navigator.serviceWorker)(lambda _event: self._taken_elsewhere())
        when("visibilitychange", document)(lambda _event: self._look(worker))

    async def _take(self, worker: fs.FileSyncServiceWorker) -> None:
        self._is_taking = True
        with contextlib.suppress(fs.ServiceWorkerError):  # another tab was faster: it is there already
            await worker.activate_update()
        window.location.reload()

    def _taken_elsewhere(self) -> None:
        if not self._is_taking:
            self._offers.offer(TOAST, TAKEN, LABEL, window.location.reload)

    def _look(self, worker: fs.FileSyncServiceWorker) -> None:
        if not document.hidden and time.monotonic() - self._checked_at > CHECK_INTERVAL:
            self._checked_at = time.monotonic()
            self._start(self._check(worker))

    async def _check(self, worker: fs.FileSyncServiceWorker) -> None:
        with contextlib.suppress(fs.ServiceWorkerError):  # without a network there is nothing to find
            await worker.check_for_update()
