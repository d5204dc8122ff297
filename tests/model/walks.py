"""Seeded random walks through the small world: the same on CPython and in Pyodide."""

from __future__ import annotations

import random

from tests.model.actions import OPERATIONS
from tests.model.state import Step


def random_trace(seed: int, steps: int = 60) -> list[Step]:
    """A trace that depends on `seed` alone."""
    rng = random.Random(seed)
    names, weights = list(OPERATIONS), list(OPERATIONS.values())
    return [
        (rng.choices(names, weights)[0], rng.randrange(10), rng.randrange(10), rng.randrange(10))
        for _ in range(steps)
    ]
