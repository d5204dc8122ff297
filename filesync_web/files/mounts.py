"""The trees of one store that are mounted into the platform's file system."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from filesync_web.core.mounting import Mounted
from filesync_web.errors import InvalidArgumentError
from filesync_web.files.eviction import Eviction
from filesync_web.files.workspace import Workspace

if TYPE_CHECKING:
    from filesync_web.files.mounted_changes import FileChanges
    from filesync_web.files.mounted_tree import MountedTree
    from filesync_web.files.stored_tree import StoredTree

MOST_PREPARED = 1000


class MountedFiles:
    """What `mount` gives: the live files of a store, at `folder`."""

    def __init__(
        self,
        folder: str,
        stored: StoredTree,
        tree: MountedTree,
        mounted: Mounted,
        on_end: Callable[[MountedFiles], object],
    ) -> None:
        self.folder = folder
        self._stored = stored
        self._tree = tree
        self._mounted = mounted
        self._on_end = on_end
        self._is_mounted = True

    async def ready(self) -> None:
        """Return when the newest 1,000 files, as far as they are on this device, can be opened on a page's
        main thread, which cannot wait for them."""
        newest = self._stored.newest(MOST_PREPARED)
        await self.prepare([file.content_hash for file in newest])

    async def prepare(self, contents: list[str]) -> None:
        """The same for these contents."""
        if self._is_mounted:
            await self._mounted.prepare(contents)

    @property
    def last_error(self) -> Exception | None:
        """Why the oldest change that is not committed could not be; None when nothing hinders any."""
        return self._tree.changes.error

    async def flush(self) -> None:
        """Return when all that was written, renamed and removed is durable and recorded, as by `save_file`,
        `update_file` and `delete_file`; it happens by itself soon after. Raises the error of the first change
        that cannot be; that one and all later ones are kept, and tried again at the next change or flush."""
        await self._tree.changes.flush()

    async def unmount(self) -> None:
        """Flush, and take the files out of the file system; what is open can be read on. Does nothing the
        second time. Raises the errors of `flush`, and then has done nothing else."""
        if self._is_mounted:
            await self.flush()
            await self.end()

    async def end(self) -> None:
        """The same without the flush: what is not committed is lost."""
        if self._is_mounted:
            self._is_mounted = False
            self._on_end(self)
            await self._mounted.close()
            await self._tree.close()


class Mounts:
    """All of one `FileSync`."""

    def __init__(self, workspace: Workspace, eviction: Eviction) -> None:
        self._workspace = workspace
        self._eviction = eviction
        self._all: list[MountedFiles] = []

    def mount(self, folder: str, files: FileChanges) -> MountedFiles:
        """Mount the store's files, which are changed by `files`; raises `InvalidArgumentError`."""
        mount = self._workspace.platform.mount
        if mount is None:
            raise InvalidArgumentError("only Pyodide has a file system to mount files into")
        from filesync_web.files.mounted_tree import MountedTree  # most pages never need them
        from filesync_web.files.stored_tree import StoredTree

        stored = StoredTree(self._workspace)
        tree = MountedTree(stored, files, self._eviction.with_room)
        try:
            shown = mount(tree, folder)
        except BaseException:
            stored.close()
            raise
        mounted = MountedFiles(folder, stored, tree, shown, self._all.remove)
        self._all.append(mounted)
        return mounted

    async def prepare(self, content_hash: str) -> None:
        """Let a content that is on this device be opened in all of them."""
        for mounted in list(self._all):
            await mounted.prepare([content_hash])

    async def close(self) -> None:
        """Unmount all; what cannot be committed is logged and lost."""
        for mounted in list(self._all):
            with suppress(Exception):  # it was logged
                await mounted.flush()
            await mounted.end()
