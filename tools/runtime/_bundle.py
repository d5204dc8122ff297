"""Runs inside Pyodide: find the modules of the package that this one is in, all in one file beside it.

A file for each would have to be unpacked, looked for, opened and read, and a page's file system is slow: that
took as long as it takes to run the modules. All else is as with files: the packages have their folders, where
what is no module is.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder, SourcelessFileLoader
from importlib.util import spec_from_file_location
from pathlib import PurePosixPath
from types import CodeType

MODULES = "_bundle.bin"
"""The file: marshalled, by path below the package's parent, the marshalled code of each `.pyc` file."""


class _Loader(SourcelessFileLoader):
    """Loads a module as from its file, which is not there."""

    def __init__(self, name: str, path: str, code: bytes) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = marshal.loads(self._code)  # noqa: S302 - it came with this module
        return code


class BundleFinder:
    """Finds the modules of one bundle."""

    def __init__(self, folder: str, modules: Mapping[str, bytes]) -> None:
        """`folder` is where the package's folder is; `modules` are named by their paths below it."""
        self._folder = folder
        self._modules = modules

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """The module, if the bundle has it."""
        path = name.replace(".", "/")
        for place in (f"{path}.pyc", f"{path}/__init__.pyc"):
            if place in self._modules:
                location = f"{self._folder}/{place}"
                loader = _Loader(name, location, self._modules[place])
                return spec_from_file_location(name, location, loader=loader)
        return None


def install() -> None:
    """Find this package's modules in the bundle from now on, before their files are looked for."""
    package = PurePosixPath(__file__).parent
    with open(package / MODULES, "rb") as file:  # noqa: PTH123 - pathlib's is slower, and this is at start
        modules = marshal.load(file)  # noqa: S302 - it came with this module
    sys.meta_path.insert(sys.meta_path.index(PathFinder), BundleFinder(str(package.parent), modules))


install()
