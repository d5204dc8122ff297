"""The runs of pytest that `build.py test` is made of, played by small programs."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tools import lanes
from tools.common import ROOT

KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

INTERRUPTED = """
import subprocess, sys
from tools import lanes

lanes.STOPPING_SECONDS = {patience}
lane = "from tests.unit.test_lanes import play_lane; play_lane({folder!r})"
lanes._start = lambda arguments, env, output=None: subprocess.Popen([sys.executable, "-c", lane])
lanes.run_lanes({{}})
"""


def play_lane(folder: str) -> None:
    """A lane that goes on until Ctrl-C, and needs a moment to clean up."""
    own = Path(folder, str(os.getpid()))
    try:
        own.with_suffix(".runs").touch()
        signal.pause()
    except KeyboardInterrupt:
        time.sleep(0.3)
        own.with_suffix(".cleaned").touch()


@pytest.mark.parametrize(
    ("programs", "code"),
    [
        ({}, 0),
        ({lanes.IN_CHROMIUM: "exit(1)"}, 1),
        ({lanes.WITHIN: "exit(5)"}, 5),
        ({lanes.ELSEWHERE: KILLED}, -signal.SIGKILL),
        ({lanes.IN_CHROMIUM: KILLED}, -signal.SIGKILL),
    ],
    ids=["all pass", "the first fails", "the last has no tests", "one is killed", "the first is killed"],
)
def test_a_lane_that_fails_or_is_killed_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], code: int
) -> None:
    def start(arguments: list[str], _env: object, _output: object = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", programs.get(arguments[1], "")])

    monkeypatch.setattr(lanes, "_start", start)
    assert lanes.run_lanes({}) == code


def test_every_test_is_in_one_lane() -> None:
    """Whatever its marks are."""
    names = ("chromium", "browser", "e2e", "feature", "replay", "processes")
    unmarked = {"soak": False, "thorough": False, "every_context": False}
    for values in itertools.product([False, True], repeat=len(names)):
        marks = dict(zip(names, values, strict=True))
        # What runs in Chromium, or in Pyodide, runs in a browser; and conftest.py says so of nothing twice.
        if max(marks["chromium"], marks["replay"]) <= marks["browser"] <= (not marks["processes"]):
            assert sum(eval(lane, marks | unmarked) for lane in lanes.LANES.values()) == 1, marks


@pytest.mark.parametrize("whom", ["all", "alone"])
def test_lanes_clean_up_after_an_interrupt(tmp_path: Path, whom: str) -> None:
    """Ctrl-C interrupts all of a terminal's programs; `kill -INT` the first one alone."""
    patience = 60 if whom == "all" else 0.1
    program = INTERRUPTED.format(folder=str(tmp_path), patience=patience)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as build:
        wait_until(lambda: len([*tmp_path.glob("*.runs")]) == len(lanes.LANES), "all lanes run", timeout=30)
        (os.killpg if whom == "all" else os.kill)(build.pid, signal.SIGINT)
        assert build.wait(30) != 0
    assert len([*tmp_path.glob("*.cleaned")]) == len(lanes.LANES)
