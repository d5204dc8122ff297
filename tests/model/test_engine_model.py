"""The engine in the small world, under Hypothesis and under seeded random walks."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.model.world import OPERATIONS, Step, World

SMALL = st.integers(min_value=0, max_value=9)


class EngineMachine(RuleBasedStateMachine):
    """Every rule is one step of the world; `teardown` lets the world converge."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(clients=2)
        self.trace: list[Step] = []

    @rule(name=st.sampled_from([n for n, weight in OPERATIONS.items() for _ in range(weight)]), who=SMALL, a=SMALL, b=SMALL)
    def step(self, name: str, who: int, a: int, b: int) -> None:
        self.trace.append((name, who, a, b))
        self.world.step(self.trace[-1])

    def teardown(self) -> None:
        self.world.converge()


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)


def random_trace(seed: int, steps: int = 60) -> list[Step]:
    rng = random.Random(seed)
    names, weights = list(OPERATIONS), list(OPERATIONS.values())
    return [
        (rng.choices(names, weights)[0], rng.randrange(10), rng.randrange(10), rng.randrange(10)) for _ in range(steps)
    ]


@pytest.mark.parametrize("clients", [2, 3])
def test_random_walks_converge(clients: int) -> None:
    for seed in range(150):
        trace = random_trace(seed)
        try:
            World(clients=clients).replay(trace)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}\n{trace}") from error
