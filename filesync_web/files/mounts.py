"""The trees of one store that are mounted into the platform's file system."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from filesync_web.core.mounting import Mounted
from filesync_web.errors import InvalidArgumentError, UnknownFileError
from filesync_web.files.mounted_tree import MountedTree
from filesync_web.files.workspace import Workspace

MOST_PREPARED = 1000


class MountedFiles:
    """What `mount` gives: the live files of a store, at `folder`."""

    def __init__(
        self, folder: str, tree: MountedTree, mounted: Mounted, on_end: Callable[[MountedFiles], object]
    ) -> None:
        self.folder = folder
        self._tree = tree
        self._mounted = mounted
        self._on_end = on_end
        self._is_mounted = True

    async def ready(self) -> None:
        """Return when the newest 1,000 files, as far as they are on this device, can be opened on a page's
        main thread, which cannot wait for them."""
        newest = self._tree.newest(MOST_PREPARED)
        await self.prepare([file.content_hash for file in newest])

    async def prepare(self, contents: list[str]) -> None:
        """The same for these contents."""
        if self._is_mounted:
            await self._mounted.prepare(contents)

    async def unmount(self) -> None:
        """Take the files out of the file system; what is open can be read on. Does nothing the second
        time."""
        if self._is_mounted:
            self._is_mounted = False
            self._on_end(self)
            self._tree.close()
            await self._mounted.close()


class Mounts:
    """All of one `FileSync`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._all: list[MountedFiles] = []

    def mount(self, folder: str) -> MountedFiles:
        """Mount the store's files; raises `InvalidArgumentError`."""
        mount = self._workspace.platform.mount
        if mount is None:
            raise InvalidArgumentError("only Pyodide has a file system to mount files into")
        tree = MountedTree(self._workspace)
        try:
            mounted = MountedFiles(folder, tree, mount(tree, folder), self._all.remove)
        except BaseException:
            tree.close()
            raise
        self._all.append(mounted)
        return mounted

    async def prepare(self, content_hash: str) -> None:
        """Let a content that is on this device be opened in all of them."""
        for mounted in list(self._all):
            await mounted.prepare([content_hash])

    async def prepare_file(self, id_or_path: str) -> None:
        """The same for a file's content; does nothing when it was deleted meanwhile."""
        with suppress(UnknownFileError):
            await self.prepare(self._workspace.tables.live(id_or_path).content_hash)

    async def close(self) -> None:
        """Unmount all."""
        for mounted in list(self._all):
            await mounted.unmount()
