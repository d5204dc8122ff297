"""Whatever a hostile member pushes, the client goes on: `trial.py` says what must hold.

A failing run names its seed, which `HOSTILE_SEED` repeats, and the simplest events that it found; put those
into `kept.py`, which is replayed in Pyodide as well.
"""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.unit.hostile.events import HostileEvent, random_event
from tests.unit.hostile.trial import Manners, run_trial

EVENTS = st.lists(st.randoms(use_true_random=False).map(random_event), max_size=25)


def check(examples: int) -> None:
    """Try so many lists of events, never the same."""
    seed_of_this_run = int(os.environ.get("HOSTILE_SEED", "0")) or time.time_ns()
    print(f"HOSTILE_SEED={seed_of_this_run}: {examples} trials")

    @seed(seed_of_this_run)
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(EVENTS, st.builds(Manners, st.integers(1, 20), st.booleans(), st.booleans(), st.booleans()))
    def holds(events: list[HostileEvent], manners: Manners) -> None:
        note("\n".join(map(_shown, events)))
        asyncio.run(run_trial(events, manners))

    holds()


def _shown(event: HostileEvent) -> str:
    """As it would stand in `kept.py`, but for what is endless."""
    text = repr(event)
    return text if len(text) < 2_000 else f"{text[:1_000]} ... {text[-200:]}"


def test_no_event_of_a_hostile_member_does_harm() -> None:
    check(30)


@pytest.mark.soak(minutes=15)
def test_no_event_of_a_hostile_member_does_harm_in_many_trials() -> None:
    """4,000 trials of up to 25 generated events of a hostile member (HOSTILE_SEED)."""
    check(4_000)
