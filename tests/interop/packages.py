"""The real LiveStore from npm, in `build/interop`, with the scripts of `node/` beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.common import BUILD, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.environment import require_node

SOURCE = Path(__file__).with_name("node")
FOLDER = BUILD / "interop"
PAGE = FOLDER / "site"


def ensure_livestore() -> Path:
    """Install exactly what package-lock.json says, without its install scripts; bundle worker and page.

    Returns:
        The folder in which the scripts run.
    """
    with build_lock():
        key = digest(SOURCE)
        stamp = STAMPS / "interop"
        fresh = is_fresh(stamp, key, [FOLDER / "worker.bundle.js", PAGE / "main.js"])
        shutil.copytree(SOURCE, FOLDER, dirs_exist_ok=True)
        if not fresh:
            require_node()
            with step("fetching LiveStore from npm"):
                run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER)
                run(["npm", "run", "build"], cwd=FOLDER)
                write_stamp(stamp, key)
    return FOLDER
