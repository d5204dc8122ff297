"""What a site serves, as a software bill of materials: CycloneDX 1.5, in JSON.

Each file of the site is listed once, with its SHA-256, below the package that it comes from. PyScript's files
are bundles; the packages that its own `package.json` names are listed as what it depends on.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from tools.common import ROOT, files_under
from tools.packages import pyodide_lock

Component = dict[str, Any]
PYSCRIPT, PYODIDE = "@pyscript/core", "pyodide"


def write_sbom(site: Path, into: Path) -> Path:
    """Write the bill of a site into a file, and return it. The same site gives the same bytes."""
    into.write_text(json.dumps(sbom(site), indent=1) + "\n")
    return into


def sbom(site: Path) -> dict[str, Any]:
    """The bill of a site."""
    locked = _locked()
    bundled = {name: _npm(name, about) for name, about in locked.items() if name != PYODIDE}
    ours, python, micropip = _ours(), _python(), _micropip()
    pyodide = _npm(PYODIDE, locked[PYODIDE])
    for file in files_under(site):
        path = file.relative_to(site)
        if path.name.startswith("micropip-"):
            owner = micropip
        elif path.name.startswith("python_stdlib"):
            owner = python
        else:
            owner = {"pyodide": pyodide, "pyscript": bundled[PYSCRIPT]}.get(path.parts[0], ours)
        owner.setdefault("components", []).append(_file(path, file))
    components = [ours, pyodide, python, micropip, *bundled.values()]
    needs = sorted(_ref(one) for name, one in bundled.items() if name != PYSCRIPT)
    whole = {"type": "application", "name": "filesync-web site", "version": _version()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": [{"ref": _ref(bundled[PYSCRIPT]), "dependsOn": needs}],
    }


def _locked() -> dict[str, dict[str, Any]]:
    """The npm packages in a site by their path in `node_modules`, without what only a check or Node needs."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    under_node = packages[f"node_modules/{PYODIDE}"].get("dependencies", {})
    found = {path.removeprefix("node_modules/"): about for path, about in packages.items() if path}
    return {name: about for name, about in found.items() if not about.get("dev") and name not in under_node}


def _npm(path: str, about: dict[str, Any]) -> Component:
    name, version = path.rpartition("node_modules/")[2], about["version"]
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    ref = purl if path == name else f"{purl}#{path}"
    return _component(name, version, purl, ref, about["license"])


def _ours() -> Component:
    return _component("filesync-web", _version(), f"pkg:pypi/filesync-web@{_version()}", None, "MIT")


def _python() -> Component:
    version = str(pyodide_lock()["info"]["python"])
    return _component("python", version, f"pkg:generic/python@{version}", None, "PSF-2.0")


def _micropip() -> Component:
    version = str(pyodide_lock()["packages"]["micropip"]["version"])
    return _component("micropip", version, f"pkg:pypi/micropip@{version}", None, "MPL-2.0")


def _component(name: str, version: str, purl: str, ref: str | None, license_name: str) -> Component:
    found = {"type": "library", "bom-ref": ref or purl, "name": name, "version": version, "purl": purl}
    return {**found, "licenses": [{"expression": license_name.replace("APACHE", "Apache")}]}


def _file(path: Path, file: Path) -> Component:
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"type": "file", "name": path.as_posix(), "hashes": [{"alg": "SHA-256", "content": content}]}


def _ref(component: Component) -> str:
    return str(component["bom-ref"])


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
