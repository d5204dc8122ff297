"""The bench that judges: it prints each figure beside its rival's, and its result says what was missed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.peers import SCENARIOS, Row, Scenario, run
from tests.harness.processes import cpu_seconds
from tools.common import ROOT

ROWS = (
    Row("saved", "some files", "ms", at_most=0.5),
    Row("speed", "many files", "files/s", at_least=150),
    Row("cpu", "of both", "s"),
)
STAGE: Any = None  # these measure nothing there
READINGS = {
    "ours": [(100, 200, 1), (900, 100, 9), (110, 180, 2)],
    "theirs": [(300, 20, 4), (250, 30, 8), (10, 25, 6)],
}


def scenario(readings: dict[str, list[tuple[float, ...]]], turns: list[str]) -> Scenario:
    left: dict[str, Iterator[tuple[float, ...]]] = {name: iter(values) for name, values in readings.items()}

    def measure(_stage: object, name: str) -> Sequence[float]:
        turns.append(name)
        return next(left[name])

    return Scenario(ROWS, measure)


def test_the_two_take_turns_and_the_medians_count(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []
    assert run(scenario(READINGS, turns), STAGE, 3, ["saved", "speed", "cpu"])
    assert turns == ["ours", "theirs"] * 3
    saved, speed, cpu = capsys.readouterr().out.splitlines()
    assert " ".join(saved.split()[3:]) == "ours 110.0 ms theirs 250.0 ms 0.44 ratio <= 0.5 met"
    assert " ".join(speed.split()[3:]) == "ours 180.0 files/s theirs 25.0 files/s 7.20 >= 150 files/s met"
    assert " ".join(cpu.split()[3:]) == "ours 2.0 s theirs 6.0 s 0.33 - -"


def test_a_missed_goal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    slow = {"ours": [(126, 149, 1)], "theirs": [(250, 200, 1)]}
    assert not run(scenario(slow, []), STAGE, 1, ["saved", "speed"])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["MISSED", "MISSED"]
    assert run(scenario(slow, []), STAGE, 1, ["cpu"])
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_row_that_fails_says_who_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def measure(_stage: object, name: str) -> Sequence[float]:
        if name == "theirs":
            raise RuntimeError("3 of 200 uploaded after 600 s\nat some place")
        return [1, 1, 1]

    assert not run(Scenario(ROWS, measure), STAGE, 1, ["saved"])
    assert "FAILED: theirs: 3 of 200 uploaded after 600 s\n" in capsys.readouterr().out


def test_the_document_tells_of_every_row() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    for scenario in SCENARIOS:
        for row in scenario.rows:
            [line] = [line for line in text.splitlines() if line.startswith("|") and f"`{row.name}`" in line]
            goal = row.at_most or row.at_least
            assert goal is None or re.search(rf"\b{goal:g}\b", line), row


def test_rows_that_are_not_there_are_refused() -> None:
    command = [sys.executable, "-m", "bench.peers", "small-saved", "quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such row: quick; there are: save-alone, " in done.stderr


def test_benchmarks_that_are_not_there_are_refused() -> None:
    command = [sys.executable, "build.py", "bench", "pears", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no such benchmark: pears; there are: bytes, gallery, limits, " in done.stderr


def test_the_processor_time_of_a_browser_is_that_of_its_whole_family(tmp_path: Path) -> None:
    kind = "'--type' + '=renderer'"  # written so, it is not among the parent's own words
    busy = "import time\nwhile time.process_time() < 0.4: pass\nprint(flush=True)\ninput()"
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {busy!r}, {kind}])\nchild.wait()"
    )
    command = [sys.executable, "-c", parent, f"--user-data-dir={tmp_path}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as browser:
        assert browser.stdin
        assert browser.stdout
        browser.stdout.readline()
        assert cpu_seconds(tmp_path) >= 0.3  # the system counts in ticks, of which the last is not there yet
        browser.stdin.close()
