"""The contracts of the browser's blob store and HTTP, run inside a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.contract_page import SUITES, check_contract, open_contract_page
from tests.contract.server import serve
from tests.contract.site import FaultSite
from tests.harness import PyodidePage


@pytest.fixture(scope="module")
def fault_site() -> Iterator[str]:
    with serve(FaultSite()) as url:
        yield url


@pytest.fixture(scope="module")
def contract_page(new_module_context: Callable[[], BrowserContext], fault_site: str) -> PyodidePage:
    return open_contract_page(new_module_context(), fault_site)


@pytest.mark.firefox
@pytest.mark.parametrize("suite", SUITES)
def test_the_contract(contract_page: PyodidePage, suite: str) -> None:
    check_contract(contract_page, suite)


@pytest.mark.parametrize(
    "suite", [pytest.param("TestWithoutSyncAccess", marks=pytest.mark.thorough), "TestAsInSafari"]
)
def test_the_contract_without_what_other_engines_lack(contract_page: PyodidePage, suite: str) -> None:
    check_contract(contract_page, suite)
