"""The site that tests run against: the product's, and the test pages under /testing/."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.common import build_lock
from tools.compress import ENCODINGS
from tools.pyodide_dist import build_pyodide_dist
from tools.site import build_site

COMPRESSED = shutil.ignore_patterns(*(f"*{encoding}" for encoding in ENCODINGS))
PAGES = Path(__file__).parent / "pages"


def build_test_site(into: Path) -> Path:
    """Bring the product's site up to date, and copy it and the test pages into a new folder.

    A copy, so that a build that runs meanwhile does not change the site under a test; without the compressed
    files, so that a test may change the others.
    """
    with build_lock():
        shutil.copytree(build_site(), into, ignore=COMPRESSED)
        shutil.copytree(PAGES, into / "testing")
        shutil.copytree(build_pyodide_dist(), into / "testing" / "pyodide")
    return into
