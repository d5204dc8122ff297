"""Runs pytest inside Pyodide, coroutine tests and fixtures included.

pytest is synchronous and pytest-asyncio wants an event loop of its own, which a browser does not give. With
stack switching (JSPI: Chromium, Firefox) a synchronous function may wait for a coroutine on that loop.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from pyodide.ffi import run_sync


class Driver:
    """The pytest plugin that waits for coroutines, and counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Know the options that plugins of the host's pytest read from pyproject.toml."""
        for name in ("asyncio_mode", "timeout"):
            parser.addini(name, "of a plugin that is not here")

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in ("asyncio", "browser", "soak", "timeout(seconds)"):
            config.addinivalue_line("markers", f"{marker}: see pyproject.toml")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        names = pyfuncitem._fixtureinfo.argnames
        run_sync(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> None:
        """Make an asynchronous fixture a synchronous one before it is set up."""
        function = fixturedef.func
        if inspect.isasyncgenfunction(function):
            fixturedef.func = _sync_generator(function)
        elif inspect.iscoroutinefunction(function):
            fixturedef.func = _sync_function(function)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.counts[report.outcome] += 1


def _sync_function(function: Any) -> Any:
    def fixture(*args: Any, **kwargs: Any) -> Any:
        return run_sync(function(*args, **kwargs))

    return fixture


def _sync_generator(function: Any) -> Any:
    def fixture(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        yield run_sync(anext(generator))
        run_sync(anext(generator, None))

    return fixture


def run(root: str, arguments: list[str]) -> dict[str, object]:
    """Run pytest in `root`; the arguments are those of its command line."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "conftest"}]:
        del sys.modules[name]
    os.chdir(root)
    Path("pytest.ini").write_text("[pytest]\n")
    output, driver = io.StringIO(), Driver()
    options = ["--rootdir", root, "-p", "no:cacheprovider", "--import-mode=importlib", "--color=no", "-ra"]
    with redirect_stdout(output), redirect_stderr(output):
        code = pytest.main([*options, *arguments], plugins=[driver])
    counts = {name: driver.counts[name] for name in ("passed", "failed", "skipped")}
    return {"exit_code": int(code), **counts, "output": output.getvalue()}
