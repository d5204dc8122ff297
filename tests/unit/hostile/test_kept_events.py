"""Hostile events that once did harm, on CPython and in Pyodide."""

from __future__ import annotations

import pytest

from tests.unit.hostile.kept import KEPT
from tests.unit.hostile.trial import run_trial


async def test_a_trial_without_hostile_events_holds() -> None:
    await run_trial([])


@pytest.mark.parametrize("name", KEPT)
async def test_kept_events_do_no_harm(name: str) -> None:
    await run_trial(KEPT[name])
