"""The contracts of the browser's blob store and HTTP, run inside a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.contract.server import serve
from tests.contract.site import FaultSite
from tests.harness import run_python
from tests.harness.pyodide_pytest import open_pytest_page, run_pytest

SUITES = {"TestOpfsBlobStore": 50, "TestWithoutSyncAccess": 30, "TestBrowserHttp": 20, "TestWebLocks": 3}
"""The suites, and how many tests each has at least."""


@pytest.fixture(scope="module")
def fault_site() -> Iterator[str]:
    with serve(FaultSite()) as url:
        yield url


@pytest.fixture(scope="module")
def pytest_page(new_module_context: Callable[[], BrowserContext], fault_site: str) -> Page:
    page = open_pytest_page(new_module_context())
    run_python(page, "import os\nos.environ['FAULT_SITE'] = url", url=fault_site)
    return page


@pytest.mark.timeout(150)
@pytest.mark.parametrize("suite", SUITES)
def test_the_contract(pytest_page: Page, suite: str) -> None:
    files = [f"tests/contract/{name}.py" for name in ("in_browser", "blob_store", "http", "locks", "site")]
    result = run_pytest(pytest_page, files, ["-o", "pythonpath=.", "-k", suite])
    assert (result.exit_code, result.failed, result.skipped) == (0, 0, 0), result.output
    assert result.passed >= SUITES[suite]
