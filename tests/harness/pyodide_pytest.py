"""Run pure test files with pytest inside Pyodide: the same code, the same tests, the other interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from tests.harness.in_pyodide import run_in_pyodide
from tests.harness.pyodide_page import PyodidePage
from tools.common import ROOT, files_under

RUNNER = Path(__file__).parent / "pages" / "pyodide_runner.py"
RUN_SECONDS = 200.0


@dataclass(frozen=True)
class PyodideRun:
    """What pytest said inside Pyodide."""

    exit_code: int
    passed: int
    failed: int
    skipped: int
    output: str


def open_pytest_page(context: BrowserContext) -> PyodidePage:
    """Open a bare page with pytest and the whole of our package, fakes included."""
    page = PyodidePage(context, "/testing/bare.html?full")
    page.set_script_timeout(RUN_SECONDS)
    page.load_package(["pytest"])
    return page


def run_pytest(page: PyodidePage, paths: Sequence[str], arguments: Sequence[str] = ()) -> PyodideRun:
    """Run test files or folders (relative to the project) inside the page."""
    files = {
        str(file.relative_to(ROOT)): file.read_text()
        for file in files_under(*(ROOT / path for path in paths))
        if file.suffix in {".py", ".json", ".jsonl", ".sql", ".txt"}
    }
    return PyodideRun(**_run(page, RUNNER.read_text(), files, [*paths, *arguments]))


@run_in_pyodide
async def _run(
    selenium: PyodidePage, runner: str, files: dict[str, str], arguments: list[str]
) -> dict[str, Any]:
    import shutil
    from pathlib import Path

    root = Path("/home/pyodide/project")

    def write() -> None:
        shutil.rmtree(root, ignore_errors=True)
        Path("/home/pyodide/pyodide_runner.py").write_text(runner)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    write()
    import pyodide_runner  # type: ignore[import-not-found] # it has just been written

    result: dict[str, Any] = await pyodide_runner.run(str(root), arguments)
    return result
