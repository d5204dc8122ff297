"""The static site: everything a browser needs, from one origin, under stable paths.

/                       the demo
/pyodide/               the interpreter, its standard library, and a lock that names micropip only
/pyscript/              PyScript
/wheels/                our wheel, which micropip installs
/filesync-sw.js         the generated service worker
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, digest, is_fresh, step, write_stamp
from tools.packages import (
    PYODIDE,
    PYSCRIPT,
    ensure_micropip,
    ensure_npm_packages,
    ensure_service_worker,
    ensure_wheel,
    pyodide_lock,
)

SITE = BUILD / "site"
INTERPRETER = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def build_site(into: Path = SITE, extra: Mapping[str, Path] | None = None) -> Path:
    """Bring the site in `into` up to date with its sources, fetching what is missing.

    Args:
        into: the folder to (re)place; swapped as a whole, so that a running server sees no half site.
        extra: further folders to copy, by their path in the site; tests add their pages with it.

    Returns:
        `into`.
    """
    ensure_npm_packages()
    micropip, wheel, worker = ensure_micropip(), ensure_wheel(), ensure_service_worker()
    parts = {"pyscript": PYSCRIPT, **(extra or {})}
    demo = ROOT / "demo"
    sources = [PYODIDE, micropip, wheel, *([worker] if worker else []), demo, Path(__file__), *parts.values()]
    key = digest(*sources, *parts)
    stamp = STAMPS / into.name
    if is_fresh(stamp, key, [into]):
        return into
    with step(f"building {into.relative_to(ROOT)}"):
        fresh = into.with_name(into.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        if demo.exists():
            shutil.copytree(demo, fresh, ignore=IGNORED, dirs_exist_ok=True)
        for name, folder in parts.items():
            shutil.copytree(folder, fresh / name, ignore=IGNORED)
        _place_pyodide(fresh / "pyodide", micropip)
        (fresh / "wheels").mkdir()
        shutil.copy2(wheel, fresh / "wheels")
        if worker:
            shutil.copy2(worker, fresh)
        shutil.rmtree(into, ignore_errors=True)
        fresh.rename(into)
        write_stamp(stamp, key)
    return into


def _place_pyodide(folder: Path, micropip: Path) -> None:
    """Copy the interpreter, and micropip beside it with a lock that vouches for exactly this wheel.

    Pyodide's own lock names 357 packages that this site does not serve, and another hash for micropip than
    the wheel on PyPI has; the browser would refuse it.
    """
    folder.mkdir()
    for name in INTERPRETER:
        shutil.copy2(PYODIDE / name, folder)
    shutil.copy2(micropip, folder)
    lock = pyodide_lock()
    entry = lock["packages"]["micropip"]
    entry = {**entry, "file_name": micropip.name, "sha256": hashlib.sha256(micropip.read_bytes()).hexdigest()}
    (folder / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": {"micropip": entry}}))
