"""The real clock: the wall clock is not what durations are measured with."""

from __future__ import annotations

import time

import pytest

from filesync_web.aio.clocks import SystemClock


async def test_a_duration_does_not_mind_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    began, wall = clock.monotonic(), clock.time()
    monkeypatch.setattr(time, "time", lambda: wall - 3600)
    await clock.sleep(0.01)
    assert clock.time() == wall - 3600
    assert 0.009 < clock.monotonic() - began < 60
