"""The engine in the small world: kept traces and seeded random walks, on CPython and in Pyodide."""

from __future__ import annotations

import pytest

from tests.model.state import Step
from tests.model.walks import random_trace
from tests.model.world import World

TRACES: dict[str, list[Step]] = {
    "an edit elsewhere is known here only after the deletion": [
        ("save", 6, 3, 7),
        ("save", 1, 6, 4),
        ("save", 1, 5, 7),
        ("finish", 9, 6, 5),
        ("sync", 5, 5, 3),
        ("update", 5, 4, 0),
        ("finish", 5, 1, 5),
        ("sync", 8, 1, 4),
        ("save", 0, 7, 1),
        ("delete", 6, 8, 4),
    ],
    "a crash between the stored row and the start of its job": [
        ("save", 4, 6, 1),
        ("fail", 2, 2, 8),
        ("crash_soon", 0, 1, 1),
        ("wait", 1, 7, 0),
    ],
    "the bytes of a file that its owner holds back come with another file": [
        ("save", 4, 3, 4),
        ("sync", 4, 2, 9),
        ("control", 0, 5, 2),
        ("sync", 3, 3, 6),
        ("save", 3, 3, 2),
    ],
    "an evicted file shares its bytes with a file that is edited elsewhere": [
        ("save", 2, 9, 4),
        ("save", 1, 5, 0),
        ("save", 1, 9, 5),
        ("save", 4, 3, 7),
        ("finish", 8, 2, 7),
        ("save", 9, 5, 8),
        ("delete", 4, 6, 7),
        ("save", 3, 0, 6),
        ("finish", 5, 0, 2),
        ("save", 0, 0, 1),
        ("save", 3, 7, 0),
        ("save", 4, 5, 3),
        ("finish", 2, 9, 4),
        ("sync", 8, 7, 8),
        ("delete", 2, 5, 9),
        ("sync", 7, 1, 6),
        ("save", 4, 0, 9),
        ("save", 1, 3, 9),
        ("delete", 5, 8, 5),
        ("update", 3, 4, 8),
        ("sync", 6, 3, 9),
        ("evict", 8, 4, 7),
        ("delete", 2, 3, 0),
        ("sync", 1, 8, 0),
    ],
}
"""Traces that once failed, by what went wrong."""


@pytest.mark.parametrize("name", TRACES)
def test_a_kept_trace_converges(name: str) -> None:
    World(clients=2).replay(TRACES[name])


@pytest.mark.parametrize("clients", [2, 3])
def test_random_walks_converge(clients: int) -> None:
    for seed in range(60):
        trace = random_trace(seed)
        try:
            World(clients=clients).replay(trace)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n{trace}") from error
