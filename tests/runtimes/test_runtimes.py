"""Pyodide outside of a browser: the kit says what is missing there, and what needs no storage works."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools.common import BUILD, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.environment import require_node
from tools.packages import PYODIDE, ensure_npm_packages, ensure_wheel

HERE = Path(__file__).parent
RUNTIMES = ["Node", pytest.param("Deno", marks=pytest.mark.thorough)]
DENO = BUILD / "runtimes"
"""Deno comes from npm like the rest, for this test alone."""


def ensure_deno() -> Path:
    """Fetch what package-lock.json says, and return the program."""
    program = DENO / "node_modules" / ".bin" / "deno"
    packages = [HERE / ".npmrc", HERE / "package.json", HERE / "package-lock.json"]
    key, stamp = digest(*packages), STAMPS / "runtimes"
    with build_lock():
        if not is_fresh(stamp, key, [program]):
            require_node()
            DENO.mkdir(parents=True, exist_ok=True)
            for file in packages:
                shutil.copy2(file, DENO)
            with step("fetching Deno from npm"):
                run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=DENO)
                write_stamp(stamp, key)
    return program


@cache
def found_in(runtime: str) -> Any:
    """What `in_memory.py` prints there."""
    with build_lock():
        ensure_npm_packages()
        wheel = ensure_wheel()
    command: list[str | Path] = ["node"]
    if runtime == "Deno":
        command = [ensure_deno(), "run", "--allow-read", "--allow-env", "--no-prompt"]
    command += [HERE / "run.mjs", PYODIDE, wheel, HERE / "in_memory.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_missing_is_said(runtime: str) -> None:
    (kind, words), (of_worker, _words) = found_in(runtime)["refusals"]
    assert kind == "StorageUnavailableError"
    assert f"Pyodide in {runtime}" in words
    assert "IndexedDB, OPFS" in words
    assert ("Web Locks" in words) == (runtime == "Node")
    assert "filesync-web[native]" in words
    assert of_worker == "ServiceWorkerError"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_files_are_saved_and_transferred_with_the_fakes(runtime: str) -> None:
    assert found_in(runtime)["transferred"] == ["a picture", "a picture"]
