"""From opening a page to the first line of Python: Pyodide's stock standard library against our compiled one.

Each reading uses a browser context of its own, so nothing is cached.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench._common import compare
from tests.harness import ServerProcess, open_pyodide_page
from tests.harness.browser import FLAGS, chromium_path
from tests.harness.pyodide_page import Kind
from tests.harness.site import build_test_site
from tools.packages import PYODIDE

ROUNDS = 5
KINDS: tuple[Kind, ...] = ("bare", "pyscript", "worker")


def start_time(browser: Browser, server: ServerProcess, kind: Kind) -> float:
    """Milliseconds until Python runs in a new page."""
    context = browser.new_context(base_url=server.url)
    started = time.perf_counter()
    open_pyodide_page(context, kind)
    passed = time.perf_counter() - started
    context.close()
    return passed * 1000


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        compiled = build_test_site(folder / "compiled")
        stock = Path(shutil.copytree(compiled, folder / "stock"))
        shutil.copy2(PYODIDE / "python_stdlib.zip", stock / "testing" / "pyodide")
        servers = {site.name: ServerProcess(site, folder / f"data-{site.name}") for site in (stock, compiled)}
        for server in servers.values():
            server.start()
            stack.callback(server.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        stack.callback(browser.close)
        for kind in KINDS:
            print(kind)
            compare(
                "ms", {name: partial(start_time, browser, servers[name], kind) for name in servers}, ROUNDS
            )


if __name__ == "__main__":
    main()
