"""The documentation's site: made by MkDocs of what is in docs/, as mkdocs.yml says."""

from __future__ import annotations

from pathlib import Path

from tools.common import ROOT, run, step
from tools.environment import PYTHON

QUIET = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
"""Without advertisements for other versions of MkDocs."""


def build_docs(into: Path, config: Path = ROOT / "mkdocs.yml") -> None:
    """Build it into a folder, which it replaces.

    Raises:
        BuildError: a link leads nowhere, a page is in no navigation, a snippet or a docstring is missing.
    """
    with step("building the documentation"):
        # Not --quiet: it hides warnings from --strict as well.
        options: list[str | Path] = ["--strict", "--config-file", config, "--site-dir", into]
        run([PYTHON, "-m", "mkdocs", "build", *options], env=QUIET)
