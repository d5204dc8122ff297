"""The README's table of browsers, and in which browsers a test runs."""

from __future__ import annotations

import pytest

from tests.harness.engine_table import (
    BEGIN,
    END,
    FEATURES,
    HEADINGS,
    README,
    EngineTable,
    Findings,
    _replaced,
    _table,
    differing_cells,
)
from tools import environment
from tools.lanes import UNASKED

TABS, FAST = "several tabs with one leader", "fast writing (synchronous OPFS handles)"

pytest_plugins = ["pytester"]


def found() -> Findings:
    findings = Findings()
    for engine in HEADINGS:
        findings.note(dict.fromkeys(FEATURES, "yes"), engine, "passed")
    return findings


def test_a_cell_says_what_tests_found() -> None:
    findings = Findings()
    assert findings.about(TABS, "firefox") == "not tested"
    findings.note({TABS: "yes"}, "firefox", "skipped")
    assert findings.about(TABS, "firefox") == "not tested"
    findings.note({TABS: "yes"}, "firefox", "skipped", "it has none")
    assert findings.about(TABS, "firefox") == "no: it has none"
    findings.note({TABS: "yes", FAST: "no, slowly"}, "firefox", "passed")
    assert (findings.about(TABS, "firefox"), findings.about(FAST, "firefox")) == ("yes", "no, slowly")
    assert findings.counts["firefox"] == {"skipped": 2, "passed": 1}


def test_a_table_that_differs_is_told_by_its_cells() -> None:
    findings = found()
    readme = _replaced(f"before {BEGIN}\nold\n{END} after", findings.table(HEADINGS))
    assert readme.startswith(f"before {BEGIN}\n| | Chromium | Firefox ESR | WebKitGTK |\n")
    assert readme.endswith(f"\n{END} after")
    assert differing_cells(readme, findings) == ""
    findings.note({FAST: "slowly"}, "webkit", "passed")
    assert differing_cells(readme, findings) == f"WebKitGTK, {FAST}: yes; slowly"


def test_of_a_browser_of_which_no_test_speaks_nothing_is_compared() -> None:
    readme = _replaced(f"{BEGIN}\n{END}", found().table(HEADINGS))
    findings = Findings()
    findings.note({}, "firefox", "skipped")
    findings.note({}, "webkit", "passed")
    assert (findings.with_a_pass(), differing_cells(readme, findings)) == ([], "")
    findings.note(dict.fromkeys(FEATURES, "yes"), "chromium", "passed")
    assert (findings.with_a_pass(), differing_cells(readme, findings)) == (["chromium"], "")


def test_the_readme_has_the_rows() -> None:
    rows = _table(README.read_text()).splitlines()[2:]
    assert tuple(row.split(" | ")[0].removeprefix("| ") for row in rows) == FEATURES


PLUGINS = ["tests.harness.engine_choice", "tests.harness.engine_table"]
INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
testpaths = .
markers =
    firefox
    only_in
    feature
"""
TESTS = """
import pytest

@pytest.mark.parametrize("n", [1])
def test_plain(engine, n): ...

@pytest.mark.firefox
@pytest.mark.only_in("chromium", reason="there is nothing else")
def test_marked(engine): ...

def test_without(): ...
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(f"pytest_plugins = {PLUGINS}")
    pytester.makeini(INI)
    pytester.makepyfile(TESTS)
    return pytester


def test_an_id_ends_with_the_engine(project: pytest.Pytester) -> None:
    marked = ["*test_plain[[]1-chromium]", "*test_marked[[]chromium]", "*test_marked[[]firefox]"]
    result = project.runpytest_inprocess("--collect-only", "-q")
    result.stdout.fnmatch_lines(marked)
    result.stdout.no_fnmatch_line("*test_plain[[]1-firefox]")
    result = project.runpytest_inprocess("--collect-only", "-q", "--engines=firefox")
    result.stdout.fnmatch_lines(["*test_plain[[]1-firefox]", "*test_marked[[]firefox]"])
    result.stdout.no_fnmatch_line("*chromium]")


def test_a_browser_may_be_missing_but_not_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "FIREFOX_NAMES", ())
    monkeypatch.delenv("FIREFOX", raising=False)
    monkeypatch.delenv("CI", raising=False)
    arguments = ["-k", "plain", "--engines=firefox", "-rs"]
    result = project.runpytest_inprocess(*arguments)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines("*there is no firefox here")
    monkeypatch.setenv("CI", "1")
    project.runpytest_inprocess(*arguments).assert_outcomes(errors=1)


def test_what_another_browser_cannot_do_is_skipped_for_its_reason(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("-k", "marked and firefox]", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["Firefox ESR: 1 skipped", "*not in firefox: there is nothing else"])


@pytest.mark.parametrize(
    ("arguments", "is_whole"),
    [
        ([], True),
        (["-k", "plain"], False),
        (["-m", "browser"], False),
        (["--lf"], False),
        (["--deselect", "test_file.py::test_plain"], False),
        (["--ignore", "folder"], False),
        (["--engines=firefox"], False),
        (["."], False),
    ],
    ids=str,
)
def test_only_a_whole_run_is_compared(
    project: pytest.Pytester, arguments: list[str], *, is_whole: bool
) -> None:
    config = project.parseconfig("-m", UNASKED, *arguments)
    assert EngineTable(config)._is_whole() is is_whole
