"""The tools a build needs: the virtual environment, Node, and browsers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.common import ROOT, BuildError, digest, is_fresh, run, say, step, write_stamp

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FIREFOX_NAMES = ("firefox-esr", "firefox")
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
        # What is imported is compiled then: all of it would take longer than the rest of this.
        pip += ["--quiet", "--no-compile", "--constraint", ROOT / "constraints.txt"]
        run([*pip, "--upgrade", "pip", "hatchling"])  # Python 3.11's own pip takes half as long again
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


def find_firefox() -> str | None:
    """The path of a Firefox: `$FIREFOX`, else the first known name on the path, else None."""
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, FIREFOX_NAMES)), None)


def find_xvfb() -> str | None:
    """The path of the X server without a screen that WebKitGTK needs, or None."""
    return shutil.which("Xvfb")


def find_gi() -> str | None:
    """The folder by which the system's Python uses GTK, or None."""
    return _first(Path("/usr/lib/python3/dist-packages").glob("gi/__init__.py"))


def find_webkit() -> str | None:
    """The file by which GTK's programs use WebKit, or None."""
    return _first(Path("/usr/lib").glob("*/girepository-1.0/WebKit2-4.1.typelib"))


BROWSERS: dict[str, Callable[[], str | None]] = {
    "chromium": find_chromium,
    "firefox-esr": find_firefox,
    "xvfb": find_xvfb,
    "python3-gi": find_gi,
    "gir1.2-webkit2-4.1": find_webkit,
}
"""Debian's packages of what the tests drive, and what of each is looked for."""


def ensure_browsers(*packages: str) -> dict[str, str]:
    """Find the browsers of these packages, by default of all, or install Debian's.

    Tests skip a browser that cannot be had, but for Chromium; in CI (`$CI`) all must be there.

    Returns:
        The environment variables by which tests find them.

    Raises:
        BuildError: one that must be there is not, and cannot be installed here.
    """
    wanted = packages or tuple(BROWSERS)
    if missing := _missing(wanted):
        _install(missing)
    if missing := _missing(wanted):
        message = f"not found: {', '.join(missing)}; only root on Debian can install them from here"
        by_hand = "install them by hand (or set CHROMIUM, FIREFOX to the path of one) and start again"
        if "chromium" in missing or os.environ.get("CI"):
            raise BuildError(f"{message}; {by_hand}")
        say(f"{message}; the tests that need them are SKIPPED. To have them run, {by_hand}")
    found = {"CHROMIUM": find_chromium(), "FIREFOX": find_firefox()}
    return {variable: path for variable, path in found.items() if path}


def _missing(packages: tuple[str, ...]) -> list[str]:
    return [package for package in packages if not BROWSERS[package]()]


def _install(packages: list[str]) -> None:
    """By apt, where that is possible."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    with step(f"installing Debian's {', '.join(packages)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-q"], env=quiet)
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], env=quiet)


def _first(paths: Iterable[Path]) -> str | None:
    return next(map(str, paths), None)
