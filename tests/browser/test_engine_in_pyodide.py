"""The pure core and FileSync on its fakes, replayed in real Pyodide."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness.pyodide_pytest import PyodideRun


def test_the_engine_walks_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    run = pyodide_pytest(
        "tests/model/test_engine_walks.py",
        *(f"tests/model/{name}.py" for name in ("__init__", "traces", "walks", "world")),
        *(f"tests/model/{name}.py" for name in ("actions", "shell", "invariants", "state")),
    )
    assert run.passed >= 4


def test_file_sync_keeps_its_promises_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    assert pyodide_pytest("tests/unit/file_sync").passed >= 25
