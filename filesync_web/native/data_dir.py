"""Where a process keeps its stores when nobody says where: the user's folder for data of programs."""

from __future__ import annotations

from pathlib import Path

APP_NAME = "filesync"


def default_data_dir() -> Path:
    """The folder, which need not exist: `~/.local/share/filesync` on Linux. Raises `ModuleNotFoundError`
    without the package `platformdirs`."""
    import platformdirs

    return platformdirs.user_data_path(APP_NAME)
