"""What the documents claim of the tests and the sources."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import filesync_web as fs

ROOT = Path(__file__).resolve().parents[2]


def test_every_fault_has_tests_that_exist() -> None:
    table = (ROOT / "docs" / "faults-avoided.md").read_text()
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", table, flags=re.MULTILINE)
    sources = [path for folder in ("tests", "filesync_web") for path in (ROOT / folder).rglob("*.py")]
    defined = {name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert len(rows) > 29
    assert [int(number) for number, _rest in rows] == list(range(1, len(rows) + 1))
    for number, rest in rows:
        named = re.findall(r"`(test_\w+)`", rest)
        assert named, f"fault {number} names no test"
        assert set(named) <= defined, f"fault {number}: {set(named) - defined} does not exist"
    named = re.findall(r"`(test_\w+)`", table)
    assert set(named) <= defined, f"{set(named) - defined} does not exist"


def test_every_name_that_the_documents_give_an_app_is_public() -> None:
    known = {*fs.__all__, *dir(builtins)}
    for name in (
        "README",
        "docs/fsspec",
        "docs/getting-started",
        "docs/how-it-works",
        "docs/images",
        "docs/mounted-files",
        "docs/python-files",
        "docs/service-worker",
        "docs/testing",
        "docs/versions",
    ):
        text = (ROOT / f"{name}.md").read_text()
        named = {*re.findall(r"`(\w+Error)`", text), *re.findall(r"\bfs\.(\w+)", text)}
        named |= set(re.findall(r"^\| `(?:await )?(\w+)\(", text, flags=re.MULTILINE))
        assert named <= known, f"{name}.md: {named - known}"


def test_nothing_is_printed() -> None:
    """Everything that the kit has to say goes through `logging`, or back to its caller."""
    loud = re.compile(r"\bprint\(|console\.(log|info|debug|warn|error)")
    for folder in ("filesync_web", "filesync_server"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".js"}:
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    assert not loud.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
