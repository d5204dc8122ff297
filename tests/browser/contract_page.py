"""The contracts of the browser's adapters, `tests/contract/in_browser.py`, run by pytest inside a page."""

from __future__ import annotations

from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, run_in_pyodide
from tests.harness.pyodide_pytest import open_pytest_page, run_pytest
from tools.common import ROOT

SUITES = {
    "TestOpfsBlobStore": 50,
    "TestBrowserHttp": 20,
    "TestWebLocks": 3,
    "TestOpfsThumbnails": 6,
}
"""The suites, and how many tests each has at least."""

SUITES_OF_LESS = {"TestWithoutSyncAccess": 30, "TestAsInSafari": 45}
"""The same of those that take away what other engines lack."""
MODULES = (
    "contract/in_browser",
    "contract/blob_*",
    "contract/http",
    "contract/locks",
    "contract/site",
    "contract/thumbnails",
)
FILES = [
    str(file.relative_to(ROOT))
    for name in (*MODULES, "harness/waiting")
    for file in ROOT.glob(f"tests/{name}.py")
]


@run_in_pyodide
def _set_variable(selenium: PyodidePage, name: str, value: str) -> None:
    import os

    os.environ[name] = value


def open_contract_page(context: BrowserContext, fault_site: str) -> PyodidePage:
    """A page with pytest, which knows the origin of the site that serves well and badly."""
    page = open_pytest_page(context)
    _set_variable(page, "FAULT_SITE", fault_site)
    return page


def check_contract(page: PyodidePage, suite: str) -> None:
    """Run a suite; fails with what pytest said."""
    result = run_pytest(page, FILES, ["-o", "pythonpath=.", "-k", suite])
    assert (result.exit_code, result.failed, result.skipped) == (0, 0, 0), result.output
    assert result.passed >= (SUITES | SUITES_OF_LESS)[suite]
