"""The package works in each of the three contexts that it supports."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.harness import run_python


def test_package_is_installed_from_the_sites_wheel(python_page: Page) -> None:
    answer = run_python(python_page, "import filesync_web, sys; return [filesync_web.__name__, sys.platform]")
    assert answer == ["filesync_web", "emscripten"]
