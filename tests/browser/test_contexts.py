"""The package works in each of the three contexts that it supports."""

from __future__ import annotations

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
def test_package_is_installed_from_the_sites_wheel(selenium_everywhere: PyodidePage) -> None:
    import importlib.metadata
    import sys

    import filesync_web

    assert filesync_web.__name__ == "filesync_web"
    assert sys.platform == "emscripten"
    installed = importlib.metadata.distribution("filesync-web")
    url = installed.read_text("PYODIDE_URL") or installed.read_text("PYODIDE_SOURCE")  # micropip, loadPackage
    assert url is not None
    assert "/wheels/" in url


@run_in_pyodide
def test_pages_get_the_wheel_that_is_made_for_browsers(selenium: PyodidePage) -> None:
    from importlib.util import find_spec

    assert find_spec("filesync_web.browser")
    assert not find_spec("filesync_web.testing")
    assert not find_spec("filesync_web.native")
    assert not find_spec("filesync_server")
