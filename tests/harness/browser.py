"""Browsers for tests: persistent profiles, and the errors that pages report."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Playwright, WebError, expect

from tests.harness.engines import Engine, engine_of
from tests.harness.processes import browser_family
from tests.harness.waiting import TIMEOUT, wait_until

# Profile the heap of each renderer so often that WebAssembly on a stack of its own is sure to meet it.
SAMPLE_MEMORY = (
    "--enable-features=HeapProfilerReporting:stable-probability/1/nonstable-probability/1"
    "/renderer-prob-pct/100/renderer-sampling-rate-bytes/1000"
)

PATIENCE = 60.0
"""Seconds that Playwright waits for what takes moments on a quiet machine."""

expect.set_options(timeout=TIMEOUT * 1000)

# What Pyodide says of a task that nobody awaited and that failed; each line of the traceback is a message.
UNHANDLED_IN_PYTHON = "Unhandled exception in event loop"


class PageErrors:
    """Uncaught errors and console errors of every page of the contexts it watches.

    A test fails when a page had an uncaught error that the test did not `allow`, in JavaScript or in a Python
    task that nobody awaited. Other lines of the console only help to understand a failure: browsers also log
    each failed request there.
    """

    def __init__(self) -> None:
        self.uncaught: list[str] = []
        self.console: list[str] = []
        self._contexts: list[BrowserContext] = []
        self._allowed: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        """Collect the errors of all pages of a context, now and later."""
        context.on("weberror", self._on_web_error)
        context.on("console", self._on_console)
        self._contexts.append(context)
        context.on("close", lambda _closed: self._contexts.remove(context))

    def allow(self, pattern: str) -> None:
        """Expect uncaught errors that match the regular expression, until the test ends."""
        self._allowed.append(pattern)

    def collect(self) -> list[str]:
        """The uncaught errors that were not allowed, since the last call; forgets everything."""
        for context in list(self._contexts):
            _drain(context)
        unexpected = [
            error
            for error in self.uncaught
            if not any(re.search(allowed, error) for allowed in self._allowed)
        ]
        self.uncaught.clear()
        self.console.clear()
        self._allowed.clear()
        return unexpected

    def _on_web_error(self, web_error: WebError) -> None:
        error = web_error.error
        page = web_error.page
        if page and not engine_of(page.context).is_page_error(error):
            return
        self.uncaught.append(f"{page.url if page else 'a page'}: {error.stack or error}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        line = f"{message.location.get('url', '')}: {message.text}"
        self.console.append(line)
        if UNHANDLED_IN_PYTHON in message.text:
            self.uncaught.append(f"{line}; its traceback is among the lines of the console")


def _drain(context: BrowserContext) -> None:
    """One round trip to the browser: what it reported before is delivered before the answer."""
    try:
        context.cookies([])
    except Error:
        return  # it is closed or crashed; what it reported is here already


class Profile:
    """A browser profile on disk, which survives closing, killing and opening it again."""

    def __init__(
        self, engine: Engine, playwright: Playwright, folder: Path, errors: PageErrors, base_url: str
    ) -> None:
        self.folder = folder
        self.context: BrowserContext | None = None
        self._engine = engine
        self._playwright = playwright
        self._errors = errors
        self._base_url = base_url

    def open(self, *flags: str) -> BrowserContext:
        """Start a browser of its own on this profile, with more flags if given."""
        assert self.context is None, "the profile is open already"
        self.context = self._engine.open_profile(
            self._playwright, self.folder, *flags, base_url=self._base_url
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self._errors.watch(self.context)
        return self.context

    def close(self) -> None:
        """Close the browser as a user does; the data stays."""
        context, self.context = self.context, None
        if context is not None:
            context.close()

    def kill(self) -> None:
        """End the browser as a crash would: it gets no chance to write anything more."""
        _kill(self._family())
        with contextlib.suppress(Error):  # what there was to close is gone
            self.close()

    def crash(self, page: Page) -> BrowserContext:
        """End the process of a page, and of all that have workers, as a crash would; returns the context in
        which it can be opened anew. Where nobody hears of such an end, it is the browser's, which is started
        again."""
        assert self.context, "the profile is not open"
        worker = self._engine.worker_thread
        if not worker:
            self.kill()
            return self.open()
        with page.expect_event("crash"):
            _kill([pid for pid in self._family(self._engine.renderer) if worker in _threads(pid)])
        page.close()
        return self.context

    def _family(self, word: str = "") -> list[int]:
        """The processes of this profile that have the word on their command lines."""
        return [pid for pid, command in browser_family(self.folder).items() if word in f" {command} "]


def _threads(pid: int) -> set[str]:
    """The names of a process's threads, of 15 characters at most."""
    return {path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")}


def _kill(pids: list[int]) -> None:
    """Kill processes and wait until they are gone."""
    assert pids, "there is nothing to kill"
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended with another
            os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), f"processes {pids} are gone"
    )
