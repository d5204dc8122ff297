"""JavaScript that is put together from several files, as a worker wants it.

A file says in its first line which others it needs: `// needs: opfs.js progress.js`. They share one scope: a
file uses the top-level names of those it needs, and no two files have the same name in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from filesync_web.errors import InvalidArgumentError

_NEEDS = re.compile(r"// needs: (?P<names>.*)")


def join_scripts(name: str, read: Callable[[str], str]) -> str:
    """The text of a script with everything that it needs in front of it, each file once.

    `read` gives the text of a file by its name, or raises `FileNotFoundError`.

    Raises `InvalidArgumentError`, with the way that leads there, when a file is missing or needs itself.
    """
    texts: dict[str, str] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise InvalidArgumentError(f"scripts need each other in a circle: {_way((*path, name))}")
        if name in texts:
            return
        try:
            text = read(name)
        except FileNotFoundError as error:
            raise InvalidArgumentError(f"a script is missing: {_way((*path, name))}") from error
        for needed in needed_scripts(text):
            add(needed, (*path, name))
        texts[name] = text

    add(name, ())
    return "\n".join(texts.values())


def needed_scripts(text: str) -> list[str]:
    """The names in the first line of a script, where it says what it needs."""
    found = _NEEDS.match(text)
    return found["names"].split() if found else []


def _way(names: tuple[str, ...]) -> str:
    return " -> ".join(names)
