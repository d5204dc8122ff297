"""Helpers of the tests that need a server, a browser, or Python in a browser.

The fixtures are in `tests.harness.fixtures` and known to every test; these names are for tests to import.
"""

from tests.harness.browser import PageErrors, Profile
from tests.harness.fault_proxy import FaultProxy
from tests.harness.in_pyodide import run_in_pyodide
from tests.harness.pyodide_page import PyodidePage, open_pyodide_page
from tests.harness.pyodide_pytest import PyodideRun
from tests.harness.server import ServerProcess

__all__ = [
    "FaultProxy",
    "PageErrors",
    "Profile",
    "PyodidePage",
    "PyodideRun",
    "ServerProcess",
    "open_pyodide_page",
    "run_in_pyodide",
]
