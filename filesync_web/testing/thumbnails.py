"""Thumbnails in memory, for tests of what shows them: none is really drawn."""

from __future__ import annotations

from collections.abc import Iterable

from filesync_web.core.raster import Raster
from filesync_web.core.thumbnails import Recipe
from filesync_web.errors import BlobNotFoundError
from filesync_web.testing.blobs import MemoryBlobStore


class MemoryThumbnails:
    """The `ThumbnailStore` port over a `MemoryBlobStore`.

    What begins with `broken` is no picture; of everything else the thumbnail is as grey as its first byte.
    `made` lists the names in the order in which they were made.
    """

    def __init__(self, blobs: MemoryBlobStore) -> None:
        self.made: list[str] = []
        self.kept: dict[str, bytes] = {}
        self._blobs = blobs

    async def find(self, name: str) -> str | None:
        """A `memory:` URL."""
        return f"memory:{name}" if name in self.kept else None

    async def make(self, content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
        """Make one, of the blob's first bytes."""
        del mime_type
        name = recipe.name_for(content_hash)
        if name in self.kept:
            return True
        data = self._blobs.blobs.get(content_hash)
        if data is None:
            raise BlobNotFoundError(f"no bytes are stored here under {content_hash}")
        if data.startswith(b"broken"):
            return False
        self.kept[name] = data[:16]
        self.made.append(name)
        return True

    async def raster(self, name: str, *, longest: int) -> Raster | None:
        """A square of one colour."""
        grey = self.kept.get(name)
        return None if grey is None else Raster(longest, longest, (grey[:1] * 3 + b"\xff") * longest**2)

    async def sizes(self) -> dict[str, int]:
        """All names with their sizes."""
        return {name: len(data) for name, data in self.kept.items()}

    async def remove(self, names: Iterable[str]) -> None:
        """Forget these."""
        for name in list(names):
            self.kept.pop(name, None)

    def close(self) -> None:
        """Nothing is held open."""
