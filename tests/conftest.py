"""The order of the whole suite, and what a soak run announces."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.engines import engine_name_of
from tools.common import ROOT
from tools.lanes import LANES, PROCESSES, WITHIN

settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no deadline")

pytest_plugins = [
    "tests.harness.context_choice",
    "tests.harness.engine_choice",
    "tests.harness.engine_table",
    "tests.harness.fixtures",
]

IN_BROWSER = ("tests/browser/", "tests/e2e/", "tests/interop/test_typescript_page.py", "tests/webkit/")
OF_PROCESSES = ("tests/command/", "tests/interop/", "tests/runtimes/", "tests/server/")

THOROUGH_MINUTES = 35
"""How long all the tests take that are marked `thorough`."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Let a lane import nothing that it has not a test in: that takes longer than some dozens of them."""
    lane = config.option.markexpr
    if lane not in LANES.values() or collection_path.is_dir():
        return None
    name = str(collection_path.relative_to(ROOT))
    if name.startswith(IN_BROWSER):
        may_have_tests = lane not in {PROCESSES, WITHIN}
    else:
        may_have_tests = lane == (PROCESSES if name.startswith(OF_PROCESSES) else WITHIN)
    return None if may_have_tests else True


def pytest_collection_finish() -> None:
    """Spare the collector of garbage the thousands of tests, which are none until the run ends."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright keeps an event loop running that asyncio tests cannot share."""
    for item in items:
        if item.nodeid.startswith(IN_BROWSER):
            item.add_marker(pytest.mark.browser)
            if item.nodeid.startswith("tests/e2e/"):
                item.add_marker(pytest.mark.e2e)
            if engine_name_of(item) in {None, "chromium"}:
                item.add_marker(pytest.mark.chromium)
        elif item.nodeid.startswith(OF_PROCESSES):
            item.add_marker(pytest.mark.processes)
        _limit_time(item)
    items.sort(key=lambda item: item.nodeid.startswith(IN_BROWSER))


def _limit_time(item: pytest.Item) -> None:
    """Give a soak test three times as long as it says. When a browser test's time is over, the run ends: an
    exception out of nowhere ends Playwright's event loop, for which all that follows would wait for ever."""
    own = item.get_closest_marker("timeout")
    seconds = [3 * 60 * soak_minutes(item)] if item.get_closest_marker("soak") else own.args if own else []
    method = {"method": "thread"} if item.get_closest_marker("browser") else {}
    if seconds or method:
        item.add_marker(pytest.mark.timeout(*seconds, **method), append=False)


def pytest_report_collectionfinish(items: list[pytest.Item]) -> list[str]:
    """Say what each selected soak test does and how long it takes, before they start."""
    long_ones = [item for item in items if item.get_closest_marker("soak")]
    if not long_ones:
        return []
    lines = [f"  {soak_minutes(item):5.1f} min  {item.name}: {_purpose(item)}" for item in long_ones]
    if thorough := sum(item.get_closest_marker("thorough") is not None for item in items):
        lines.append(f"  {THOROUGH_MINUTES:5.1f} min  {thorough} tests of what 'build.py test' shows in part")
    minutes = sum(map(soak_minutes, long_ones)) + (THOROUGH_MINUTES if thorough else 0)
    return [*lines, f"  {minutes:5.1f} min  in all, on a quiet machine"]


def soak_minutes(item: pytest.Item) -> float:
    """How long a test says it takes: `@pytest.mark.soak(minutes=5)`."""
    marker = item.get_closest_marker("soak")
    assert marker, f"{item.nodeid} is no soak test"
    return float(marker.kwargs["minutes"])


def _purpose(item: pytest.Item) -> str:
    """The first line of the test's docstring."""
    return (getattr(getattr(item, "function", None), "__doc__", None) or "?").strip().splitlines()[0]
