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

from filesync_web.aio.futures import new_future, new_task
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
        self._granted: asyncio.Future[bool | StorageUnavailableError] = new_future()
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
        self._ended = new_task(self._follow(ended))

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
            self._answer(StorageUnavailableError(f"{_reason(error)} ({error})"))
        finally:
            self._js_hold.destroy()

    def _answer(self, answer: bool | StorageUnavailableError) -> None:
        if not self._granted.done():
            self._granted.set_result(answer)


def _reason(error: JsError) -> str:
    """Why the browser refuses locks, in words for the app's author or the person."""
    if error.name != "SecurityError":
        return "the browser gives no lock"
    if js.self.origin == "null":
        return "the browser keeps nothing for this frame: its sandbox lacks allow-same-origin"
    return (
        "the browser lets this page keep nothing: its settings for cookies say so, in a frame also those "
        "for other sites"
    )


LINGER = 0.25
"""Seconds that a shared lock is kept for the next who shares it here."""

LONGEST = 1.0
"""Seconds that others join it: those who want it alone in another tab must have their turn."""


class _SharedLock:
    """One request for those who share a lock in this tab; it is given up a while after the last of them has
    left, or at once when somebody here wants the lock alone."""

    def __init__(self, name: str) -> None:
        self._lock = WebLock(name, mode="shared")
        self._holders = 0
        self._left_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._since = asyncio.get_running_loop().time()
        self.is_wanted = False

    @property
    def is_old(self) -> bool:
        return asyncio.get_running_loop().time() - self._since > LONGEST

    @property
    def is_used(self) -> bool:
        return self._holders > 0

    @asynccontextmanager
    async def share(self) -> AsyncIterator[None]:
        self._holders += 1
        try:
            await self._lock.granted()
            yield
        except StorageUnavailableError:
            self.is_wanted = True  # by nobody: this one is of no use
            raise
        finally:
            self._holders -= 1
            self._left_at = asyncio.get_running_loop().time()
            self._look()

    def want(self) -> None:
        """Somebody else wants the lock: give it up now, or as soon as it is not used."""
        self.is_wanted = True
        self._look()

    async def end(self) -> None:
        """Give it up, and wait until the browser knows."""
        self.want()
        await self._lock.ended()

    def _look(self) -> None:
        if self.is_used:
            return
        loop = asyncio.get_running_loop()
        if self.is_wanted or loop.time() - self._left_at >= LINGER:
            self.is_wanted = True
            self._lock.release()
        elif self._timer is None:
            self._timer = loop.call_later(LINGER, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._look()


class WebLocks:
    """The `Locks` port; `prefix` begins every name, so that apps of one origin do not share locks.

    A request costs some milliseconds. So those who share a lock in this tab have one request between them,
    and it stays for a moment after the last of them, unless somebody here wants the lock alone.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._shared: dict[str, _SharedLock] = {}

    def hold(self, name: str, *, exclusive: bool) -> AbstractAsyncContextManager[None]:
        """Hold the lock inside the context; raises `StorageUnavailableError` where there are no locks."""
        return self._hold(self._prefix + name) if exclusive else self._share(self._prefix + name)

    @asynccontextmanager
    async def try_hold(self, name: str) -> AsyncIterator[bool]:
        """Hold the lock if nobody holds it now; raises `StorageUnavailableError` where there are no locks."""
        name = self._prefix + name
        if name in self._shared and not self._shared[name].is_used:
            await self._shared.pop(name).end()
        async with _held(name, if_available=True) as is_held:
            yield is_held

    @asynccontextmanager
    async def _hold(self, name: str) -> AsyncIterator[None]:
        if name in self._shared:
            self._shared.pop(name).want()  # who comes later waits behind us
        async with _held(name):
            yield

    @asynccontextmanager
    async def _share(self, name: str) -> AsyncIterator[None]:
        shared = self._shared.get(name)
        if shared is not None and shared.is_old:
            shared.want()
        if shared is None or shared.is_wanted:
            shared = self._shared[name] = _SharedLock(name)
        async with shared.share():
            yield


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
