"""The contracts of the browser's adapters in WebKitGTK, which has no synchronous handles."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.contract_page import SUITES, check_contract, open_contract_page
from tests.contract.server import serve
from tests.contract.site import FaultSite
from tests.harness.webkit import WebKitBrowser


@pytest.mark.feature("thumbnails and previews", engine="webkit")
def test_the_contracts(new_webkit: Callable[[], WebKitBrowser]) -> None:
    with serve(FaultSite()) as fault_site:
        # of a context and its page only what WebKit's have is used
        page = open_contract_page(cast("BrowserContext", new_webkit()), fault_site)
        for suite in SUITES:
            check_contract(page, suite)
