"""What the documentation's site has beside the pages in docs/: MkDocs calls these functions while it builds.

- A page of the reference names modules in its header, and gets the public names that are defined there:

      ---
      names:
        of: filesync_web
        in: [filesync_web.api.files, filesync_web.core.records]
      ---

  A name belongs to the page with the longest prefix of its module. So each public name is on exactly one
  page, and a new name needs no line anywhere.
- CHANGELOG.md and CONTRIBUTING.md are pages, where they are.

Whatever is wrong is a warning, which ends a strict build.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import meta

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "filesync_web",
    "filesync_web.testing",
    "filesync_web.fsspec",
    "filesync_web.inspector",
    "filesync_web.notebook",
    "filesync_server",
)
"""The modules whose `__all__` is public."""
AT_THE_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LOG = logging.getLogger("mkdocs.hooks")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for name, page in AT_THE_ROOT.items():
        text = (ROOT / name).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files at the root lead to their pages, and complete a page of the reference."""
    for name, target in AT_THE_ROOT.items():
        markdown = re.sub(rf"\]\((\.\./)+{re.escape(name)}", f"]({page_path(page, target)}", markdown)
    wanted = page.meta.get("names")
    if not wanted:
        return markdown
    of = wanted["of"]
    mine = [name for name, home in homes(of, tuple(claims(config, of))).items() if home == page.file.src_path]
    mine.sort(key=lambda name: (name[0].isupper(), name))  # functions first
    return "\n".join([markdown, *(entry(of, name) for name in mine)])


def page_path(page: Page, target: str) -> str:
    """A link from a page to one at the root of the site."""
    return "../" * page.file.src_path.count("/") + target


def entry(of: str, name: str) -> str:
    """The line that mkdocstrings replaces by the documentation of a name."""
    found = public(of)[name]
    if not found.has_docstring:
        LOG.warning("%s.%s is public and has no docstring", of, name)
    return f"::: {of}.{name}\n"


def claims(config: MkDocsConfig, of: str) -> list[tuple[str, str]]:
    """Which page documents what is defined below which prefix."""
    found: list[tuple[str, str]] = []
    for path in sorted(Path(config.docs_dir).rglob("*.md")):
        wanted: dict[str, Any] = meta.get_data(path.read_text())[1].get("names", {})
        if wanted.get("of") == of:
            source = path.relative_to(config.docs_dir).as_posix()
            found += [(prefix, source) for prefix in wanted["in"]]
    return found


@cache
def homes(of: str, claimed: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The page of each public name of a module."""
    found: dict[str, str] = {}
    for name, item in public(of).items():
        fitting = [claim for claim in claimed if f"{item.path}.".startswith(f"{claim[0]}.")]
        if fitting:
            found[name] = max(fitting, key=lambda claim: len(claim[0]))[1]
        else:
            LOG.warning("%s.%s, defined as %s, is on no page of the reference", of, name, item.path)
    return found


@cache
def public(module: str) -> dict[str, griffe.Object]:
    """The public names of a module, sorted, with what they stand for. Nothing is imported or executed."""
    package, _, below = module.partition(".")
    loaded = _load(package)
    found = loaded[below] if below else loaded
    names = {str(name): found[str(name)] for name in found.exports or ()}
    return {name: item.final_target if item.is_alias else item for name, item in sorted(names.items())}


@cache
def _load(package: str) -> griffe.Object | griffe.Alias:
    return griffe.load(package, search_paths=[ROOT], resolve_aliases=True, resolve_external=False)
