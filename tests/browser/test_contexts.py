"""The package works in each of the three contexts that it supports."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.harness import run_python


def test_package_is_installed_from_the_sites_wheel(python_page: Page) -> None:
    answer = run_python(python_page, "import filesync_web, sys; return [filesync_web.__name__, sys.platform]")
    assert answer == ["filesync_web", "emscripten"]


def test_pages_get_the_wheel_that_is_made_for_browsers(bare_page: Page) -> None:
    code = """
        from importlib.util import find_spec
        names = ("filesync_web.browser", "filesync_web.testing", "filesync_web.native", "filesync_server")
        return [name for name in names if find_spec(name)]
    """
    assert run_python(bare_page, code) == ["filesync_web.browser"]
