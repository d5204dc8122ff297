"""Notebooks with the kit, as tests open them: a JupyterLite site, and what else runs marimo.

Their packages are many and large, and nothing else needs them: they have an environment of their own, in
build/notebook-tools. In the browser the JupyterLite kernel runs on the site's Pyodide and installs everything
from wheels of the site; it asks no other server.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.packages import ensure_browser_wheel, fetch_wheels
from tools.site import build_site

TOOLS = BUILD / "notebook-tools"
JUPYTERLITE = BUILD / "jupyterlite"
LITE = "lite"
"""The folder of the site in which JupyterLite is: at the root, its `api/` would be where the signer is."""
NOTEBOOKS = ROOT / "examples" / "notebooks"
REQUIREMENTS = Path(__file__).with_suffix(".txt")
KERNEL_WHEELS = (
    "anywidget==0.11.0",
    "asttokens==3.0.2",
    "comm==0.2.3",
    "decorator==5.3.1",
    "executing==2.3.0",
    "ipython==9.12.0",  # later ones need psutil, which no browser has
    "ipython-pygments-lexers==1.1.1",
    "ipywidgets==8.1.9",
    "jedi==0.20.1",
    "jupyterlab-widgets==3.0.17",
    "matplotlib-inline==0.2.2",
    "parso==0.8.7",
    "prompt-toolkit==3.0.53",
    "psygnal==0.16.1",
    "pure-eval==0.2.4",
    "pygments==2.21.0",
    "stack-data==0.6.3",
    "traitlets==5.16.1",
    "typing-extensions==4.16.0",
    "wcwidth==0.9.4",
)
"""What the kernel and widgets install in the browser."""


def ensure_notebook_tools() -> Path:
    """Bring the environment with `jupyter lite` and marimo up to date, and return its folder of programs."""
    stamp, programs = STAMPS / TOOLS.name, TOOLS / "bin"
    key = digest(sys.version, REQUIREMENTS)
    if not is_fresh(stamp, key, [programs / "jupyter"]):
        with step("installing JupyterLite and marimo"):
            shutil.rmtree(TOOLS, ignore_errors=True)
            run([sys.executable, "-m", "venv", TOOLS])
            pip: list[str | Path] = [programs / "python", "-m", "pip", "--disable-pip-version-check"]
            run([*pip, "install", "--quiet", "--no-input", "--no-deps", "--requirement", REQUIREMENTS])
            write_stamp(stamp, key)
    return programs


def build_jupyterlite() -> Path:
    """Bring build/jupyterlite up to date: a site to serve, with the notebooks of examples/ below `lite/`."""
    with build_lock():
        pyodide, programs = build_site() / "pyodide", ensure_notebook_tools()
        wheels = [*fetch_wheels(BUILD / "kernel-wheels", *KERNEL_WHEELS), ensure_browser_wheel()]
        stamp = STAMPS / JUPYTERLITE.name
        key = digest(REQUIREMENTS, pyodide, *wheels, NOTEBOOKS, Path(__file__))
        if not is_fresh(stamp, key, [JUPYTERLITE]):
            with step("building the JupyterLite site"):
                _build(programs, pyodide, wheels)
                write_stamp(stamp, key)
    return JUPYTERLITE


def _build(programs: Path, pyodide: Path, wheels: list[Path]) -> None:
    """What `docs/notebooks.md` tells a reader to do, with the wheels of a kernel that is offline."""
    work, output = BUILD / "jupyterlite.work", BUILD / "jupyterlite.new"
    for folder in (work, output):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pyodide, work / "static" / "pyodide", ignore=shutil.ignore_patterns("*.br", "*.gz"))
    (work / "pypi").mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, work / "pypi")
    command: list[str | Path] = [programs / "jupyter", "lite", "build", "--apps", "notebooks"]
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        command += ["--contents", notebook]
    run([*command, "--no-sourcemaps", "--lite-dir", work, "--output-dir", output / LITE], cwd=work)
    shutil.rmtree(work)
    shutil.rmtree(JUPYTERLITE, ignore_errors=True)
    output.rename(JUPYTERLITE)
