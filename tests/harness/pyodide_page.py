"""Pages that run Python: bare Pyodide or PyScript, on the main thread or in a worker.

Each has the interface of pytest-pyodide's pages, so that functions with `run_in_pyodide` run in all of them.
The plugin's own pages are bare ones that it serves itself, without our package, our server and our profiles.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Page
from pytest_pyodide.runner import JavascriptException, PlaywrightChromeRunner

from tools.common import ROOT, files_under

Kind = Literal["bare", "pyscript", "worker", "module"]

LOAD_SECONDS = 120.0
RUN_SECONDS = 120.0
IN_PAGE = ("tests/in_page", "tests/harness/waiting.py")
"""The modules of the tests that functions in a page can import."""

# What never ends must not stop the test run: the page gives up on it.
_CALL = """
([body, seconds]) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`it did not end within ${seconds} s`)), seconds * 1000);
    const run = globalThis.runInWorker ?? ((body) => (0, eval)(`(async () => { ${body} })()`));
    run(body).then(resolve, reject);
})
"""

_BODY = """
    try {
        const result = await (async () => { %s })();
        %s
        return [0, result];
    } catch (error) {
        return [1, String(error), error.stack];
    }
"""

_WRITE = """
from pathlib import Path
for name, text in %r.items():
    path = Path("/home/pyodide", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
"""


class PyodidePage(PlaywrightChromeRunner):  # type: ignore[misc] # it has no types
    """A page of a context, in which Python runs and our package is installed.

    Attributes:
        driver: Playwright's page.
        script_timeout: seconds after which a function in the page fails.
    """

    driver: Page
    script_timeout: float = RUN_SECONDS

    def __init__(self, context: BrowserContext, path: str) -> None:
        """Open a page of our own, and wait until Python runs in it."""
        self._path = path
        self._loaded: set[str] = set()
        super().__init__({self.browser: context}, server_port=None, load_pyodide=False)
        self._prepare_python()

    @property
    def context(self) -> BrowserContext:
        """The browser context; a further page of it is another tab."""
        return self.driver.context

    def refresh(self) -> None:
        """Reload the page, and wait until Python runs in it again; what it kept is gone."""
        self.driver.reload()
        self.begin_anew()

    def begin_anew(self) -> None:
        """The page was loaded again by somebody else: wait until Python runs in it, as `refresh` does."""
        self._wait_for_python()
        self.javascript_setup()
        self._loaded.clear()
        self._prepare_python()

    def prepare_driver(self) -> None:
        self.driver.goto(self._path)
        self._wait_for_python()

    def set_script_timeout(self, timeout: float) -> None:
        self.script_timeout = timeout

    def run_js_inner(self, code: str, check_code: str) -> Any:
        answer = self.driver.evaluate(_CALL, [_BODY % (code, check_code), self.script_timeout])
        if answer[0]:
            raise JavascriptException(*answer[1:])
        return answer[1]

    def load_package(self, packages: Collection[str]) -> None:
        """Load packages of the lock, those that are not there yet; the plugin asks before each call."""
        missing = [name for name in packages if name not in self._loaded]
        if missing:
            super().load_package(missing)
            self._loaded.update(missing)

    def _wait_for_python(self) -> None:
        """Raises AssertionError when Python did not start; the message says why."""
        started = "() => Boolean(globalThis.pyodide || globalThis.runInWorker || globalThis.startError)"
        self.driver.wait_for_function(started, timeout=LOAD_SECONDS * 1000)
        error = self.driver.evaluate(
            "globalThis.startError && String(globalThis.startError.stack || globalThis.startError)"
        )
        assert not error, f"Python did not start: {error}"

    def _prepare_python(self) -> None:
        self.initialize_pyodide()
        files = files_under(*(ROOT / name for name in IN_PAGE))
        self.run(_WRITE % {str(file.relative_to(ROOT)): file.read_text() for file in files})


def open_pyodide_page(context: BrowserContext, kind: Kind = "bare") -> PyodidePage:
    """Open a page of the given kind and wait until Python runs in it, our package installed."""
    return PyodidePage(context, f"/testing/{kind}.html")
