"""The static site: everything a browser needs, from one origin, under stable paths.

/                       the demo
/pyodide/               the interpreter, its standard library, and a lock that names micropip only
/pyscript/              PyScript
/wheels/                our wheel for browsers, which micropip installs
/filesync-sw.js         the generated service worker, which keeps all of it for opening offline
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, digest, files_under, is_fresh, run, step, write_stamp
from tools.environment import PYTHON
from tools.packages import (
    PYODIDE,
    PYSCRIPT,
    ensure_browser_wheel,
    ensure_micropip,
    ensure_npm_packages,
    ensure_stdlib,
    pyodide_lock,
)

SITE = BUILD / "site"
SERVICE_WORKER = "filesync-sw.js"
DEMO = ROOT / "demo"
INTERPRETER = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
COMPRESSIBLE = {".css", ".html", ".js", ".json", ".mjs", ".py", ".svg", ".wasm", ".zip"}
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def build_site() -> Path:
    """Bring build/site up to date with its sources, fetching what is missing, and return it.

    It is replaced as a whole, so that a server that runs meanwhile serves the old one or the new one.
    """
    ensure_npm_packages()
    micropip, stdlib, wheel = ensure_micropip(), ensure_stdlib(), ensure_browser_wheel()
    service_worker = (ROOT / "filesync_web", ROOT / "sw")
    key = digest(PYODIDE, PYSCRIPT, micropip, stdlib, wheel, *service_worker, DEMO, Path(__file__))
    stamp = STAMPS / "site"
    if is_fresh(stamp, key, [SITE]):
        return SITE
    with step(f"building {SITE.relative_to(ROOT)}"):
        fresh = BUILD / "site.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(DEMO, fresh, ignore=IGNORED)
        shutil.copytree(PYSCRIPT, fresh / "pyscript")
        _place_pyodide(fresh / "pyodide", stdlib, micropip)
        (fresh / "wheels").mkdir()
        shutil.copy2(wheel, fresh / "wheels")
        run([PYTHON, "-m", "filesync_web", "service-worker", "--out", fresh, "--precache-dir", fresh])
        shutil.rmtree(SITE, ignore_errors=True)
        fresh.rename(SITE)
        write_stamp(stamp, key)
    return SITE


def compress(site: Path) -> None:
    """Write a brotli copy beside each file that gains by it, for servers that send it to browsers.

    Not for the demo on this machine: unpacking takes longer there than the bytes do.
    """
    files = [file for file in files_under(site) if file.suffix in COMPRESSIBLE and file.stat().st_size > 1024]
    with step("compressing the site"):
        run(["node", Path(__file__).with_name("compress.mjs"), *files])


def _place_pyodide(folder: Path, stdlib: Path, micropip: Path) -> None:
    """Copy the interpreter, its compiled library, and micropip with a lock that vouches for it.

    Pyodide's own lock names 357 packages that this site does not serve, and another hash for micropip than
    the wheel on PyPI has; the browser would refuse it.
    """
    folder.mkdir()
    for name in INTERPRETER:
        shutil.copy2(PYODIDE / name, folder)
    shutil.copy2(stdlib, folder)
    shutil.copy2(micropip, folder)
    lock = pyodide_lock()
    entry = lock["packages"]["micropip"]
    entry = {**entry, "file_name": micropip.name, "sha256": hashlib.sha256(micropip.read_bytes()).hexdigest()}
    (folder / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": {"micropip": entry}}))
