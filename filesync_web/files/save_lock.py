"""The lock between those who save and those who remove bytes, in all tabs.

A save stores its bytes first and names them in an event afterwards: in between they look like garbage. So a
save holds this lock, shared with other saves, from before its bytes are stored until its event is in the log.
Bytes are removed only by who holds it alone, and only when the store, brought up to date under it, does not
need them.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from filesync_web.errors import NotEvictableError
from filesync_web.files.workspace import Workspace

_NAME = "blobs"
SAVING_TIMEOUT = 30.0
"""Seconds that what somebody asked to be removed waits for those who are saving: a recording may go on for
hours."""
RETRY_DELAY = 2.0
"""Seconds."""


class BusyError(NotEvictableError):
    """Somebody has been saving all the time."""


class SaveLock:
    """The lock of one store."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def saving(self) -> AbstractAsyncContextManager[None]:
        """Inside the context nobody removes bytes."""
        return self._workspace.platform.locks.hold(_NAME, exclusive=False)

    @asynccontextmanager
    async def removing(self, *, timeout: float = math.inf) -> AsyncIterator[None]:
        """Inside the context nobody saves, and the store is up to date.

        We do not queue for the lock, since every later save would wait behind us: we come back until nobody
        is saving, and after `timeout` seconds raise `BusyError`.
        """
        platform, waited = self._workspace.platform, 0.0
        while True:
            async with platform.locks.try_hold(_NAME) as held:
                if held:
                    await self._workspace.store.refresh()
                    yield
                    return
            if waited >= timeout:
                raise BusyError("no bytes can be removed now: a file is being saved; try again when it is")
            waited += RETRY_DELAY
            await platform.clock.sleep(RETRY_DELAY)
