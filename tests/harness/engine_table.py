"""The README's table of browsers, made of what the tests found: a plugin of pytest.

A test speaks for rows of the table by `@pytest.mark.feature("several tabs with one leader")`, in the browser
it runs in. One without the fixture `engine` says what it drives: `feature(..., engine="webkit")`; one that
holds down how a browser gets by says what it finds: `feature(..., finds="no, by another way")`.

A whole run compares what it found with the table in the README, and fails when that says something else;
`--write-engine-table` writes it. The versions in its heading are those with which it was written.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.harness.engines import CHROMIUM, FIREFOX, engine_name_of
from tools.common import ROOT
from tools.lanes import ELSEWHERE, IN_CHROMIUM, UNASKED

FEATURES = (
    "bare Pyodide, PyScript on the main thread and in a worker",
    "save, show, upload, download, edit, delete",
    "offline: save, reload, send later",
    "several tabs with one leader",
    "killed at any moment: nothing is lost, transfers go on",
    "fast writing (synchronous OPFS handles)",
    "thumbnails and previews",
    "service worker: own files as URLs, with ranges and seeking",
    "service worker: the app opens offline",
    "uploads go on when the last tab is closed",
    "plain `open` and `pathlib` (mounted files)",
)
"""The rows of the table, in its order."""
HEADINGS = {"chromium": "Chromium", "firefox": "Firefox ESR", "webkit": "WebKitGTK"}
"""Its columns, without versions."""
WHOLE = {UNASKED, IN_CHROMIUM, ELSEWHERE, "feature and not soak"}
"""The selections by marks (-m) that have every test in a browser that speaks for a row, if they have one."""
LEAVING_OUT = ("keyword", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
"""Options of pytest by which a run has not all of them."""

WEBKIT_VERSION = """
import gi
gi.require_version("WebKit2", "4.1")
from gi.repository import WebKit2
print(WebKit2.get_major_version(), WebKit2.get_minor_version())
"""
BEGIN, END = "<!-- engines: begin -->", "<!-- engines: end -->"
README = ROOT / "README.md"

Cell = tuple[str, str]
"""A feature and an engine's name."""


@dataclass
class Findings:
    """What the tests found about features, and how many ended how in each browser."""

    passed: dict[Cell, dict[str, None]] = field(default_factory=dict)
    lacking: dict[Cell, dict[str, None]] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def note(self, features: Mapping[str, str], engine: str, outcome: str, reason: str | None = None) -> None:
        """One test's end: `features` has what it finds when it passes, `reason` why it cannot do it here."""
        self.counts.setdefault(engine, Counter())[outcome] += 1
        for feature, finds in features.items():
            cell = (feature, engine)
            if outcome == "passed":
                self.passed.setdefault(cell, {})[finds] = None
            elif reason:
                self.lacking.setdefault(cell, {})[reason] = None

    def about(self, feature: str, engine: str) -> str:
        """The text of one cell; what some tests cannot do in an engine, others may have shown there."""
        cell = (feature, engine)
        if cell in self.passed:
            return "; ".join(self.passed[cell])
        return f"no: {'; '.join(self.lacking[cell])}" if cell in self.lacking else "not tested"

    def with_a_pass(self) -> list[str]:
        """The engines in which a test has passed that speaks for a row: of others this run knows nothing."""
        spoken = {engine for _feature, engine in self.passed}
        return [engine for engine in HEADINGS if engine in spoken]

    def table(self, headings: Mapping[str, str]) -> str:
        """The table in Markdown."""
        rows = [["", *(headings[engine] for engine in HEADINGS)], ["---"] * (1 + len(HEADINGS))]
        rows += [[feature, *(self.about(feature, engine) for engine in HEADINGS)] for feature in FEATURES]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("|  |", "| |")


