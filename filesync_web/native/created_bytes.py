"""New bytes that are written at any place: a temporary file, which is then renamed to its hash."""

from __future__ import annotations

from pathlib import Path

from filesync_web.aio.threads import in_thread
from filesync_web.errors import StorageError
from filesync_web.native.incoming import Incoming, size_of
from filesync_web.native.system_errors import storing
from filesync_web.ports import BlobInfo, FinishedBytes


class CreatedBytes:
    """The `NewBytes` port over a locked temporary file; `files` is the folder that it is published in."""

    def __init__(self, incoming: Incoming, files: Path) -> None:
        self._incoming = incoming
        self._files = files
        self._published: BlobInfo | None = None

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._incoming.size

    def write(self, offset: int, data: memoryview) -> None:
        """Write to the file."""
        with storing(self._files):
            self._incoming.write(offset, data)

    async def drain(self) -> None:
        """Nothing waits in memory."""

    async def finish(self) -> FinishedBytes:
        """Take the hash, where it is not known yet."""
        with storing(self._files):
            await in_thread(self._incoming.complete)
        return FinishedBytes(self.size, self._incoming.path, self._publish)

    async def discard(self) -> None:
        """Remove the temporary file."""
        with storing(self._files):
            self._incoming.discard()

    async def _publish(self, _mime_type: str) -> tuple[str, int]:
        with storing(self._files):
            if self._published is None:
                self._published = await in_thread(self._incoming.publish, self._files)
        info = self._published
        if size_of(self._files / info.content_hash) is None:
            raise StorageError("the bytes were stored once, and removed since; write them again")
        return info.content_hash, info.size
