"""The examples of docs/testing.md run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.engines import CHROMIUM
from tools.common import ROOT, build_lock
from tools.packages import ensure_wheel

DOCUMENT = ROOT / "docs" / "testing.md"


@pytest.fixture
def project(tmp_path: Path, test_site: Path) -> Path:
    """A folder with the files of the document, the wheel and a site."""
    files = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    for name, text in files:
        (tmp_path / name).write_text(text)
    with build_lock():
        shutil.copy2(ensure_wheel(), tmp_path)
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite" / "pyodide").symlink_to(test_site / "pyodide")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "passed"),
    [pytest.param("test_album.py", 1, marks=pytest.mark.thorough), ("test_album_in_pyodide.py", 2)],
)
def test_the_examples_pass(project: Path, file: str, passed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", file],
        cwd=project,
        env={**os.environ, "CHROMIUM": CHROMIUM.path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout


def test_an_example_can_fail(project: Path) -> None:
    module = project / "album.py"
    module.write_text(module.read_text().replace("not record.remote_key", "bool(record.remote_key)"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_album.py"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed" in done.stdout, done.stdout
