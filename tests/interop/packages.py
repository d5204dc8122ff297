"""The real LiveStore and livestore-filesync from npm, each with the scripts that a folder here has for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.common import BUILD, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.environment import require_node

HERE = Path(__file__).parent
FOLDER = BUILD / "interop"
PAGE = FOLDER / "site"


def ensure_livestore() -> Path:
    """Fetch LiveStore, and bundle worker and page.

    Returns:
        The folder in which the scripts run.
    """
    outputs = [FOLDER / "worker.bundle.js", PAGE / "main.js"]
    return _ensure(HERE / "node", FOLDER, ["worker.mjs", "wait.mjs", "page"], outputs)


def ensure_signers() -> Path:
    """Fetch the signers of livestore-filesync and its signer client, and bundle the worker.

    Returns:
        The folder in which the scripts run.
    """
    folder = BUILD / "interop-signers"
    return _ensure(HERE / "signers", folder, ["worker.mjs"], [folder / "worker.bundle.js"])


def _ensure(source: Path, folder: Path, bundled: list[str], outputs: list[Path]) -> Path:
    """Install exactly what package-lock.json says, without its install scripts, and make the bundles."""
    with build_lock():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        packages = [source / "package.json", source / "package-lock.json"]
        fetch: list[str | Path] = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        _once(folder, folder.name, fetch, packages, [folder / "node_modules"])
        inputs = [*packages, *(source / name for name in bundled)]
        _once(folder, f"{folder.name}-bundles", ["npm", "run", "build"], inputs, outputs)
    return folder


def _once(
    folder: Path, name: str, command: list[str | Path], inputs: list[Path], outputs: list[Path]
) -> None:
    """Run the command, unless it ran with these inputs before."""
    key = digest(*inputs)
    stamp = STAMPS / name
    if not is_fresh(stamp, key, outputs):
        require_node()
        with step(f"{folder.name}: {' '.join(map(str, command[:3]))}"):
            run(command, cwd=folder)
            write_stamp(stamp, key)
