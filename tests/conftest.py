"""Options and order of the whole test suite."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.harness.fixtures"]

IN_BROWSER = ("tests/browser/", "tests/e2e/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright keeps an event loop running that asyncio tests cannot share."""
    for item in items:
        if item.nodeid.startswith(IN_BROWSER):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.nodeid.startswith(IN_BROWSER))
