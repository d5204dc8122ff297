"""Helpers of the tests that need a server, a browser, or Python in a browser.

The fixtures are in `tests.harness.fixtures` and known to every test; these names are for tests to import.
"""

from tests.harness.browser import PageErrors, Profile
from tests.harness.fault_proxy import FaultProxy
from tests.harness.pyodide_pytest import PyodideRun
from tests.harness.python_page import open_python_page, run_python
from tests.harness.server import ServerProcess

__all__ = [
    "FaultProxy",
    "PageErrors",
    "Profile",
    "PyodideRun",
    "ServerProcess",
    "open_python_page",
    "run_python",
]
