"""Run pure test files with pytest inside Pyodide: the same code, the same tests, the other interpreter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.harness.python_page import run_python, wait_for_python
from tools.common import BUILD, ROOT, files_under
from tools.packages import fetch_wheels

PACKAGES = ("iniconfig", "packaging", "pluggy", "pygments", "pytest")
RUN_SECONDS = 100.0

_INSTALL = """
import micropip
from pathlib import Path
from pyodide.http import pyfetch

for url in wheels:
    await micropip.install(url, deps=False)
Path("/home/pyodide/pyodide_runner.py").write_bytes(await (await pyfetch(runner)).bytes())
"""

_RUN = """
import shutil
from pathlib import Path
import pyodide_runner

root = Path("/home/pyodide/project")
shutil.rmtree(root, ignore_errors=True)
for name, text in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
pyodide_runner.run(str(root), arguments)
"""


@dataclass(frozen=True)
class PyodideRun:
    """What pytest said inside Pyodide."""

    exit_code: int
    passed: int
    failed: int
    skipped: int
    output: str


def wheels_of_pytest() -> Path:
    """A folder with the wheels of pytest that fit Pyodide, in the versions that the host uses."""
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text().lower(), re.MULTILINE)
    )
    folder = BUILD / "pytest-wheels"
    fetch_wheels(folder, *(f"{name}=={pinned[name]}" for name in PACKAGES))
    return folder


def open_pytest_page(context: BrowserContext) -> Page:
    """Open a bare page with pytest and the full wheel, from the site's own wheels."""
    page = context.new_page()
    page.goto("/testing/bare.html?full")
    wait_for_python(page)
    site = page.evaluate("location.origin")
    wheels = [f"{site}/testing/wheels/{wheel.name}" for wheel in sorted(wheels_of_pytest().glob("*.whl"))]
    run_python(page, _INSTALL, wheels=wheels, runner=f"{site}/testing/pyodide_runner.py", timeout=60)
    return page


def run_pytest(page: Page, paths: Sequence[str], arguments: Sequence[str] = ()) -> PyodideRun:
    """Run test files or folders (relative to the project) inside the page."""
    files = {
        str(file.relative_to(ROOT)): file.read_text()
        for file in files_under(*(ROOT / path for path in paths))
        if file.suffix in {".py", ".json", ".jsonl", ".sql", ".txt"}
    }
    answer = run_python(page, _RUN, files=files, arguments=[*paths, *arguments], timeout=RUN_SECONDS)
    return PyodideRun(**answer)
