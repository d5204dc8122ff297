"""The engine in the small world: kept traces and seeded random walks, on CPython and in Pyodide."""

from __future__ import annotations

import pytest

from tests.model.traces import TRACES
from tests.model.walks import random_trace, walk_of
from tests.model.world import World


@pytest.mark.parametrize("name", TRACES)
def test_a_kept_trace_converges(name: str) -> None:
    World(clients=2).replay(TRACES[name])


@pytest.mark.parametrize("seed", [303286186])
def test_a_kept_walk_converges(seed: int) -> None:
    """One that has once failed: old content is garbage, until in the same moment a key is withdrawn."""
    clients, trace = walk_of(seed)
    World(clients=clients).replay(trace)


@pytest.mark.parametrize("clients", [2, pytest.param(3, marks=pytest.mark.thorough)])
def test_random_walks_converge(clients: int) -> None:
    for seed in range(60):
        trace = random_trace(seed)
        try:
            World(clients=clients).replay(trace)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n{trace}") from error
