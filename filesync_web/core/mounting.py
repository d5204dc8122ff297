"""What a mounted tree and the platform's file system have to do with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MountedFile:
    """A file as a file system shows it; `size` in bytes, `modified_at` in milliseconds since the epoch."""

    file_id: str
    content_hash: str
    size: int
    modified_at: int


class Tree(Protocol):
    """The files by their paths, as of now, without awaiting. Paths are relative; "" is the root."""

    def find(self, path: str) -> MountedFile | None:
        """The file at a path, None for a folder; raises `FileNotFoundError`."""
        ...

    def names_in(self, folder: str) -> list[str]:
        """The names of what is in a folder."""
        ...

    def newest(self, count: int) -> list[MountedFile]:
        """The files that were made last."""
        ...


class Mounted(Protocol):
    """A tree that is mounted into the platform's file system."""

    async def prepare(self, contents: list[str]) -> None:
        """Let these contents be opened without awaiting, as far as they are on this device."""
        ...

    async def close(self) -> None:
        """Take the tree out of the file system; files that are open can be read on."""
        ...
