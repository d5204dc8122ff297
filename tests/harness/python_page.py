"""Run Python in a page: bare Pyodide, PyScript on the main thread, or PyScript in a worker."""

from __future__ import annotations

import json
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Page

Kind = Literal["bare", "pyscript", "worker"]

LOAD_SECONDS = 60.0

# A snippet that never ends must not stop the test run: the page gives up on it.
_CALL = """
([code, args, seconds]) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`the snippet did not end within ${seconds} s`)), seconds * 1000);
    globalThis.runPython(code, args).then(resolve, reject);
})
"""


def open_python_page(context: BrowserContext, kind: Kind = "bare") -> Page:
    """Open a page of the given kind and wait until Python runs in it, our package installed."""
    page = context.new_page()
    page.goto(f"/testing/{kind}.html")
    wait_for_python(page)
    return page


def wait_for_python(page: Page) -> None:
    """Wait until the page can run snippets; also after a reload.

    Raises:
        AssertionError: Python did not start; the message says why.
    """
    page.wait_for_function(
        "() => Boolean(globalThis.runPython || globalThis.startError)", timeout=LOAD_SECONDS * 1000
    )
    error = page.evaluate(
        "globalThis.startError && String(globalThis.startError.stack || globalThis.startError)"
    )
    assert not error, f"Python did not start: {error}"


def run_python(page: Page, code: str, *, timeout: float = 30.0, **args: Any) -> Any:
    """Run a snippet in the page's Python and return its result.

    Args:
        page: a page of `open_python_page`, or a fixture like `bare_page`.
        code: the body of an async function: it may `await` and `return`; a last expression is returned
            as well. Names are local to the snippet; `global name` makes one last for later snippets.
        timeout: seconds after which the call fails.
        args: values that JSON can carry; the snippet sees them as variables.

    Returns:
        The result, as JSON carries it.

    Raises:
        AssertionError: the snippet raised; the message is the traceback in the browser.
    """
    answer = json.loads(page.evaluate(_CALL, [code, json.dumps(args), timeout]))
    if "error" in answer:
        raise AssertionError(f"in the browser's Python:\n{answer['error']}")
    return answer["value"]
