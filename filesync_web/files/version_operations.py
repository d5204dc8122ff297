"""What an app does with versions, conflicts and the trash. Works in every tab."""

from __future__ import annotations

from filesync_web.core.versions import VersionPolicy
from filesync_web.files.reader import Reader
from filesync_web.files.trash import DeletedFile, Trash
from filesync_web.files.versions import Choice, FileVersion, Versions
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer
from filesync_web.ports import BlobHandle


class VersionOperations:
    """The operations; a `FileSync` puts together what they need."""

    _workspace: Workspace
    _writer: Writer
    _reader: Reader

    @property
    def _versions(self) -> Versions:
        return Versions(self._workspace, self._reader, self._writer)

    @property
    def _trash(self) -> Trash:
        return Trash(self._workspace, self._writer)

    async def set_version_policy(self, policy: VersionPolicy) -> None:
        """Say for how long the store keeps what is replaced or deleted, for all clients. It holds for what
        is kept now as well; what has gone does not come back. Raises `InvalidArgumentError`."""
        await self._versions.set_policy(policy)

    def version_policy(self) -> VersionPolicy:
        """For how long the store keeps what is replaced or deleted."""
        return self._workspace.tables.policy

    async def list_versions(self, file_id: str) -> list[FileVersion]:
        """The contents of a file that can be had, the current one first, then the newest. Of a deleted file
        as long as it is in the trash. Raises `UnknownFileError`, `VersionGoneError`."""
        return await self._versions.of_file(file_id)

    async def read_version(self, file_id: str, content_hash: str, *, wait: bool = True) -> BlobHandle:
        """The own copy of a version, as `read_file`; of a deleted file too. Raises `UnknownFileError`,
        `VersionGoneError` when it is not kept any more, and what `read_file` raises."""
        return await self._versions.read(file_id, content_hash, wait=wait)

    async def restore_version(self, file_id: str, content_hash: str) -> None:
        """Give a file the content of a version again, for all clients; nothing is uploaded when the object
        store has it. A deleted file comes back with it. Raises `UnknownFileError`, `VersionGoneError`."""
        await self._versions.restore(file_id, content_hash)

    async def list_conflicts(self) -> list[FileVersion]:
        """The open conflicts: contents that somebody gave a file, and somebody else took away unseen."""
        return await self._versions.conflicts()

    async def resolve_conflict(self, file_id: str, content_hash: str, choice: Choice) -> str | None:
        """Settle a conflict for all clients: `take` it as the file's content, make a `new_file` of it, or
        `drop` it; a file that it has brought back is in the trash again unless it is taken. Returns the id of
        the file that has the content, None for `drop`. Raises `UnknownFileError`, `VersionGoneError`,
        `InvalidArgumentError` for what is no open conflict."""
        return await self._versions.resolve(file_id, content_hash, choice)

    async def list_deleted(self) -> list[DeletedFile]:
        """The files in the trash, the last deleted one first."""
        return self._trash.all()

    async def restore_file(self, file_id: str) -> None:
        """Bring a deleted file back, for all clients; does nothing to one that is not deleted. Raises
        `UnknownFileError`, `VersionGoneError` when it is not kept any more."""
        await self._trash.restore(file_id)

    async def purge_file(self, file_id: str) -> None:
        """Keep nothing of a deleted file, on all clients: its bytes go, here and remotely, where nothing else
        has them. Raises `UnknownFileError`, `InvalidArgumentError` for a file that is not deleted."""
        await self._trash.purge(file_id)
