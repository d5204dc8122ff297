"""Waiting for what another task, thread, process or page brings about, where there is no event to wait for.

    await until(lambda: reader.got == [1], "the reader has the event")
    wait_until(lambda: upload.waiting, "the upload has begun", page=page)

Both ask the condition again and again, return its first true answer, and raise AssertionError when there is
none in time. `awaited` completes the error's sentence ("not within 10 s: the reader has the event"); a
function is called for it only then, so it may tell how far things came. What the condition itself raises
ends the wait. Prefer an event, a held request or a moved clock where there is one.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # this module works inside Pyodide, too
    from playwright.sync_api import Page

TIMEOUT = 30.0
"""Seconds to wait for what takes milliseconds on a quiet machine."""
_PAUSE = 0.005
_PAGE_PAUSE = 0.02

T = TypeVar("T")


async def until(
    condition: Callable[[], T | Awaitable[T]], awaited: str | Callable[[], str], *, timeout: float = TIMEOUT
) -> T:
    """Let other tasks run until the condition, a function or a coroutine function, is true. `timeout` is in
    seconds."""
    try:
        async with asyncio.timeout(timeout) as limit:
            while not (answer := await _ask(condition)):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(_failure(awaited, timeout)) from None
    return answer


def wait_until(
    condition: Callable[[], T],
    awaited: str | Callable[[], str],
    *,
    timeout: float = TIMEOUT,
    page: Page | None = None,
) -> T:
    """The same for tests without an event loop. With a `page` of Playwright its browser goes on meanwhile,
    and routes and events of its context are handled."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, _failure(awaited, timeout)
        if page:
            page.wait_for_timeout(_PAGE_PAUSE * 1000)
        else:
            time.sleep(_PAUSE)
    return answer


async def _ask(condition: Callable[[], T | Awaitable[T]]) -> T:
    answer = condition()
    if inspect.isawaitable(answer):
        return await answer
    return answer


def _failure(awaited: str | Callable[[], str], timeout: float) -> str:
    return f"not within {timeout:g} s: {awaited if isinstance(awaited, str) else awaited()}"
