"""The documentation as a site: it builds strictly, has every public name once, and asks no other host."""

from __future__ import annotations

import importlib
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tools import docs_hooks
from tools.common import ROOT, BuildError, build_lock
from tools.docs import build_docs, ensure_docs

LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
"""Elements by which a page asks another host. A link for the reader, `<a>`, does not."""


@pytest.fixture(scope="module")
def site() -> Path:
    with build_lock():
        return ensure_docs()


@pytest.mark.parametrize("module", docs_hooks.PACKAGES)
def test_every_public_name_is_documented_once(site: Path, module: str) -> None:
    pages = "".join(path.read_text() for path in (site / "reference").rglob("*.html"))
    headings = re.findall(rf'<h2 id="{re.escape(module)}\.(\w+)"', pages)
    wanted = importlib.import_module(module).__all__
    assert Counter(headings) == Counter(wanted)
    assert len(headings) == len(wanted) > 0


def test_reading_it_asks_no_other_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    asking = {path.name: found for path in pages if (found := LOADED.findall(path.read_text()))}
    assert asking == {}
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_each_page_says_for_whom_it_is() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        opening = r"(---\n.*?\n---\n\n)?# [^\n]+\n\nFor "
        assert re.match(opening, path.read_text(), re.DOTALL), f"{path} does not say for whom"


def test_a_dead_link_and_a_forgotten_page_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("filesync_web", "filesync_server", "tools", "examples", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("mkdocs.yml", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy2(ROOT / name, tmp_path)
    without = shutil.ignore_patterns("reference")  # it takes most of the time
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=without)
    text = "# Forgotten\n\n[nowhere](nowhere.md), [unknown](index.md#unknown)\n"
    (tmp_path / "docs" / "forgotten.md").write_text(text)
    with pytest.raises(BuildError):
        build_docs(tmp_path / "site", config=tmp_path / "mkdocs.yml")
    said = capsys.readouterr().out
    assert "forgotten.md" in said
    assert "nowhere.md" in said
    assert "#unknown" in said


def test_a_public_name_without_a_docstring_fails(caplog: pytest.LogCaptureFixture) -> None:
    names = docs_hooks.public("filesync_web")
    assert docs_hooks.entry("filesync_web", "save_file") == "::: filesync_web.save_file\n"
    assert caplog.messages == []
    docstring, names["save_file"].docstring = names["save_file"].docstring, None
    try:
        docs_hooks.entry("filesync_web", "save_file")
    finally:
        names["save_file"].docstring = docstring
    assert caplog.messages == ["filesync_web.save_file is public and has no docstring"]
