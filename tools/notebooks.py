"""Notebooks with the kit, as tests open them: a site of JupyterLite, and one that marimo has exported.

What makes them are many and large packages that nothing else needs: they have an environment of their own, in
build/notebook-tools (330 MB, made in half a minute). Both sites have the Pyodide and wheels that they use,
and ask no other server.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, BuildError, build_lock, digest, is_fresh, run, step, write_stamp
from tools.packages import ensure_browser_wheel, ensure_micropip, fetch_wheels
from tools.pyodide_dist import lock_entry
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

MARIMO = BUILD / "marimo"
MARIMO_PYODIDE = "314.0.0"
"""The version that marimo starts, and no other."""
PYYAML = "6.0.4"
MARKER = "<marimo-wasm "
"""Where its page is told from where to take Pyodide."""
MARIMO_WHEELS = (
    "docutils==0.23",
    "itsdangerous==2.2.0",
    "marimo-base==0.25.2",
    "markdown==3.11.3",
    "msgspec==0.22.0",
    "narwhals==2.29.0",
    "packaging==26.4",
    "pymdown-extensions==11.0.2",
    "pyodide-http==0.2.2",
    "python-multipart==0.0.34",
    "tomlkit==0.15.2",
)
NEEDS: dict[str, tuple[str, ...]] = {
    "anywidget": ("ipywidgets", "psygnal", "typing-extensions"),
    "ipython": (
        "decorator",
        "ipython-pygments-lexers",
        "jedi",
        "matplotlib-inline",
        "prompt-toolkit",
        "pygments",
        "stack-data",
        "traitlets",
    ),
    "ipywidgets": ("comm", "ipython", "jupyterlab-widgets", "traitlets"),
    "jedi": ("parso",),
    "marimo-base": ("docutils", "itsdangerous", "jedi", "pygments", "python-multipart", "pyyaml", "tomlkit"),
    "prompt-toolkit": ("wcwidth",),
    "stack-data": ("asttokens", "executing", "pure-eval"),
}
"""What each needs of the others, for the lock of marimo's Pyodide."""


def notebook_tools() -> Path:
    """Bring the environment of notebooks up to date, and return its folder of programs: python, jupyter and
    marimo."""
    with build_lock():
        return _ensure_tools()


def _ensure_tools() -> Path:
    stamp, programs = STAMPS / TOOLS.name, TOOLS / "bin"
    key = digest(sys.version, REQUIREMENTS)
    if not is_fresh(stamp, key, [programs / "jupyter"]):
        with step("installing JupyterLite and marimo"):
            shutil.rmtree(TOOLS, ignore_errors=True)
            run([sys.executable, "-m", "venv", TOOLS])
            pip: list[str | Path] = [programs / "python", "-m", "pip", "--disable-pip-version-check"]
            quick = ["--quiet", "--no-input", "--no-deps", "--no-compile"]  # they import little of it
            run([*pip, "install", *quick, "--requirement", REQUIREMENTS])
            write_stamp(stamp, key)
    return programs


def build_jupyterlite() -> Path:
    """Bring build/jupyterlite up to date: a site to serve, with the notebooks of examples/ below `lite/`."""
    with build_lock():
        pyodide, programs = build_site() / "pyodide", _ensure_tools()
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


def build_marimo() -> Path:
    """Bring build/marimo up to date: a site to serve, with the notebook that marimo has exported to
    WebAssembly, and the Pyodide and the wheels that it would else have of a CDN."""
    notebook = NOTEBOOKS / "files_marimo.py"
    with build_lock():
        programs = _ensure_tools()
        wheels = [
            *fetch_wheels(BUILD / "kernel-wheels", *KERNEL_WHEELS),
            *fetch_wheels(BUILD / "marimo-wheels", *MARIMO_WHEELS),
            _pure_yaml(programs),
            ensure_micropip(),
            ensure_browser_wheel(),
        ]
        stamp = STAMPS / MARIMO.name
        key = digest(REQUIREMENTS, *wheels, notebook, Path(__file__))
        if not is_fresh(stamp, key, [MARIMO]):
            with step("exporting a marimo notebook"):
                _export(programs, notebook, wheels)
                write_stamp(stamp, key)
    return MARIMO


def _pure_yaml(programs: Path) -> Path:
    """PyYAML as a wheel without its compiled part, which it can do without; PyPI has it for no browser."""
    wheel = BUILD / "marimo-yaml" / f"pyyaml-{PYYAML}-py3-none-any.whl"
    (package,) = programs.parent.glob("lib/*/site-packages/yaml")
    wheel.parent.mkdir(exist_ok=True)
    about = f"pyyaml-{PYYAML}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in sorted(package.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"yaml/{file.name}"), file.read_bytes())
        metadata = f"Metadata-Version: 2.1\nName: PyYAML\nVersion: {PYYAML}\n"
        for name, text in {"METADATA": metadata, "WHEEL": "Wheel-Version: 1.0\n", "RECORD": ""}.items():
            archive.writestr(zipfile.ZipInfo(f"{about}/{name}"), text)
    return wheel


def _export(programs: Path, notebook: Path, wheels: list[Path]) -> None:
    """What `marimo export html-wasm --offline` makes, which wants a browser of its own to find packages."""
    output = BUILD / "marimo.new"
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:  # not in this project, whose modules it would add
        copy = Path(shutil.copy2(notebook, work))
        uv = Path(work, "uv")  # which modules beside the notebook it imports, it asks uv: none
        uv.write_text("#!/bin/sh\n")
        uv.chmod(0o755)
        command: list[str | Path] = [programs / "marimo", "export", "html-wasm", copy, "--mode", "run"]
        path = os.pathsep.join([work, os.environ["PATH"]])
        run([*command, "--output", output], cwd=Path(work), env={"PATH": path})
    page = output / "index.html"
    place = 'data-pyodide-index-url="./pyodide/" data-pyodide-lockfile-url="./pyodide/pyodide-lock.json"'
    text = page.read_text()
    if text.count(MARKER) != 1:
        raise BuildError(f"marimo's page should have this once: {MARKER}")
    page.write_text(text.replace(MARKER, f"<marimo-wasm {place} "))
    _place_pyodide(output / "pyodide", wheels)
    shutil.rmtree(MARIMO, ignore_errors=True)
    output.rename(MARIMO)


def _place_pyodide(folder: Path, wheels: list[Path]) -> None:
    """Pyodide of that version from npm, with a lock that has these wheels only."""
    with tempfile.TemporaryDirectory() as work:
        run(["npm", "pack", "--silent", f"pyodide@{MARIMO_PYODIDE}"], cwd=Path(work))
        with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
            archive.extractall(work, filter="data")
        shutil.copytree(Path(work, "package"), folder, ignore=shutil.ignore_patterns("*.map", "*.d.ts"))
    lock = json.loads((folder / "pyodide-lock.json").read_text())
    lock["packages"] = {}
    for wheel in wheels:
        shutil.copy2(wheel, folder)
        entry = lock_entry(wheel, NEEDS)
        lock["packages"][entry["name"]] = entry
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))
