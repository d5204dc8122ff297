"""Hostile events that once did harm, on CPython and in Pyodide."""

from __future__ import annotations

import secrets

import pytest

from tests.unit.hostile.kept import KEPT
from tests.unit.hostile.trial import run_trial

SHARES = 3
CHOSEN = secrets.randbelow(SHARES)
"""The share of them that is tried each time, and each time another; the long run tries all."""
EVENTS = [
    pytest.param(name, marks=[] if number % SHARES == CHOSEN else pytest.mark.thorough)
    for number, name in enumerate(KEPT)
]


async def test_a_trial_without_hostile_events_holds() -> None:
    await run_trial([])


@pytest.mark.parametrize("name", EVENTS)
async def test_kept_events_do_no_harm(name: str) -> None:
    await run_trial(KEPT[name])
