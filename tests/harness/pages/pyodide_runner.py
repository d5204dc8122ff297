"""Runs pytest inside Pyodide, coroutine tests and fixtures included.

pytest is synchronous and pytest-asyncio wants an event loop of its own, which a browser does not give. With
stack switching (JSPI: Chromium, Firefox) a synchronous function may wait for a coroutine on that loop. WebKit
has none: there the loop over the tests is ours and awaits coroutine tests, but asynchronous fixtures fail.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from _pytest.config import _prepareconfig
from pyodide.ffi import can_run_sync, run_sync


class Driver:
    """The pytest plugin that waits for coroutines, and counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Know the options that plugins of the host's pytest read from pyproject.toml."""
        for name in ("asyncio_mode", "timeout"):
            parser.addini(name, "of a plugin that is not here")

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in ("asyncio", "browser", "soak", "thorough", "timeout(seconds)"):
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


async def main(arguments: list[str], driver: Driver) -> int:
    """`pytest.main`, for a browser without stack switching."""
    config = _prepareconfig(arguments, [driver])
    session = pytest.Session.from_config(config)
    config._do_configure()
    config.hook.pytest_sessionstart(session=session)
    config.hook.pytest_collection(session=session)
    for item, following in pairwise([*session.items, None]):
        await _run_test(item, following)
    code = pytest.ExitCode.TESTS_FAILED if session.testsfailed else pytest.ExitCode.OK
    config.hook.pytest_sessionfinish(session=session, exitstatus=code)
    config._ensure_unconfigure()
    return code


async def _run_test(item: Any, following: Any) -> None:
    hook = item.ihook
    if not inspect.iscoroutinefunction(item.obj):
        hook.pytest_runtest_protocol(item=item, nextitem=following)
        return
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    if _phase(item, "setup", lambda: hook.pytest_runtest_setup(item=item)):
        names = item._fixtureinfo.argnames
        try:
            await item.obj(**{name: item.funcargs[name] for name in names})
        except Exception as error:
            _phase(item, "call", _raising(error))
        else:
            _phase(item, "call", lambda: None)
    _phase(item, "teardown", lambda: hook.pytest_runtest_teardown(item=item, nextitem=following))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _phase(item: Any, when: Literal["setup", "call", "teardown"], work: Callable[[], None]) -> bool:
    """Do a part of a test and report it; whether it passed."""
    call = pytest.CallInfo.from_call(work, when)
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    item.ihook.pytest_runtest_logreport(report=report)
    return bool(report.passed)


def _raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _prepare(root: str) -> None:
    """Forget the tests of an earlier run, and take the folder for a project."""
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "conftest"}]:
        del sys.modules[name]
    os.chdir(root)
    Path("pytest.ini").write_text("[pytest]\n")


async def run(root: str, arguments: list[str]) -> dict[str, object]:
    """Run pytest in `root`; the arguments are those of its command line."""
    _prepare(root)
    output, driver = io.StringIO(), Driver()
    options = ["--rootdir", root, "-p", "no:cacheprovider", "--import-mode=importlib", "--color=no", "-ra"]
    with redirect_stdout(output), redirect_stderr(output):
        given = [*options, *arguments]
        code = pytest.main(given, plugins=[driver]) if can_run_sync() else await main(given, driver)
    counts = {name: driver.counts[name] for name in ("passed", "failed", "skipped")}
    return {"exit_code": int(code), **counts, "output": output.getvalue()}
