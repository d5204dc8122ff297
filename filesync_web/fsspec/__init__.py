"""Synced files for whatever opens files by fsspec: pandas, pyarrow, polars, DuckDB, Dask, universal_pathlib.

    import pandas as pd

    orders = pd.read_csv("filesync://album/orders.csv")
    orders.to_parquet("filesync://album/orders.parquet")

Needs the package `fsspec` (the extra `filesync-web[fsspec]`), and is imported when it is used only.
"""

from filesync_web.fsspec.errors import (
    AccessRefusedError,
    CannotWaitError,
    FileIOError,
    FolderError,
    FolderNotEmptyError,
    NotAFolderError,
    PathTakenError,
    UnsupportedModeError,
)
from filesync_web.fsspec.filesystem import FileSyncFileSystem

__all__ = [
    "AccessRefusedError",
    "CannotWaitError",
    "FileIOError",
    "FileSyncFileSystem",
    "FolderError",
    "FolderNotEmptyError",
    "NotAFolderError",
    "PathTakenError",
    "UnsupportedModeError",
]
