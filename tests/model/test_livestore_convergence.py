"""Any interleaving of any number of clients ends in equal state: nothing lost, nothing doubled."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model.livestore_world import OPERATIONS, Step, run_trace

NAMES = [name for name, weight in OPERATIONS.items() for _ in range(weight)]
STEP = st.tuples(
    st.sampled_from(NAMES),
    st.integers(0, 3),
    st.integers(0, 7),
    st.sampled_from([0, 1, 2, 3, 5, 8, 13, 50]),
)
RELAXED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def random_trace(seed: int, steps: int = 40) -> list[Step]:
    rng = random.Random(seed)
    return [
        (rng.choice(NAMES), rng.randrange(4), rng.randrange(8), rng.choice([0, 1, 2, 3, 5, 8, 13, 50]))
        for _ in range(steps)
    ]


@settings(max_examples=60, **RELAXED)
@given(steps=st.lists(STEP, max_size=40), clients=st.integers(3, 4))
def test_clients_converge(steps: list[Step], clients: int) -> None:
    run_trace(steps, clients)


@pytest.mark.parametrize("seed", range(40))
def test_random_walks_converge(seed: int) -> None:
    run_trace(random_trace(seed), clients=3)


@pytest.mark.soak(minutes=5)
def test_a_thousand_worlds_converge() -> None:
    """1,000 traces of Hypothesis and 500 long random walks of 3 to 4 clients each end in equal state."""

    @settings(max_examples=1000, **RELAXED)
    @given(steps=st.lists(STEP, max_size=60), clients=st.integers(3, 4))
    def converge(steps: list[Step], clients: int) -> None:
        run_trace(steps, clients)

    converge()
    for seed in range(1000, 1500):
        run_trace(random_trace(seed, steps=150), clients=4)
