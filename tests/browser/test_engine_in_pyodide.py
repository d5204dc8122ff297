"""The pure core and FileSync on its fakes, replayed in real Pyodide."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from tests.harness.pyodide_pytest import RUN_SECONDS, PyodideRun
from tools.common import ROOT

pytestmark = [pytest.mark.replay, pytest.mark.timeout(2 * RUN_SECONDS)]  # a run, and a start

FOLDER = "tests/unit/file_sync"
FILE_SYNC = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).glob("test_*.py"))
PARTS = 32
"""Of the many tests of FileSync: all at once take Firefox minutes."""
FEWEST = 3
"""Tests of a part."""
COUNTED_ALIKE = "not (ten_times_as_many or never_stops_saving)"
"""Without what counts the steps of very much work: they are as many here, and take longer."""


CHOSEN = secrets.randbelow(PARTS)
"""The part that is replayed each time, and each time another; all are in the long run."""


def replay(pyodide_pytest: Callable[..., PyodideRun], part: int) -> int:
    """Run one part; returns how many tests passed."""
    return pyodide_pytest(*FILE_SYNC[part::PARTS], f"{FOLDER}/scene.py", "-k", COUNTED_ALIKE).passed


def test_the_engine_walks_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    run = pyodide_pytest(
        "tests/model/test_engine_walks.py",
        *(f"tests/model/{name}.py" for name in ("__init__", "traces", "walks", "world")),
        *(f"tests/model/{name}.py" for name in ("actions", "shell", "invariants", "state", "tables")),
    )
    assert run.passed >= 4


@pytest.mark.parametrize("part", [CHOSEN])
def test_file_sync_keeps_its_promises_under_pyodide(
    pyodide_pytest: Callable[..., PyodideRun], part: int
) -> None:
    assert replay(pyodide_pytest, part) >= FEWEST


@pytest.mark.soak(minutes=0.4)
@pytest.mark.parametrize("part", range(PARTS))
def test_file_sync_keeps_all_its_promises_under_pyodide(
    pyodide_pytest: Callable[..., PyodideRun], part: int
) -> None:
    """One or two of its modules; 5 to 30 s."""
    assert replay(pyodide_pytest, part) >= FEWEST


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param("metadata", marks=pytest.mark.soak(minutes=2)),
        pytest.param("text", marks=pytest.mark.soak(minutes=2)),
        pytest.param("not (text or metadata)", marks=pytest.mark.soak(minutes=1)),
    ],
)
def test_hostile_events_do_no_harm_under_pyodide(
    pyodide_pytest: Callable[..., PyodideRun], selection: str
) -> None:
    """Among them the metadata that ends the interpreter of a client that parses it."""
    run = pyodide_pytest(
        *(f"tests/unit/hostile/{name}.py" for name in ("test_kept_events", "kept", "events", "trial")),
        "tests/unit/file_sync/scene.py",
        "-k",
        selection,
    )
    assert run.passed >= 20


def test_hostile_servers_do_no_harm_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    run = pyodide_pytest(
        *(f"tests/unit/hostile/{name}.py" for name in ("test_hostile_servers", "events")),
        "-k",
        "not many_times",
    )
    assert run.passed == 1
