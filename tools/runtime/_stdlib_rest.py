"""Runs inside Pyodide: complete the standard library when a module is imported that the start did not bring.

A site has the library in two files. The *first* is a zip of the modules that pages import while they start.
The *rest* is what that lacks to be the whole: put in the place of its directory, it makes one zip of all
modules, where the first was, so that everything is as if it had been there from the beginning. Until then the
library can be imported, but not listed (`pkgutil`, `importlib.resources`).
"""

from __future__ import annotations

import os
import struct
import sys
import zipimport
from collections.abc import Callable, Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

NAMES = "_stdlib_rest.txt"
"""The file beside this module that names the modules of the rest, one a line."""

_END = struct.Struct("<4s4H2LH")
"""The last record of a zip: what is needed of it are the size of the directory and where that begins."""


class RestFinder:
    """Sees each import before the library is searched, and completes it for those that need the rest."""

    def __init__(self, archive: str, modules: Iterable[str], fetch: Callable[[], bytes]) -> None:
        """`fetch` returns the rest, while the importer waits."""
        self._archive = Path(archive)
        self._modules = frozenset(modules)
        self._fetch = fetch

    @property
    def is_needed(self) -> bool:
        """Whether the rest is still missing."""
        return self in sys.meta_path

    def find_spec(self, name: str, _path: object = None, _target: ModuleType | None = None) -> None:
        """Complete the library if it is to have the module; the finders after this one will find it there.

        Raises:
            ImportError: the rest could not be had.
        """
        if name not in self._modules or not self.is_needed:
            return
        try:
            self.complete(self._fetch())
        except Exception as error:
            reason = f"{name} is in a part of the standard library that did not arrive: {error}"
            raise ImportError(reason, name=name) from error

    def complete_with(self, js_rest: Any) -> None:
        """Like `complete`, with a `Uint8Array`."""
        self.complete(js_rest.to_bytes())

    def complete(self, rest: bytes) -> None:
        """Add the rest to the library, unless that has been done."""
        if not self.is_needed:
            return
        with self._archive.open("rb+") as file:
            join(file, rest)
        sys.meta_path.remove(self)
        for importer in list(sys.path_importer_cache.values()):
            if isinstance(importer, zipimport.zipimporter) and importer.archive == str(self._archive):
                importer.invalidate_caches()


def install(js_fetch: Callable[[], Any]) -> RestFinder:
    """Begin to complete the library that this module is in. `js_fetch` returns a `Uint8Array`."""
    library: Any = zipimport.zipimporter(__file__.rpartition("/")[0])
    modules = library.get_data(f"{library.archive}/{NAMES}").decode().split()
    finder = RestFinder(library.archive, modules, lambda: js_fetch().to_bytes())
    place = sys.meta_path.index(PathFinder)
    sys.meta_path.insert(place, finder)
    return finder


def join(first: BinaryIO, rest: bytes) -> None:
    """Make the whole zip of the first, in place.

    Raises:
        ValueError: they are not of one build; nothing was written.
    """
    first.seek(-_END.size, os.SEEK_END)
    size, start = _directory(first.read())
    first.seek(start)
    directory = first.read(size)
    whole_size, whole_start = _directory(rest[-_END.size :])
    place = whole_start - start  # of the whole directory, which begins with the first's
    follows = place >= 0 and place + whole_size + _END.size == len(rest)
    if not follows or rest[place : place + size] != directory:
        raise ValueError("it is of another build than the part that is here; load the page again")
    first.seek(start)
    first.write(rest)


def _directory(end: bytes) -> tuple[int, int]:
    """The size of a zip's directory, and where it begins; of its last record."""
    if len(end) < _END.size:
        return 0, 0
    *_, size, start, _comment = _END.unpack(end)
    return size, start
