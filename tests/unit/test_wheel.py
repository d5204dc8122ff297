"""What is packed: the command that writes the service worker works wherever the package comes from."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools.common import ROOT, run
from tools.environment import PYTHON
from tools.packages import WHEEL_SOURCES, ensure_wheel

SOURCES = sorted(path.name for path in (ROOT / "sw").glob("*.js"))


def write_service_worker(out: Path, import_from: Path) -> bytes:
    """Run the command in a process that finds the package in one place only."""
    command = [sys.executable, "-m", "filesync_web", "service-worker", "--out", out, "--signer", "/api"]
    # -S: without site-packages, where the checkout is installed as well.
    command.insert(1, "-S")
    env = {**os.environ, "PYTHONPATH": str(import_from)}
    subprocess.run(command, cwd=out.parent, env=env, check=True, capture_output=True)
    return (out / "filesync-sw.js").read_bytes()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed in it."""
    folder = tmp_path_factory.mktemp("installed")
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    run([*pip, "--no-deps", "--no-index", "--target", folder, ensure_wheel()])
    return folder


def test_the_installed_wheel_writes_the_same_service_worker_as_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    by_wheel = write_service_worker(tmp_path / "wheel", installed)
    assert by_wheel == write_service_worker(tmp_path / "checkout", ROOT)
    assert b"addEventListener" in by_wheel


def test_the_wheel_has_the_source_and_nothing_else_of_the_folder(installed: Path) -> None:
    carried = installed / "filesync_web" / "sw" / "source"
    assert sorted(path.relative_to(carried).as_posix() for path in carried.rglob("*")) == SOURCES
    assert not (installed / "sw").exists()


def test_the_source_distribution_has_the_source(tmp_path: Path) -> None:
    run([PYTHON, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path])
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {f"sw/{name}" for name in SOURCES} < names
    assert "filesync_web/sw/generator.py" in names


def test_the_wheel_is_built_anew_when_the_service_worker_changes() -> None:
    assert "sw" in WHEEL_SOURCES
