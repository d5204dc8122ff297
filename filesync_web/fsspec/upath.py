"""The path of universal_pathlib: `UPath("filesync://album/orders.csv")`."""

from __future__ import annotations

from fsspec import register_implementation
from upath import UPath

from filesync_web.fsspec.filesystem import FileSyncFileSystem

# universal_pathlib asks only file systems that were used already how their paths look.
register_implementation("filesync", FileSyncFileSystem, clobber=True)


class FileSyncPath(UPath):
    """A path of a file of a store; all that a `UPath` does is done by the file system."""
