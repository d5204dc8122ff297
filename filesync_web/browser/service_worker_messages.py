"""What the page says to its service worker, and how it waits for it.

A message is `{type, ...}` with a MessagePort, answered by `{ok: true, result}` or `{ok: false, error}`; the
types are in `sw/messages.js`. Everything here raises `ServiceWorkerError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import js
from pyodide.ffi import create_proxy, to_js

from filesync_web.browser.js_util import JsError, call, in_worker, is_none, js_object
from filesync_web.errors import ServiceWorkerError

ANSWER_TIMEOUT = 10.0
"""Seconds for what the service worker does at once."""


def service_workers() -> Any:
    """The page's `ServiceWorkerContainer`."""
    if in_worker():
        raise ServiceWorkerError(
            "a worker cannot register a service worker: call this from the page's main thread"
        )
    js_container = getattr(getattr(js, "navigator", None), "serviceWorker", None)
    if js_container is not None:
        return js_container
    if not getattr(js, "isSecureContext", True):  # nobody knows of it outside of browsers
        raise ServiceWorkerError("a service worker needs a secure page: open it by https: or on localhost")
    raise ServiceWorkerError(
        "this browser has no service workers here: leave private browsing, or use a newer one"
    )


async def answer_of(js_object: Any, method: str, *args: Any) -> Any:
    """The value of the promise that a method of the browser gives."""
    try:
        return await call(js_object, method, *args)
    except JsError as error:
        raise ServiceWorkerError(str(error)) from error


async def ask(
    js_worker: Any,
    kind: str,
    message: Mapping[str, Any] | None = None,
    *,
    timeout: float | None = ANSWER_TIMEOUT,
) -> Any:
    """Send a message and wait for the result in its answer; without a `timeout` it may take any time."""
    js_channel = js.MessageChannel.new()
    js_port = js_channel.port1
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def take(js_event: Any) -> None:
        if not answered.done():
            answered.set_result(js_event.data if js_event.type == "message" else None)

    async with listening(js_port, ("message", "close"), take):
        js_port.start()
        js_worker.postMessage(js_object({**(message or {}), "type": kind}), to_js([js_channel.port2]))
        try:
            async with asyncio.timeout(timeout):
                js_answer = await answered
        except TimeoutError as error:
            raise ServiceWorkerError(f"the service worker did not answer {kind}") from error
        finally:
            js_port.close()
    if js_answer is None:  # the browser stopped the worker, and the port was closed
        raise ServiceWorkerError(f"the service worker was stopped before it answered {kind}")
    if getattr(js_answer, "ok", None) is not True or not hasattr(js_answer, "result"):
        raise ServiceWorkerError(str(getattr(js_answer, "error", f"it is no worker that knows {kind}")))
    return js_answer.result


async def activated(js_worker: Any | None, script_url: str) -> None:
    """Wait until a worker is active; fails when the browser gave it up, or has done so before: then the
    registration has no worker of any version."""
    if js_worker is not None:
        await _state(js_worker, lambda state: state in {"activated", "redundant"})
    if js_worker is None or js_worker.state == "redundant":
        raise ServiceWorkerError(
            f"{script_url} could not be installed: a precached file is missing, cannot be loaded or is not "
            "of this build, or the script fails; see the browser's console"
        )


async def installed(js_worker: Any) -> None:
    """Wait until a new version is installed, or was given up."""
    await _state(js_worker, lambda state: state != "installing")


async def _state(js_worker: Any, is_wanted: Callable[[str], bool]) -> None:
    changed = asyncio.Event()
    async with listening(js_worker, ("statechange",), lambda _js_event: changed.set()):
        while not is_wanted(js_worker.state):
            await changed.wait()
            changed.clear()


@asynccontextmanager
async def listening(
    js_target: Any, kinds: tuple[str, ...], listener: Callable[[Any], object]
) -> AsyncIterator[None]:
    """Call back for events of an object inside the context."""
    js_listener = create_proxy(listener)
    for kind in kinds:
        js_target.addEventListener(kind, js_listener)
    try:
        yield
    finally:
        for kind in kinds:
            js_target.removeEventListener(kind, js_listener)
        js_listener.destroy()


def version_of(js_registration: Any) -> Any | None:
    """The worker of a registration: the active one, else the one that will be; None when none could be
    installed."""
    found = (getattr(js_registration, state) for state in ("active", "waiting", "installing"))
    return next((js_worker for js_worker in found if not is_none(js_worker)), None)
