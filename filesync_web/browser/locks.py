"""Web Locks: locks between all tabs and workers of one origin; the browser releases those of a tab that
crashed.

Works on the main thread and in workers, in a secure context.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from filesync_web.browser.js_util import error_of, is_none, load_script


class WebLocks:
    """The `Locks` port; `prefix` begins every name, so that apps of one origin do not share locks."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._js = load_script("locks.js", ("holdLock",))

    @asynccontextmanager
    async def hold(self, name: str, *, exclusive: bool) -> AsyncIterator[None]:
        """Hold the lock inside the context; raises `StorageUnavailableError` where there are no locks."""
        async with self._held(name, "exclusive" if exclusive else "shared", wait=True):
            yield

    def try_hold(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold the lock if nobody holds it now; raises `StorageUnavailableError` where there are no locks."""
        return self._held(name, "exclusive", wait=False)

    @asynccontextmanager
    async def _held(self, name: str, mode: str, *, wait: bool) -> AsyncIterator[bool]:
        js_lock = self._js.holdLock(f"{self._prefix}{name}", mode, not wait)
        try:
            js_error = await js_lock.granted
            is_taken = not is_none(js_error) and js_error.type == "Taken"
            if not is_none(js_error) and not is_taken:
                raise error_of({"type": js_error.type, "message": js_error.message})
            yield not is_taken
        finally:
            await js_lock.release()
