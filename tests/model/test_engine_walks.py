"""The engine in the small world: kept traces and seeded random walks, on CPython and in Pyodide."""

from __future__ import annotations

import pytest

from tests.model.traces import TRACES
from tests.model.walks import random_trace
from tests.model.world import World


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
