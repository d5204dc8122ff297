"""The real LiveStore from npm, in `build/interop`, with the scripts of `node/` beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.common import BUILD, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.environment import require_node

SOURCE = Path(__file__).with_name("node")
FOLDER = BUILD / "interop"
PAGE = FOLDER / "site"

_PACKAGES = [SOURCE / "package.json", SOURCE / "package-lock.json"]
_BUNDLED = [*_PACKAGES, SOURCE / "worker.mjs", SOURCE / "wait.mjs", SOURCE / "page"]


def ensure_livestore() -> Path:
    """Install exactly what package-lock.json says, without its install scripts; bundle worker and page.

    Returns:
        The folder in which the scripts run.
    """
    with build_lock():
        shutil.copytree(SOURCE, FOLDER, dirs_exist_ok=True)
        fetch: list[str | Path] = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        _once("interop", fetch, _PACKAGES, [FOLDER / "node_modules"])
        outputs = [FOLDER / "worker.bundle.js", PAGE / "main.js"]
        _once("interop-bundles", ["npm", "run", "build"], _BUNDLED, outputs)
    return FOLDER


def _once(name: str, command: list[str | Path], inputs: list[Path], outputs: list[Path]) -> None:
    """Run the command, unless it ran with these inputs before."""
    key = digest(*inputs)
    stamp = STAMPS / name
    if not is_fresh(stamp, key, outputs):
        require_node()
        with step(f"LiveStore: {' '.join(map(str, command[:3]))}"):
            run(command, cwd=FOLDER)
            write_stamp(stamp, key)
