"""Web Locks: locks between all tabs and workers of one origin; the browser releases those of a tab that
crashed.

Works on the main thread and in workers, in a secure context.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import js
from pyodide.ffi import create_proxy

from filesync_web.browser.js_util import JsError, call, is_none, js_object, open_promise
from filesync_web.errors import StorageUnavailableError


class WebLock:
    """One request for a Web Lock: it waits, is granted, and ends when it is released or another tab takes it.

    With `if_available` it does not wait; with `steal` it takes the lock from whoever holds it. Raises
    `StorageUnavailableError` where there are no locks.
    """

    def __init__(
        self, name: str, *, mode: str = "exclusive", if_available: bool = False, steal: bool = False
    ) -> None:
        if getattr(js.navigator, "locks", None) is None:
            raise StorageUnavailableError(
                "locks between tabs need a secure page: open it by https: or on localhost, in a browser that "
                "has Web Locks"
            )
        loop = asyncio.get_running_loop()
        self._granted: asyncio.Future[bool | StorageUnavailableError] = loop.create_future()
        self._js_released, self._js_release = open_promise()
        self._js_waiting = js.AbortController.new()
        self._js_hold = create_proxy(self._hold)
        options: dict[str, Any] = {"mode": mode}
        # The browser takes a signal with neither of the other two.
        if if_available:
            options["ifAvailable"] = True
        elif steal:
            options["steal"] = True
        else:
            options["signal"] = self._js_waiting.signal
        ended = call(js.navigator.locks, "request", name, js_object(options), self._js_hold)
        self._ended = asyncio.ensure_future(self._follow(ended))

    async def granted(self) -> bool:
        """Wait for the lock; False when it is held by another and is not waited for.

        Raises `StorageUnavailableError` when the browser refuses it.
        """
        answer = await asyncio.shield(self._granted)
        if isinstance(answer, StorageUnavailableError):
            raise answer
        return answer

    async def ended(self) -> None:
        """Wait until this request is over, and the next one may have the lock."""
        await asyncio.shield(self._ended)

    def release(self) -> None:
        """Give the lock up, or the place in the queue for it."""
        self._js_waiting.abort()  # Chromium forgets it when it comes right after the request
        self._js_release()

    def _hold(self, js_lock: Any) -> Any:
        self._answer(not is_none(js_lock))
        return None if is_none(js_lock) else self._js_released

    async def _follow(self, ended: Coroutine[Any, Any, Any]) -> None:
        try:
            await ended
        except JsError as error:
            self._answer(StorageUnavailableError(f"the browser gives no lock ({error})"))
        finally:
            self._js_hold.destroy()

    def _answer(self, answer: bool | StorageUnavailableError) -> None:
        if not self._granted.done():
            self._granted.set_result(answer)


class WebLocks:
    """The `Locks` port; `prefix` begins every name, so that apps of one origin do not share locks."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @asynccontextmanager
    async def hold(self, name: str, *, exclusive: bool) -> AsyncIterator[None]:
        """Hold the lock inside the context; raises `StorageUnavailableError` where there are no locks."""
        async with _held(self._prefix + name, mode="exclusive" if exclusive else "shared"):
            yield

    def try_hold(self, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold the lock if nobody holds it now; raises `StorageUnavailableError` where there are no locks."""
        return _held(self._prefix + name, if_available=True)


async def check_web_locks() -> None:
    """Raise `StorageUnavailableError` unless the browser gives this page a lock."""
    async with _held("filesync-web:try", mode="shared", if_available=True):
        pass


@asynccontextmanager
async def _held(name: str, *, mode: str = "exclusive", if_available: bool = False) -> AsyncIterator[bool]:
    lock, is_held = WebLock(name, mode=mode, if_available=if_available), False
    try:
        is_held = await lock.granted()
        yield is_held
    finally:
        lock.release()
        if is_held:
            await lock.ended()
