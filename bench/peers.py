"""This kit against livestore-filesync, in one run: the same work in a page of each, on one server.

Each reading is taken in a new browser profile; the two take turns, and the median counts. A line has the name
of the row, both medians, their ratio, the goal, and whether it is met; the exit code is 1 when one is not, or
when a row could not be measured. docs/performance.md tells how to run it and how to read it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error

from bench._peer_stage import Stage, Visit

KIB = 1024
SMALL, LARGE, TINY = 64 * KIB, 5 * KIB * KIB, 7_000


@dataclass(frozen=True)
class Row:
    """One thing that is measured; `at_most` and `at_least` are the goal, if it has one.

    `at_most` is of the ratio of ours to theirs, `at_least` of ours alone.
    """

    name: str
    what: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"ratio <= {self.at_most:g}"
        return "-" if self.at_least is None else f">= {self.at_least:g} {self.unit}"

    def verdict(self, ours: float, theirs: float) -> str:
        if self.at_most is not None:
            return "met" if ours <= self.at_most * theirs else "MISSED"
        return "-" if self.at_least is None else "met" if ours >= self.at_least else "MISSED"


@dataclass(frozen=True)
class Scenario:
    """Rows that are read in one go.

    Attributes:
        measure: one value for each row, of one contestant.
        contestants: the first is compared to the second.
    """

    rows: tuple[Row, ...]
    measure: Callable[[Stage, str], Sequence[float]]
    contestants: tuple[str, str] = ("ours", "theirs")


# --- what is measured ---------------------------------------------------------------------------------------


def save_alone(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit) as visit:
        return [visit.call("saveAlone", 20, SMALL)]


def save_beside(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit) as visit:
        return [visit.call("saveBeside", 500, 20, SMALL)]


def save_small(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit) as visit:
        return _saved_uploaded_cpu(visit, 200, SMALL)


def save_large(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit) as visit:
        return _saved_uploaded_cpu(visit, 20, LARGE)


def _saved_uploaded_cpu(visit: Visit, count: int, size: int) -> Sequence[float]:
    before = visit.cpu_seconds()
    saved = visit.call("save", count, size)
    uploaded = visit.call("untilUploaded", count)
    return saved, uploaded, visit.cpu_seconds() - before


def arrive_few(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit, stage.seeded(200, SMALL)) as visit:
        return [visit.call("untilLocal", 200)]


def arrive_many(stage: Stage, kit: str) -> Sequence[float]:
    count = 500 if stage.is_quick else 5_000
    with stage.visit(kit, stage.seeded(count, TINY)) as visit:
        return [count * 1000 / visit.call("untilLocal", count)]


def start_cold(stage: Stage, kit: str) -> Sequence[float]:
    with stage.visit(kit) as visit:
        return [visit.ready]


def first_visit(stage: Stage, kit: str) -> Sequence[float]:
    """Everything that the server sent, as its log has it: also to workers."""
    server = stage.compressed
    before = len(server.read_log())
    with stage.visit(kit, server=server):
        pass
    return [sum(map(int, re.findall(r"sent_bytes=(\d+)", server.read_log()[before:]))) / 1000]


def delete_all(stage: Stage, count: str) -> Sequence[float]:
    number = int(count) // (10 if stage.is_quick else 1)
    with stage.visit("ours") as visit:
        visit.call("save", number, KIB)
        visit.call("untilUploaded", number)
        return [visit.call("deleteAll")]


SCENARIOS = (
    Scenario((Row("save-alone", "one save of 64 KiB after another", "ms"),), save_alone),
    Scenario((Row("save-beside", "the same while uploads run", "ms"),), save_beside),
    Scenario(
        (
            Row("small-saved", "200 x 64 KiB at once, until saved", "ms", at_most=0.35),
            Row("small-uploaded", "the same until uploaded", "ms", at_most=0.15),
            Row("small-cpu", "the same, CPU of the browser", "s"),
        ),
        save_small,
    ),
    Scenario(
        (
            Row("large-saved", "20 x 5 MiB at once, until saved", "ms", at_most=0.6),
            Row("large-uploaded", "the same until uploaded", "ms", at_most=0.3),
            Row("large-cpu", "the same, CPU of the browser", "s"),
        ),
        save_large,
    ),
    Scenario((Row("arrive-few", "200 x 64 KiB of another client", "ms", at_most=0.3),), arrive_few),
    Scenario((Row("arrive-many", "many x 7 kB of another client", "files/s", at_least=150),), arrive_many),
    Scenario((Row("start-cold", "from navigation to ready", "ms", at_most=1.2),), start_cold),
    Scenario(
        (Row("start-empty", "the same of a page of PyScript alone", "ms"),), start_cold, ("empty", "theirs")
    ),
    Scenario(
        (Row("start-stdlib", "with what the kit imports of Python's", "ms"),),
        start_cold,
        ("stdlib", "theirs"),
    ),
    Scenario((Row("first-visit", "bytes of a first visit, brotli", "kB"),), first_visit),
    Scenario(
        (Row("delete", "so many deletes at once, ours alone", "ms", at_most=12),),
        delete_all,
        ("10000", "1000"),
    ),
)


# --- running and judging ------------------------------------------------------------------------------------


def run(scenario: Scenario, stage: Stage, rounds: int, wanted: Sequence[str]) -> bool:
    """Measure and print; whether every wanted row was measured and met its goal."""
    rows = [row for row in scenario.rows if row.name in wanted]
    readings: dict[str, list[Sequence[float]]] = {name: [] for name in scenario.contestants}
    try:
        for _ in range(rounds):
            for name, values in readings.items():
                values.append(scenario.measure(stage, name))
    except (AssertionError, Error, OSError, RuntimeError) as error:
        for row in rows:
            _print_line(row, f"FAILED: {name}: {str(error).splitlines()[0]}")
        return False
    verdicts = []
    for row in rows:
        at = scenario.rows.index(row)
        first, second = (statistics.median(values[at] for values in readings[name]) for name in readings)
        verdicts.append(row.verdict(first, second))
        figures = "   ".join(
            f"{name} {value:9.1f} {row.unit:<7}"
            for name, value in zip(scenario.contestants, (first, second), strict=True)
        )
        _print_line(row, f"{figures}   {first / second:6.2f}   {row.goal:<15} {verdicts[-1]}")
    return "MISSED" not in verdicts


def _print_line(row: Row, text: str) -> None:
    print(f"{row.name:<15} {row.what:<36} {text}", flush=True)


def _arguments() -> argparse.Namespace:
    known = [row.name for scenario in SCENARIOS for row in scenario.rows]
    parser = argparse.ArgumentParser(prog="build.py bench peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rows", nargs="*", help=f"rows to measure; all by default: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, default=3, help="readings of each, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the many files and deletes")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows or known
    if unknown := sorted(set(arguments.rows) - set(known)):
        parser.error(f"no such row: {', '.join(unknown)}; there are: {', '.join(known)}")
    return arguments


def main() -> int:
    """Returns the exit code."""
    arguments = _arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = Stage(stack, folder, is_quick=arguments.quick)
        wanted = [s for s in SCENARIOS if any(row.name in arguments.rows for row in s.rows)]
        met = [run(scenario, stage, arguments.rounds, arguments.rows) for scenario in wanted]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
