"""Why a WebSocket was refused, which a browser does not tell: one question by HTTP finds out.

Works on the main thread and in workers.
"""

from __future__ import annotations

import asyncio
from typing import Any

import js

from filesync_web.browser.js_util import JsError, call, js_object
from filesync_web.livestore.messages import Ping
from filesync_web.livestore.ports import Socket, SocketClosedError, SocketFactory
from filesync_web.livestore.refusals import origin_refused, reason_in, refused
from filesync_web.livestore.wire import encode

QUESTION_TIMEOUT = 10.0


def asking_why(open_socket: SocketFactory) -> SocketFactory:
    """The same, but an error of opening says what the backend answers over HTTP."""

    async def open_or_ask(url: str) -> Socket:
        try:
            return await open_socket(url)
        except SocketClosedError as error:
            try:
                async with asyncio.timeout(QUESTION_TIMEOUT):
                    reason = await _reason(url)
            except (JsError, TimeoutError):
                reason = None  # no answer there either
            raise reason or error from error

    return open_or_ask


async def _reason(url: str) -> SocketClosedError | None:
    """What the backend answers to the same client over HTTP; raises `JsError` when nothing answers."""
    http_url = url.replace("ws", "http", 1).replace("transport=ws", "transport=http", 1)
    try:
        js_answer = await _fetch(http_url, "cors")
    except JsError:
        # What a page may not read looks like no answer. Whether there is one at all, it may know.
        await _fetch(http_url, "no-cors")
        return origin_refused(http_url, str(js.location.origin))
    if js_answer.ok:
        return SocketClosedError("the sync backend answers over HTTP, but no WebSocket gets through to it")
    return refused(int(js_answer.status), reason_in((await call(js_answer, "text")).encode()))


async def _fetch(url: str, mode: str) -> Any:
    options = {"method": "POST", "body": encode(Ping()), "mode": mode, "credentials": "same-origin"}
    return await call(js.globalThis, "fetch", url, js_object(options))
