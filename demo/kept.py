"""What the gallery does with the kit for what pictures were before: the trash, versions and conflicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import past_words

import filesync_web as fs

Choice = Literal["take", "new_file", "drop"]


class Kept:
    """What can be had back of one store."""

    def __init__(self, store: fs.Store, *, local_only: bool) -> None:
        self._store = store
        self._local_only = local_only

    # --- the trash ---

    @property
    def is_confirmed(self) -> bool:
        """Whether the backend knows of everything that was done here."""
        return self._local_only or not self._store.sync_status.pending

    async def delete(self, file_id: str) -> None:
        """Move a file to the trash."""
        await fs.delete_file(file_id)

    async def deleted(self) -> list[fs.DeletedFile]:
        """What is in the trash, newest first."""
        return await fs.list_deleted()

    async def restore(self, file_ids: Sequence[str]) -> None:
        """Bring files back."""
        for file_id in file_ids:
            await fs.restore_file(file_id)

    async def purge(self, file_ids: Sequence[str]) -> None:
        """Delete for good those of the files that are in the trash."""
        in_trash = {one.file_id for one in await fs.list_deleted()}
        for file_id in file_ids:
            if file_id in in_trash:
                await fs.purge_file(file_id)

    async def purge_undisputed(self, file_ids: Sequence[str]) -> None:
        """The same, without those that somebody has edited who did not know of the deletion."""
        disputed = {version.file_id for version in await self.conflicts()}
        await self.purge([file_id for file_id in file_ids if file_id not in disputed])

    # --- versions and conflicts ---

    async def versions(self, file_id: str) -> list[fs.FileVersion]:
        """What the file had and has, newest first."""
        return await fs.list_versions(file_id)

    async def conflicts(self) -> list[fs.FileVersion]:
        """What somebody should decide."""
        return await fs.list_conflicts()

    async def restore_version(self, version: fs.FileVersion) -> None:
        """Give the file that content again."""
        await fs.restore_version(version.file_id, version.content_hash)

    async def save_as_new(self, version: fs.FileVersion) -> str:
        """Save that content as a file of its own; returns its name."""
        name = past_words.copy_name(version.name or "Untitled", version.made_at / 1000)
        js_file = await fs.read_version(version.file_id, version.content_hash)
        await fs.save_file(js_file, name=name, mime_type=version.mime_type)
        return name

    async def decide(self, version: fs.FileVersion, choice: Choice) -> None:
        """Decide about a conflict: `take`, `new_file` or `drop`."""
        await fs.resolve_conflict(version.file_id, version.content_hash, choice)

    # --- to be shown ---

    @property
    def client_id(self) -> str:
        """Under which this device makes versions."""
        return self._store.client_id
