"""The static site: everything a browser needs, from one origin, under stable paths.

/                       the demo, its modules compiled
/pyodide/               the interpreter, its standard library, and a lock that names micropip only
/pyscript/              PyScript
/wheels/                our wheel for browsers, which micropip installs
/filesync-sw.js         the generated service worker, which keeps all of it for opening offline
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, BuildError, digest, is_fresh, run, step, write_stamp
from tools.environment import PYTHON
from tools.packages import (
    COMPILER,
    PYODIDE,
    PYSCRIPT,
    compile_zip,
    ensure_micropip,
    ensure_npm_packages,
    members_of,
    pyodide_lock,
    variant,
    zip_of,
)
from tools.site_wheel import ensure_site_wheel
from tools.stdlib import RUNTIME, ensure_stdlib

SERVICE_WORKER = "filesync-sw.js"
DEMO = ROOT / "demo"
CONFIG = "pyscript.json"
MODULES = "gallery.zip"
INTERPRETER = {
    "pyodide.mjs": "pyodide.stock.mjs",
    "pyodide.asm.mjs": "pyodide.asm.mjs",
    "pyodide.asm.wasm": "pyodide.asm.wasm",
}
"""What is taken from Pyodide, and under which name. `pyodide.mjs`, which starts theirs, and
`pyodide.without-jspi.mjs` are ours."""
LARGE = ("pyodide.asm.wasm", "python_stdlib.zip")
"""What takes most of a start's time, beside the wheel."""
SIZES = '  <script id="loading-sizes" type="application/json">{}</script>\n'
"""The line of the page that the build fills in."""
NOT_PRECACHED = ("pyscript/codemirror*", "pyscript/xterm*", "pyscript/zip-*")
"""What PyScript loads for its editor and terminal: the site has it for pages that want them."""
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def build_site(*, deflated: bool = False) -> Path:
    """Bring build/site up to date with its sources, fetching what is missing, and return it.

    It is replaced as a whole, so that a server that runs meanwhile serves the old one or the new one.

    Args:
        deflated: for hosts that compress no zip and no wheel; it is in a folder of its own.
    """
    ensure_npm_packages()
    micropip, stdlib = ensure_micropip(), ensure_stdlib(deflated=deflated)
    wheel = ensure_site_wheel(deflated=deflated)
    name = variant("site", deflated)
    site, stamp = BUILD / name, STAMPS / name
    service_worker = (ROOT / "filesync_web", ROOT / "sw")
    demo = (DEMO, *COMPILER, Path(__file__))
    key = digest(PYODIDE, PYSCRIPT, RUNTIME, micropip, *stdlib, wheel, *service_worker, *demo)
    if is_fresh(stamp, key, [site]):
        return site
    with step(f"building {site.relative_to(ROOT)}"):
        fresh = BUILD / "site.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(DEMO, fresh, ignore=IGNORED)
        shutil.copytree(PYSCRIPT, fresh / "pyscript")
        _place_pyodide(fresh / "pyodide", stdlib, micropip)
        (fresh / "wheels").mkdir()
        shutil.copy2(wheel, fresh / "wheels")
        _bundle_modules(fresh, deflated=deflated)
        _complete_page(fresh, f"wheels/{wheel.name}")
        _write_service_worker(fresh)
        shutil.rmtree(site, ignore_errors=True)
        fresh.rename(site)
        write_stamp(stamp, key)
    return site


def _bundle_modules(site: Path, *, deflated: bool) -> None:
    """Put the demo's modules into one file, compiled: a page then fetches one instead of fifty, and compiles
    none, which took it half a second."""
    config = site / CONFIG
    settings = json.loads(config.read_text())
    names = [name for name in settings["files"] if name.endswith(".py")]
    sources = zip_of({str(Path(name)): (site / name).read_bytes() for name in names})
    compiled = members_of(compile_zip(sources, ""))
    (site / MODULES).write_bytes(zip_of(compiled, deflated=deflated))
    for name in names:
        (site / name).unlink()
        del settings["files"][name]
    settings["files"][f"./{MODULES}"] = "./*"
    config.write_text(json.dumps(settings))


def _place_pyodide(folder: Path, stdlib: Iterable[Path], micropip: Path) -> None:
    """Copy the interpreter, its compiled library, and micropip with a lock that vouches for it.

    Pyodide's own lock names 357 packages that this site does not serve, and another hash for micropip than
    the wheel on PyPI has; the browser would refuse it.
    """
    folder.mkdir()
    for name, ours in INTERPRETER.items():
        shutil.copy2(PYODIDE / name, folder / ours)
    for file in (*RUNTIME.glob("*.mjs"), *stdlib, micropip):
        shutil.copy2(file, folder)
    lock = pyodide_lock()
    entry = lock["packages"]["micropip"]
    entry = {**entry, "file_name": micropip.name, "sha256": hashlib.sha256(micropip.read_bytes()).hexdigest()}
    (folder / "pyodide-lock.json").write_text(json.dumps({**lock, "packages": {"micropip": entry}}))


def _write_service_worker(site: Path) -> None:
    left_out = [word for pattern in NOT_PRECACHED for word in ("--exclude", pattern)]
    command: list[str | Path] = [PYTHON, "-m", "filesync_web", "service-worker"]
    run([*command, "--out", site, "--precache-dir", site, *left_out])


def _complete_page(site: Path, wheel: str) -> None:
    """Write into the page what only the build knows.

    The sizes of large files, of which the page shows how much has arrived; and what PyScript fetches once the
    interpreter runs, so that the browser fetches it meanwhile.
    """
    page = site / "index.html"
    text = page.read_text()
    if text.count(SIZES) != 1:
        raise BuildError(f"demo/index.html should have this line once: {SIZES.strip()}")
    large = [*(f"pyodide/{name}" for name in LARGE), wheel]
    sizes = json.dumps({f"./{name}": (site / name).stat().st_size for name in large})
    files = json.loads((site / CONFIG).read_text())["files"]
    preload = '  <link rel="preload" href="{}" as="fetch" fetchpriority="low" crossorigin>\n'
    page.write_text(text.replace(SIZES, "".join([*map(preload.format, files), SIZES.replace("{}", sizes)])))
