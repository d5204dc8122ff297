"""The documentation's site: made by MkDocs of what is in docs/, as mkdocs.yml says."""

from __future__ import annotations

from pathlib import Path

from tools.common import BUILD, ROOT, STAMPS, digest, is_fresh, run, step, write_stamp
from tools.environment import PYTHON

SOURCES = (
    *("docs", "filesync_web", "filesync_server", "examples", "tests", "tools"),
    *("mkdocs.yml", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt"),
)
"""What it is made of: pages, docstrings, and code that pages show."""

QUIET = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
"""Without advertisements for other versions of MkDocs."""


def ensure_docs() -> Path:
    """Bring build/docs up to date with its sources, and return it."""
    folder, stamp = BUILD / "docs", STAMPS / "docs"
    key = digest(*(ROOT / name for name in SOURCES))
    if not is_fresh(stamp, key, [folder]):
        build_docs(folder)
        write_stamp(stamp, key)
    return folder


def build_docs(into: Path, config: Path = ROOT / "mkdocs.yml") -> None:
    """Build it into a folder, which it replaces.

    Raises:
        BuildError: a link leads nowhere, a page is in no navigation, a snippet or a docstring is missing.
    """
    with step("building the documentation"):
        # Not --quiet: it hides warnings from --strict as well.
        options: list[str | Path] = ["--strict", "--config-file", config, "--site-dir", into]
        run([PYTHON, "-m", "mkdocs", "build", *options], env=QUIET)
