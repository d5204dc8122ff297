"""The engine in the small world, under Hypothesis and on walks that nobody has taken before.

Whatever is saved, edited, deleted, paused, cut off, crashed or lost: no invariant breaks on the way, and
once nothing fails any more all clients come to rest with equal files. A failing example is printed as a
trace; kept traces and some walks are in `test_engine_walks.py`, which runs in Pyodide as well. Fresh walks
begin at a seed that is printed; `WALK_SEED` in the environment chooses it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.model.actions import OPERATIONS
from tests.model.faults import MUTANTS, Mutant
from tests.model.mutants import mutated, run
from tests.model.state import Step
from tests.model.walks import walk_on
from tests.model.world import World

WALK_SECONDS = 15.0
SMALL = st.integers(min_value=0, max_value=9)
NAMES = st.sampled_from([name for name, weight in OPERATIONS.items() for _ in range(weight)])


class EngineMachine(RuleBasedStateMachine):
    """Every rule is one step of the world; `teardown` lets the world converge."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(clients=2)
        self.trace: list[Step] = []

    @rule(name=NAMES, who=SMALL, a=SMALL, b=SMALL)
    def step(self, name: str, who: int, a: int, b: int) -> None:
        """Take one step."""
        self.trace.append((name, who, a, b))
        self.world.step(self.trace[-1])

    def teardown(self) -> None:
        """Let the world converge; a failure names the trace to keep."""
        try:
            self.world.converge()
        except AssertionError as error:
            raise AssertionError(f"{error}\ntrace: {self.trace}") from error


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_clients_converge() -> None:
    run_state_machine_as_test(EngineMachine, settings=examples(50))  # type: ignore[no-untyped-call]


@pytest.mark.soak(minutes=10)
def test_clients_converge_in_many_examples() -> None:
    """20,000 examples of up to 60 steps of the engine's model."""
    run_state_machine_as_test(EngineMachine, settings=examples(20_000))  # type: ignore[no-untyped-call]


def fresh_walks(capsys: pytest.CaptureFixture[str], go_on: Callable[[int], bool]) -> None:
    """Take walks from a seed that nobody has chosen, and say which."""
    seed = int(os.environ.get("WALK_SEED") or random.SystemRandom().randrange(10**9))
    report = walk_on(seed, go_on)
    with capsys.disabled():
        print(f"\n{report}")
    assert not report.failures, f"{report}"


def test_fresh_walks_converge(capsys: pytest.CaptureFixture[str]) -> None:
    end = time.monotonic() + WALK_SECONDS
    fresh_walks(capsys, lambda _count: time.monotonic() < end)


@pytest.mark.soak(minutes=25)
def test_many_fresh_walks_converge(capsys: pytest.CaptureFixture[str]) -> None:
    """100,000 walks of 20 to 120 steps with fresh seeds through the engine's model."""
    fresh_walks(capsys, lambda count: count < 100_000)


def test_every_seeded_fault_fits_the_source() -> None:
    for mutant in MUTANTS:
        mutated(mutant)


@pytest.mark.parametrize("mutant", MUTANTS[:-1:8], ids=lambda mutant: mutant.name)
def test_a_seeded_fault_is_caught(mutant: Mutant) -> None:
    assert run(mutant) is not None


@pytest.mark.soak(minutes=3)
def test_every_seeded_fault_is_caught() -> None:
    """Seed each of the engine's faults; the model must catch all."""
    assert [mutant.name for mutant in MUTANTS if run(mutant) is None] == []
