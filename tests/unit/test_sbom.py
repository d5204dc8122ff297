"""The bill of materials names each file that a site serves, and the versions that it is made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tools.common import ROOT
from tools.sbom import sbom, write_sbom

FILES = {
    "index.html": "filesync-web",
    "wheels/filesync_web-0.1.0-cp314-none-any.whl": "filesync-web",
    "pyodide/pyodide.asm.wasm": "pyodide",
    "pyodide/python_stdlib.zip": "python",
    "pyodide/micropip-1.whl": "micropip",
    "pyscript/core.js": "@pyscript/core",
}


def make_site(folder: Path) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_each_file_is_listed_once_below_its_package(tmp_path: Path) -> None:
    bill = sbom(make_site(tmp_path))
    listed = [(file, one["name"]) for one in bill["components"] for file in one.get("components", [])]
    assert {file["name"]: owner for file, owner in listed} == FILES
    assert len(listed) == len(FILES)
    for file, _owner in listed:
        assert file["hashes"][0]["content"] == hashlib.sha256(file["name"].encode()).hexdigest()


def test_versions_and_licences_are_those_of_the_lock(tmp_path: Path) -> None:
    components = sbom(make_site(tmp_path))["components"]
    versions = {one["name"]: one["version"] for one in components}
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert wanted.items() <= versions.items()
    assert "eslint" not in versions
    assert "ws" not in versions  # Node alone needs it
    assert len({one["bom-ref"] for one in components}) == len(components)
    assert all(one["licenses"][0]["expression"] for one in components)


def test_the_same_site_gives_the_same_bytes(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    first, second = (write_sbom(site, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