class EngineTable:
    """The plugin's hooks for one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._findings = Findings()
        self._verdict = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse a row that the table does not have."""
        for item in items:
            for marker in item.iter_markers("feature"):
                if unknown := set(marker.args) - set(FEATURES):
                    raise pytest.UsageError(f"{item.nodeid}: the table of engines has no row {unknown}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        engine = engine_name_of(item)
        if engine and (report.when == "call" or report.outcome != "passed"):
            self._findings.note(_features(item), engine, report.outcome, _lack(item, engine))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the table, or compare it; another one is a failure of the run."""
        is_to_write = self._config.getoption("write_engine_table")
        if session.exitstatus != pytest.ExitCode.OK or not self._is_whole():
            self._verdict = "the README's table of engines is not written" if is_to_write else ""
        elif is_to_write and len(self._findings.with_a_pass()) == len(HEADINGS):
            README.write_text(_replaced(README.read_text(), self._findings.table(_headings())))
            self._verdict = "the README's table of engines is written"
        elif not (engines := self._findings.with_a_pass()):
            self._verdict = "the README's table of engines is not compared: no test that speaks for it passed"
        elif difference := differing_cells(README.read_text(), self._findings):
            self._verdict = f"the README's table of engines differs (--write-engine-table):\n{difference}"
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            names = ", ".join(HEADINGS[engine] for engine in engines)
            self._verdict = f"the README's table of engines says what the tests found in {names}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for engine, counts in self._findings.counts.items():
            ends = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
            terminalreporter.write_line(f"{HEADINGS[engine]}: {ends}")
        if self._verdict:
            terminalreporter.write_line(self._verdict)

    def _is_whole(self) -> bool:
        option = self._config.getoption
        has_all_folders = self._config.args_source is pytest.Config.ArgsSource.TESTPATHS
        has_all_runs = option("markexpr") in WHOLE and option("engines") == "marked"
        return has_all_folders and has_all_runs and not any(option(name, None) for name in LEAVING_OUT)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-engine-table",
        action="store_true",
        help="put what a whole run found into the README; 'build.py test -m \"feature and not soak\"' does",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(EngineTable(config))


def differing_cells(readme: str, findings: Findings) -> str:
    """What was found, and is not in the README, a line each. Its heading, with versions, is not compared."""
    rows = [row.strip("| ").split(" | ") for row in _table(readme).splitlines()[2:]]
    written = {(row[0], engine): said for row in rows for engine, said in zip(HEADINGS, row[1:], strict=True)}
    found = {
        (row, engine): findings.about(row, engine) for row in FEATURES for engine in findings.with_a_pass()
    }
    return "\n".join(
        f"{HEADINGS[engine]}, {row}: {said}"
        for (row, engine), said in found.items()
        if written.get((row, engine)) != said
    )


def _features(item: pytest.Item) -> dict[str, str]:
    """The rows that a test speaks for, and what each says when it passes."""
    return {
        feature: marker.kwargs.get("finds", "yes")
        for marker in item.iter_markers("feature")
        for feature in marker.args
    }


def _lack(item: pytest.Item, engine: str) -> str | None:
    """Why an engine cannot do what a test wants of it."""
    for marker in item.iter_markers("only_in"):
        if engine not in marker.args:
            return str(marker.kwargs["reason"])
    return None


def _headings() -> dict[str, str]:
    """The engines' names with as much of their versions as tells them apart."""
    said: dict[str, tuple[list[str], int]] = {
        "chromium": ([CHROMIUM.path, "--version"], 1),
        "firefox": ([FIREFOX.path, "--version"], 1),
        "webkit": (["/usr/bin/python3", "-c", WEBKIT_VERSION], 2),
    }
    headings = {}
    for engine, (command, length) in said.items():
        numbers = re.findall(r"\d+", subprocess.check_output(command, text=True))
        headings[engine] = f"{HEADINGS[engine]} {'.'.join(numbers[:length])}"
    return headings


def _table(readme: str) -> str:
    return readme.partition(BEGIN)[2].partition(END)[0].strip()


def _replaced(readme: str, table: str) -> str:
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}"
