"""The contracts of the browser's blob store and HTTP, run inside a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from tests.contract.server import serve
from tests.contract.site import FaultSite
from tests.harness import PyodidePage, run_in_pyodide
from tests.harness.pyodide_pytest import open_pytest_page, run_pytest
from tools.common import ROOT

SUITES = {
    "TestOpfsBlobStore": 50,
    "TestWithoutSyncAccess": 30,
    "TestBrowserHttp": 20,
    "TestWebLocks": 3,
    "TestOpfsThumbnails": 6,
}
"""The suites, and how many tests each has at least."""
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


@pytest.fixture(scope="module")
def fault_site() -> Iterator[str]:
    with serve(FaultSite()) as url:
        yield url


@run_in_pyodide
def set_variable(selenium: PyodidePage, name: str, value: str) -> None:
    import os

    os.environ[name] = value


@pytest.fixture(scope="module")
def pytest_page(new_module_context: Callable[[], BrowserContext], fault_site: str) -> PyodidePage:
    page = open_pytest_page(new_module_context())
    set_variable(page, "FAULT_SITE", fault_site)
    return page


@pytest.mark.timeout(150)
@pytest.mark.parametrize("suite", SUITES)
def test_the_contract(pytest_page: PyodidePage, suite: str) -> None:
    result = run_pytest(pytest_page, FILES, ["-o", "pythonpath=.", "-k", suite])
    assert (result.exit_code, result.failed, result.skipped) == (0, 0, 0), result.output
    assert result.passed >= SUITES[suite]
