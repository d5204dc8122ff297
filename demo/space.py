"""What the gallery does with the kit for the storage of this device: how much is used, and what may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import filesync_web as fs

if TYPE_CHECKING:
    from listing import Entry, Listing

BIGGEST = """
    SELECT f.id FROM files f JOIN localFileState s ON s.fileId = f.id
    WHERE f.deletedAt IS NULL AND s.localHash = f.contentHash
    ORDER BY CASE WHEN json_valid(f.metadataJson) THEN json_extract(f.metadataJson, '$.sizeBytes') END DESC
    LIMIT ?
"""
MORE_THAN_THERE_IS = 1 << 60
"""Bytes."""


class Space:
    """The bytes of one store on this device."""

    def __init__(self, store: fs.Store, listing: Listing) -> None:
        self._store = store
        self._listing = listing

    async def status(self) -> fs.StorageStatus:
        """What takes how much room, here and on the server."""
        return await fs.storage_status()

    def biggest(self, number: int) -> list[Entry]:
        """The largest files that are on this device."""
        return self._listing.entries([file_id for (file_id,) in self._store.query(BIGGEST, (number,))])

    async def pin(self, file_id: str) -> None:
        """Keep a file on this device, whatever else has to go."""
        await fs.pin_file(file_id)

    async def unpin(self, file_id: str) -> None:
        """Let it go when room is needed."""
        await fs.unpin_file(file_id)

    async def evict(self, file_id: str) -> None:
        """Remove a file from this device, when the server has it."""
        await fs.evict_file(file_id)

    async def free_up(self) -> int:
        """Remove all that the server has, but for what is pinned; returns how many bytes that were."""
        return await fs.free_space(MORE_THAN_THERE_IS)
