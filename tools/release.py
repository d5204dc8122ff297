"""What is released: that the distributions can be installed, and that their pages open."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.common import ROOT, BuildError, run, size_of, step
from tools.environment import PYTHON

IN_A_PAGE = ("tests/e2e/test_readme.py", "tests/e2e/test_tutorial.py")
"""The README's page installs the site's compiled wheel. The tutorial installs the wheel with its server into
an environment of its own, makes a browser wheel there, and opens that in a fresh page."""
TRY = """
import filesync_web, filesync_server, importlib.metadata
assert filesync_web.__version__ == importlib.metadata.version("filesync-web") == {version!r}
"""


def build_sdist(into: Path) -> Path:
    """Make the source distribution, and return it."""
    with step("making the source distribution"):
        run([PYTHON, "-m", "hatchling", "build", "--target", "sdist", "--directory", into])
    return next(into.glob("*.tar.gz"))


def check_distributions(version: str, *files: Path) -> None:
    """Look at the metadata, install each into a fresh environment, and start its commands there.

    Raises:
        BuildError: something is wrong with one.
    """
    for file in files:
        if version not in file.name:
            raise BuildError(f"{file.name} is not of version {version}")
        if file.stat().st_size < 50_000:
            raise BuildError(f"{file.name} has only {size_of(file)}: something is missing")
    with step("twine check"):
        run([PYTHON, "-m", "twine", "check", "--strict", *files])
    names = " and ".join(file.name for file in files)
    with step(f"installing {names}, each into a fresh environment"), ThreadPoolExecutor() as together:
        list(together.map(lambda file: _try(file, version), files))


def _try(file: Path, version: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        python = Path(place, "bin", "python")
        run([PYTHON, "-m", "venv", "--without-pip", place])
        pip: list[str | Path] = [PYTHON, "-m", "pip", "--python", python, "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--constraint", ROOT / "constraints.txt"]
        run([*pip, f"{file}[server,cli]"])
        outside = Path(place)  # where no folder of ours can be imported by accident
        run([python, "-I", "-c", TRY.format(version=version)], cwd=outside)
        for command in ("filesync", "filesync-server"):
            run([Path(place, "bin", command), "--help"], cwd=outside)
        run([python, "-I", "-m", "filesync_web", "browser-wheel", "--out", outside / "wheels"], cwd=outside)
        run([python, "-I", "-m", "filesync_web", "service-worker", "--out", outside], cwd=outside)
