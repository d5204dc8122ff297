"""Pyodide as tests use it: the site's, with pytest, tblib, the libraries of docs/fsspec.md and our whole
package in its lock.

pytest-pyodide calls such a folder the dist dir. Its decorators read the lock when test modules are imported:
with pytest there, a failing assert in a page says as much as one on the host; with tblib, an exception
arrives with its traceback. A page would compile pytest for as long as it takes to start: all come compiled.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, digest, is_fresh, step, write_stamp
from tools.packages import (
    COMPILER,
    PYODIDE,
    compile_zip,
    ensure_wheel,
    fetch_wheels,
    members_of,
    zip_of,
)
from tools.site import build_site

PYODIDE_DIST = BUILD / "pyodide-dist"
PACKAGES: dict[str, tuple[str, ...]] = {
    "apsw": (),
    "et-xmlfile": (),
    "fsspec": (),
    "iniconfig": (),
    "openpyxl": ("et-xmlfile",),
    "packaging": (),
    "pathlib-abc": (),
    "pluggy": (),
    "pygments": (),
    "pypdf": (),
    "pytest": ("iniconfig", "packaging", "pluggy", "pygments"),
    "tblib": (),
    "universal-pathlib": ("fsspec", "pathlib-abc"),
}
"""What comes from PyPI, and what each needs of it in a browser; in the versions that the host uses."""
NEVER_IMPORTED = re.compile(
    r"pygments/(styles|filters|lexers|formatters)/(?!__init__|_mapping|python\.|diff\.|terminal\.)"
)
"""Of the largest of them, the hundreds of files that pytest does not use, and each page would unpack."""


def build_pyodide_dist() -> Path:
    """Bring build/pyodide-dist up to date with the site, fetching what is missing, and return it."""
    pyodide = build_site() / "pyodide"
    wheels = [*_fetch_packages(), ensure_wheel()]
    key = digest(pyodide, *wheels, PYODIDE, *COMPILER, Path(__file__))
    stamp = STAMPS / PYODIDE_DIST.name
    if is_fresh(stamp, key, [PYODIDE_DIST]):
        return PYODIDE_DIST
    with step(f"building {PYODIDE_DIST.relative_to(ROOT)}"):
        shutil.rmtree(PYODIDE_DIST, ignore_errors=True)
        shutil.copytree(pyodide, PYODIDE_DIST, ignore=shutil.ignore_patterns("*.br", "*.gz"))
        lock = json.loads((PYODIDE_DIST / "pyodide-lock.json").read_text())
        python = ".".join(str(lock["info"]["python"]).split(".")[:2])
        for name, content in compiled_wheels(wheels, f"/lib/python{python}/site-packages/").items():
            wheel = PYODIDE_DIST / name
            wheel.write_bytes(content)
            entry = lock_entry(wheel, PACKAGES)
            lock["packages"][entry["name"]] = entry
        (PYODIDE_DIST / "pyodide-lock.json").write_text(json.dumps(lock))
        write_stamp(stamp, key)
    return PYODIDE_DIST


def _fetch_packages() -> list[Path]:
    constraints = (ROOT / "constraints.txt").read_text().lower()
    found = re.findall(r"^([\w.-]+)==(\S+)$", constraints, re.MULTILINE)
    pinned = {name.replace("_", "-"): version for name, version in found}
    return fetch_wheels(BUILD / "pyodide-packages", *(f"{name}=={pinned[name]}" for name in PACKAGES))


def compiled_wheels(wheels: Sequence[Path], folder: str) -> dict[str, bytes]:
    """The wheels by their names, with their modules compiled, all at once.

    Args:
        folder: where they will be installed; pytest tells its own part of a traceback by it.
    """
    owners: dict[str, str] = {}
    sources: dict[str, bytes] = {}
    for wheel in wheels:
        members = {
            name: content
            for name, content in members_of(wheel.read_bytes()).items()
            if not NEVER_IMPORTED.match(name)
        }
        owners.update(dict.fromkeys(members, wheel.name))
        sources.update(members)
    parts: dict[str, dict[str, bytes]] = {wheel.name: {} for wheel in wheels}
    for name, content in members_of(compile_zip(zip_of(sources), folder)).items():
        parts[owners.get(name) or owners[name.removesuffix("c")]][name] = content
    return {name: zip_of(members) for name, members in parts.items()}


def lock_entry(wheel: Path, needs: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """What Pyodide's lock says of a wheel beside it; `needs` are the packages that each package needs."""
    module, version = wheel.name.split("-")[:2]
    name = module.replace("_", "-")
    return {
        "name": name,
        "version": version,
        "file_name": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "install_dir": "site",
        "package_type": "package",
        "imports": [module],
        "depends": list(needs.get(name, ())),
        "unvendored_tests": False,
    }
