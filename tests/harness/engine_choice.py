"""In which browsers a test runs: a plugin of pytest.

A test that uses the fixture `engine`, or one that needs it, runs in Chromium, and in Firefox as well when it
or its module is marked `firefox`; `-k "firefox]"` selects those runs. `--engines=firefox` runs whatever is
selected there alone, `--engines=all` in each. What only one browser can do is marked
`only_in("chromium", reason="...")`; the others skip it, for that reason.
"""

from __future__ import annotations

import os

import pytest

from tests.harness.engines import CHROMIUM, ENGINES, FIREFOX, Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines",
        choices=["marked", "all", *ENGINES],
        default="marked",
        help="the browsers to run tests in: chromium, and those they are marked for (the default); or these",
    )


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Last of all, so that a test's id ends with the name of the engine."""
    if "engine" not in metafunc.fixturenames:
        return
    parameters = [_parameter(engine, metafunc.definition) for engine in _engines(metafunc)]
    metafunc.parametrize("engine", parameters, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The browser in which the test runs, started for short pages."""
    chosen: Engine = request.param
    if chosen.find() is None:
        cannot_run(chosen.name)
    return chosen.for_short_pages


def cannot_run(engine: str) -> None:
    """End a test for which there is no such browser here: it is skipped, but for CI that is a failure."""
    message = f"there is no {engine} here"
    if os.environ.get("CI"):
        pytest.fail(f"{message}, and CI is to test everything", pytrace=False)
    pytest.skip(message)


def _engines(metafunc: pytest.Metafunc) -> list[Engine]:
    wanted = metafunc.config.getoption("engines")
    if wanted == "all":
        return list(ENGINES.values())
    if wanted == "marked":
        is_marked = metafunc.definition.get_closest_marker("firefox")
        return [CHROMIUM, FIREFOX] if is_marked else [CHROMIUM]
    return [ENGINES[wanted]]


def _parameter(engine: Engine, test: pytest.Item) -> object:
    """The parameter of one engine; it skips the test where a mark says so."""
    marks = [
        pytest.mark.skip(reason=f"not in {engine.name}: {marker.kwargs['reason']}")
        for marker in test.iter_markers("only_in")
        if engine.name not in marker.args
    ]
    return pytest.param(engine, id=engine.name, marks=marks)
