"""The wheel for browsers: what is in it, that it installs, and what it says outside a browser."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from filesync_web.__main__ import main
from filesync_web.browser_wheel import LEFT_OUT, write_browser_wheel
from tools.common import ROOT, build_lock
from tools.packages import ensure_wheel

INFO = "filesync_web-0.1.0.dist-info"


@pytest.fixture(scope="module")
def full_wheel() -> Path:
    with build_lock():
        return ensure_wheel()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_browser_wheel(tmp_path_factory.mktemp("wheel"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        listed = archive.namelist()
    assert len(listed) == len(set(listed))
    return set(listed)


def install(wheel: Path, into: Path) -> Path:
    """Let pip check the hashes and unpack."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--no-compile", "--target", into, wheel], check=True)
    return into


def python(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run CPython with what is installed in a folder, and nothing else."""
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_has_the_full_wheels_name_and_all_that_pages_import(wheel: Path, full_wheel: Path) -> None:
    assert wheel.name == full_wheel.name
    ours, all_of_it = names(wheel), names(full_wheel)
    package = {path for path in all_of_it if path.startswith("filesync_web/")}
    left_out = {path for path in package if path.split("/")[1] in LEFT_OUT}
    assert {path.split("/")[1] for path in left_out} == set(LEFT_OUT)
    described = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    info = {f"{INFO}/{name}" for name in described}
    assert ours == package - left_out | info
    assert {"filesync_web/browser/blob_worker.js", "filesync_web/py.typed"} <= ours


def test_its_metadata_promises_only_what_it_has(wheel: Path, full_wheel: Path) -> None:
    def metadata(path: Path) -> dict[str, str]:
        with zipfile.ZipFile(path) as archive:
            return dict(message_from_string(archive.read(f"{INFO}/METADATA").decode()))

    ours, full = metadata(wheel), metadata(full_wheel)
    assert ours["Name"] == "filesync-web"
    assert ours.items() <= full.items()
    assert {"Provides-Extra", "Requires-Dist"} <= set(full) - set(ours)


def test_it_is_found_by_fsspec_and_has_no_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        points = archive.read(f"{INFO}/entry_points.txt").decode()
    assert "[fsspec.specs]\nfilesync = filesync_web.fsspec:FileSyncFileSystem\n" in points
    assert "command" not in points


def test_an_installed_package_makes_the_same_bytes_as_the_checkout(
    wheel: Path, full_wheel: Path, tmp_path: Path
) -> None:
    installed = install(full_wheel, tmp_path / "installed")
    done = python(installed, "-m", "filesync_web", "browser-wheel", "--out", str(tmp_path / "out"))
    made = tmp_path / "out" / wheel.name
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{made}\n", "")
    assert made.read_bytes() == wheel.read_bytes()


def test_outside_a_browser_it_imports_and_says_what_it_lacks(wheel: Path, tmp_path: Path) -> None:
    installed = install(wheel, tmp_path / "installed")
    code = """if True:
        import asyncio, filesync_web as fs
        kit = fs.create_file_sync_schema()
        schema = fs.make_schema(
            tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
        )
        asyncio.run(fs.open_store(schema, store_id="here", data_dir="."))
    """
    done = python(installed, "-c", code)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith("ImportError: outside a browser filesync-web needs filesync_web.native, ")
    assert message.endswith(
        "install the full wheel, not the one that sites have for browsers, "
        "with its extra: filesync-web[native]"
    )


def test_a_package_that_is_not_installed_is_a_clear_message(tmp_path: Path) -> None:
    done = python(ROOT, "-m", "filesync_web", "browser-wheel", "--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "filesync-web is not installed; install it" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_the_folder_and_names_the_file(
    wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["browser-wheel", "--out", str(tmp_path / "new" / "folder")]) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made == tmp_path / "new" / "folder" / wheel.name
    assert made.read_bytes() == wheel.read_bytes()
