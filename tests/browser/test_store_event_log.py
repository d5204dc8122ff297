"""The store inside a browser: the contract of the event log on IndexedDB, the pure parts under Pyodide."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness import PyodideRun


def test_indexeddb_keeps_the_contract_of_the_event_log(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    run = pyodide_pytest("tests/contract/test_event_log.py")
    assert "indexeddb" not in run.output  # nothing skipped or failed
    assert run.passed >= 30


def test_the_store_works_under_pyodide(pyodide_pytest: Callable[..., PyodideRun]) -> None:
    assert pyodide_pytest("tests/unit/livestore").passed >= 15
