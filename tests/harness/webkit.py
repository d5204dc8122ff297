"""WebKitGTK for tests: Playwright cannot drive it, so we have a browser of our own, on a screen of its own.

A page has what `PyodidePage` wants of Playwright's: so the same functions run in its Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.harness.waiting import wait_until
from tools.environment import find_gi, find_webkit, find_xvfb

SYSTEM_PYTHON = "/usr/bin/python3"
BROWSER = Path(__file__).parent / "webkit_browser.py"
SECONDS = 60.0
"""How long a command may take."""

SCRIPT_SECONDS = 180.0
"""How long a script may take; those that run Python give up earlier."""

_ENVIRONMENT = {
    "GDK_BACKEND": "x11",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "NO_AT_BRIDGE": "1",
    "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
    "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
}


def can_run_webkit() -> bool:
    """Whether all is here that the browser needs."""
    return all((find_xvfb(), find_gi(), find_webkit()))


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """A screen that nobody sees; its name for `DISPLAY`."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            yield f":{answer.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


class WebKitError(Exception):
    """The browser could not do it, or a script failed."""


class WebKitBrowser:
    """A browser on a profile on disk, which survives closing, killing and opening it again.

    Attributes:
        base_url: the origin of the site.
        said: what pages reported by themselves: uncaught errors, errors and warnings on the console.
    """

    def __init__(self, profile: Path, base_url: str, display: str) -> None:
        self.base_url = base_url
        self.said: list[str] = []
        self._profile = profile
        self._display = display
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_id = 0

    def open(self, *arguments: str) -> WebKitBrowser:
        """Start the browser, with more arguments if given."""
        assert self._process is None, "the browser runs already"
        self._profile.mkdir(parents=True, exist_ok=True)
        self._answers = queue.Queue()
        with (self._profile / "browser.log").open("a") as log:
            self._process = subprocess.Popen(
                [SYSTEM_PYTHON, "-I", BROWSER, self._profile, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **_ENVIRONMENT, "DISPLAY": self._display},
                start_new_session=True,  # so that its helpers can be killed with it
            )
        threading.Thread(target=self._read, args=[self._process, self._answers], daemon=True).start()
        return self

    def new_page(self) -> WebKitPage:
        """Open a tab."""
        return WebKitPage(self, self.command("open"))

    def close(self) -> None:
        """End the browser as a user does; the data stays."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(SECONDS)
            finally:
                self._end()

    def kill(self) -> None:
        """End the browser and its helpers as a crash would: they get no chance to write anything more."""
        assert self._process is not None, "the browser does not run"
        self._end()

    def command(self, do: str, *, timeout: float = SECONDS, **arguments: Any) -> Any:
        """Have the browser do something; its answer.

        Raises:
            WebKitError: it could not.
            AssertionError: it did not answer in time, or has ended.
        """
        assert self._process is not None, "the browser does not run"
        self._last_id += 1
        print(json.dumps({"id": self._last_id, "do": do, **arguments}), file=self._process.stdin, flush=True)
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer = self._answers.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"WebKit did not {do} within {timeout:g} s") from None
            assert answer is not None, f"WebKit ended; its log: {self._profile / 'browser.log'}"
            if answer["id"] == self._last_id:  # what is late, nobody waits for
                break
        if "error" in answer:
            raise WebKitError(answer["error"])
        return answer["value"]

    def _read(self, process: subprocess.Popen[str], answers: queue.Queue[dict[str, Any] | None]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                message = json.loads(line)
                if "said" in message:
                    self.said.append(message["said"])
                else:
                    answers.put(message)
        answers.put(None)

    def _end(self) -> None:
        """Kill what is left, and wait until it is gone."""
        process, self._process = self._process, None
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while self._answers.get(timeout=SECONDS) is not None:
            pass
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


class WebKitPage:
    """A tab, with the names of Playwright's `Page`; times are in milliseconds, as they are there."""

    def __init__(self, browser: WebKitBrowser, tab: int) -> None:
        self.context = browser
        self._tab = tab

    def goto(self, path: str) -> None:
        """Load a page of the site."""
        self._do("go", url=self.context.base_url + path)

    def reload(self) -> None:
        """Load the page again."""
        self._do("reload")

    def close(self) -> None:
        """Close the tab."""
        self._do("close")

    def kill(self) -> None:
        """End the page's process, as a crash would."""
        self._do("kill")

    def evaluate(self, expression: str, argument: object = None) -> Any:
        """The value of an expression, or of the function that it gives, called with the argument."""
        script = (
            f"const it = ({expression});\n"
            f"const value = typeof it === 'function' ? it({json.dumps(argument)}) : it;\n"
            "return JSON.stringify(await value ?? null);"
        )
        return json.loads(self._do("evaluate", script=script, timeout=SCRIPT_SECONDS))

    def wait_for_function(self, expression: str, *, timeout: float = 1000 * SECONDS) -> None:
        """Wait until the expression is true."""
        wait_until(lambda: self.evaluate(expression), expression, timeout=timeout / 1000)

    def wait_for_timeout(self, timeout: float) -> None:
        """Wait."""
        time.sleep(timeout / 1000)

    def set_default_timeout(self, _timeout: float) -> None:
        """Each command has its own."""

    def choose_files(self, selector: str, paths: Sequence[Path]) -> None:
        """Click on a file input, and choose files in what opens."""
        self._do("choose", paths=[str(path) for path in paths])
        self.evaluate("(selector) => document.querySelector(selector).click()", selector)

    def _do(self, do: str, **arguments: Any) -> Any:
        return self.context.command(do, tab=self._tab, **arguments)
