"""What a mounted tree and the platform's file system have to do with each other.

Nothing here awaits: a file system cannot. Paths are relative; "" is the root.
"""

from __future__ import annotations

from typing import Protocol

from filesync_web.core.drafts import Draft
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.open_bytes import RandomAccess


@dataclass(frozen=True, slots=True)
class MountedFile:
    """A stored file as a file system shows it; `size` in bytes, `modified_at` in milliseconds since the
    epoch."""

    file_id: str
    content_hash: str
    size: int
    modified_at: int


class Contents(Protocol):
    """The bytes of files, at once."""

    def open(self, file: MountedFile) -> RandomAccess:
        """The stored bytes of a file; raises `OSError`."""
        ...

    def new_draft(self) -> Draft:
        """A new, empty file to be written, for many bytes."""
        ...


class Entry(Protocol):
    """A file, the same for all who have it open; `modified_at` in milliseconds since the epoch."""

    @property
    def file_id(self) -> str | None:
        """None for a file that is not saved yet."""
        ...

    @property
    def size(self) -> int: ...

    @property
    def modified_at(self) -> float: ...

    def open(self, contents: Contents, *, to_write: bool) -> None:
        """One more has it open; raises `OSError` when its bytes cannot be had."""
        ...

    def close(self, *, to_write: bool) -> None:
        """One less has it open."""
        ...

    def read(self, position: int, length: int) -> memoryview:
        """What is there of these bytes; for those who have it open."""
        ...

    def write(self, position: int, data: bytes) -> None:
        """Change or add bytes; for those who have it open."""
        ...

    def truncate(self, size: int, contents: Contents) -> None:
        """Cut bytes off, or add zeros; raises `OSError` when its bytes cannot be had."""
        ...


class Tree(Protocol):
    """The files by their paths, as of now. Changes show at once, and are committed in the background."""

    def find(self, path: str) -> Entry | None:
        """The file at a path, None for a folder; raises `FileNotFoundError`."""
        ...

    def is_folder(self, path: str) -> bool:
        """Whether a folder is at a path, False for a file; raises `FileNotFoundError`. Costs less than
        `find`."""
        ...

    def names_in(self, folder: str) -> list[str]:
        """The names of what is in a folder."""
        ...

    def create(self, path: str) -> Entry:
        """A new, empty file; raises `OSError` for a name that is too long."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over a file if need be, or a folder, over an empty one; raises `OSError`."""
        ...

    def make_folder(self, path: str) -> None:
        """Make an empty folder; it is not kept until something is in it."""
        ...

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder; raises `OSError` when it is not."""
        ...


class Mounted(Protocol):
    """A tree that is mounted into the platform's file system."""

    async def prepare(self, contents: list[str]) -> None:
        """Let these contents be opened without awaiting, as far as they are on this device."""
        ...

    async def close(self) -> None:
        """Take the tree out of the file system; files that are open can be read on."""
        ...
