"""What a mirror leaves alone: patterns as in a `.gitignore`, from the command and from the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pathspec import GitIgnoreSpec

from filesync_web.errors import InvalidArgumentError
from filesync_web.mirror.decisions.names import is_temporary

IGNORE_FILE = ".filesyncignore"
"""At the top of the folder; it is mirrored like any other file."""


class Ignored:
    """The patterns that count now. Raises `InvalidArgumentError` for what is no pattern, `OSError` when the
    file cannot be read: what it would have left out must not be touched then."""

    def __init__(self, patterns: Iterable[str], folder: Path) -> None:
        try:
            lines = (folder / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        try:
            self._spec = GitIgnoreSpec.from_lines([*lines, *patterns])
        except ValueError as error:
            raise InvalidArgumentError(f"these patterns to ignore cannot be used: {error}") from error
        self._is_empty = not self._spec.patterns

    def matches(self, path: str) -> bool:
        """Whether that path is left alone; one of a folder ends with a slash."""
        return is_temporary(path) or (not self._is_empty and self._spec.match_file(path))
