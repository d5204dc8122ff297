"""The tools a build needs: the virtual environment, Node, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.common import ROOT, BuildError, digest, is_fresh, run, say, step, write_stamp

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
NODE_AT_LEAST = 20


def ensure_venv() -> None:
    """Create `.venv` and install the project (editable) with everything its development needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = repr([project["project"], project["build-system"], project["tool"]["hatch"]])
    key = digest(sys.version, str(ROOT), wanted, ROOT / "constraints.txt")
    stamp = VENV / "stamp"
    if is_fresh(stamp, key, [PYTHON]):
        return
    with step("creating .venv and installing the Python packages"):
        if not PYTHON.exists():
            shutil.rmtree(VENV, ignore_errors=True)
            run([sys.executable, "-m", "venv", VENV])
        pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        pip += ["--quiet", "--constraint", ROOT / "constraints.txt"]
        run([*pip, "hatchling"])
        run([*pip, "--no-build-isolation", "--editable", f"{ROOT}[dev]"])
        write_stamp(stamp, key)


def require_node() -> None:
    """Check for Node and npm, which fetch and check the browser's packages.

    Raises:
        BuildError: one is missing or too old.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise BuildError(
                f"{program} was not found; install Node {NODE_AT_LEAST} or newer, then start again"
            )
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < NODE_AT_LEAST:
        raise BuildError(f"Node {version} is too old; install Node {NODE_AT_LEAST} or newer and start again")


def find_chromium() -> str | None:
    """The path of a Chromium: `$CHROMIUM`, else the first known name on the path, else None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def ensure_chromium() -> str:
    """Find a Chromium, or install Debian's.

    Raises:
        BuildError: there is none and it cannot be installed here.
    """
    found = find_chromium()
    if found:
        return found
    by_hand = "install Chromium by hand, or set CHROMIUM to the path of one, and start again"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BuildError(f"no Chromium was found, and only root on Debian can install one here; {by_hand}")
    with step("installing Debian's chromium"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-q"], env=quiet)
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"], env=quiet)
    found = find_chromium()
    if not found:
        raise BuildError(f"apt-get installed no Chromium; {by_hand}")
    say(f"chromium is at {found}")
    return found
