"""The fixtures of the tests in WebKitGTK.

webkit_display   a screen that nobody sees
new_webkit       factory: a browser on a profile of its own, opened; it is closed when the test ends
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.browser import UNHANDLED_IN_PYTHON
from tests.harness.engine_choice import cannot_run
from tests.harness.webkit import WebKitBrowser, can_run_webkit, screen


@pytest.fixture(scope="session")
def webkit_display() -> Iterator[str]:
    if not can_run_webkit():
        cannot_run("webkit")
    with screen() as display:
        yield display


@pytest.fixture
def new_webkit(webkit_display: str, site_url: str, tmp_path: Path) -> Iterator[Callable[..., WebKitBrowser]]:
    """Make a browser; fails the test in which a page had an uncaught error."""
    made: list[WebKitBrowser] = []

    def make(base_url: str = site_url, *arguments: str) -> WebKitBrowser:
        made.append(WebKitBrowser(tmp_path / f"profile{len(made)}", base_url, webkit_display))
        return made[-1].open(*arguments)

    yield make
    for browser in made:
        browser.close()
    said = [line for browser in made for line in browser.said]
    print(*said, sep="\n")
    uncaught = [line for line in said if line.startswith("uncaught") or UNHANDLED_IN_PYTHON in line]
    if uncaught:
        pytest.fail("uncaught errors in a page:\n" + "\n".join(uncaught), pytrace=False)
