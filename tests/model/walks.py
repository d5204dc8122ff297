"""Seeded random walks through the small world: the same on CPython and in Pyodide.

A walk is its seed: that decides how many clients there are and what they do. `walk_on` takes walks until it
is told to stop and says what failed, each with a trace that was made as short as it goes, in the form in
which `traces` keeps it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.model.actions import OPERATIONS
from tests.model.state import Step
from tests.model.world import World


def random_trace(seed: int, steps: int = 60) -> list[Step]:
    """A trace that depends on `seed` alone."""
    rng = random.Random(seed)
    names, weights = list(OPERATIONS), list(OPERATIONS.values())
    policy = [("policy", 0, rng.randrange(10), 0), *(("sync", who, 0, 0) for who in range(3))]
    return policy + [
        (rng.choices(names, weights)[0], rng.randrange(10), rng.randrange(10), rng.randrange(10))
        for _ in range(steps)
    ]


def walk_of(seed: int) -> tuple[int, list[Step]]:
    """How many clients walk, and their trace, of different length."""
    rng = random.Random(f"walk {seed}")
    return rng.choice([2, 2, 3]), random_trace(seed, rng.choice([20, 60, 120]))


def failure_of(clients: int, trace: list[Step]) -> str:
    """What a trace breaks; empty when it converges."""
    try:
        World(clients=clients).replay(trace)
    except Exception as error:  # the engine may break in any way
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def shortened(clients: int, trace: list[Step]) -> list[Step]:
    """A trace that fails as well, and from which no step can be left out."""
    size = len(trace)
    while size:
        start = 0
        while start < len(trace):
            shorter = trace[:start] + trace[start + size :]
            if failure_of(clients, shorter):
                trace = shorter
            else:
                start += size
        size //= 2
    return trace


def written(trace: list[Step]) -> str:
    """A trace as `traces.parse` reads it."""
    return ", ".join(" ".join(map(str, step)) for step in trace)


@dataclass
class Report:
    """What walks have shown: `failures` by seed, the first few with their traces."""

    first_seed: int
    count: int = 0
    failures: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        summary = f"{self.count:,} walks from seed {self.first_seed}, {len(self.failures)} failures"
        return "\n".join([summary, *(f"seed {seed}: {text}" for seed, text in self.failures.items())])


def walk_on(first_seed: int, go_on: Callable[[int], bool], *, told: int = 5) -> Report:
    """Take walks from a seed on, while `go_on` says so of the number of those that were taken."""
    report = Report(first_seed)
    while go_on(report.count):
        seed = first_seed + report.count
        clients, trace = walk_of(seed)
        if found := failure_of(clients, trace):
            if len(report.failures) < told:
                shorter = shortened(clients, trace)
                found = f"{failure_of(clients, shorter)}\n  {clients} clients: {written(shorter)}"
            report.failures[seed] = found
        report.count += 1
    return report
