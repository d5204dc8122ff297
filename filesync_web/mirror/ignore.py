"""What a mirror leaves alone: patterns as in a `.gitignore`, from the command and from the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pathspec import GitIgnoreSpec

from filesync_web.errors import InvalidArgumentError
from filesync_web.mirror.decisions.names import is_temporary
from filesync_web.mirror.plain_files import open_plain

IGNORE_FILE = ".filesyncignore"
"""At the top of the folder; it is mirrored like any other file."""


class Ignored:
    """The patterns that count now. Raises `InvalidArgumentError` when they cannot be read or used: what they
    leave out must not be touched then."""

    def __init__(self, patterns: Iterable[str], folder: Path) -> None:
        try:
            self._spec = GitIgnoreSpec.from_lines([*_lines(folder / IGNORE_FILE), *patterns])
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"the patterns to ignore, of {folder / IGNORE_FILE} and --ignore, cannot be used: {error}"
            ) from error
        self._is_empty = not self._spec.patterns

    def matches(self, path: str) -> bool:
        """Whether that path is left alone; one of a folder ends with a slash."""
        return is_temporary(path) or (not self._is_empty and self._spec.match_file(path))


def _lines(path: Path) -> list[str]:
    """The lines of a plain file; none when it is not there."""
    try:
        with os.fdopen(open_plain(path), encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
