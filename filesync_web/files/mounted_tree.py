"""The tree that is mounted: the stored files, and before them what was changed here and is not committed yet.

What is changed shows at once. As soon as all is committed, the store alone says again what is where.
"""

from __future__ import annotations

import errno
import os
from weakref import WeakValueDictionary

from filesync_web.core.metadata import MAX_NAME
from filesync_web.files.mounted_changes import FileChanges, MakingRoom, MountedChanges
from filesync_web.files.mounted_entry import MountedEntry
from filesync_web.files.stored_tree import StoredTree


class MountedTree:
    """The `Tree` of one store.

    `_changed` has the files that were changed; `_hidden` are paths where the store's file is no more, and
    `_gone` such folders; `_made` are folders that are there with or without a file in them.
    """

    def __init__(self, stored: StoredTree, files: FileChanges, with_room: MakingRoom) -> None:
        self._stored = stored
        self.changes = MountedChanges(files, with_room, self._settle)
        self._changed: dict[str, MountedEntry] = {}
        self._hidden: set[str] = set()
        self._gone: set[str] = set()
        self._made: set[str] = set()
        self._shared: WeakValueDictionary[tuple[str, str], MountedEntry] = WeakValueDictionary()

    # --- look-ups

    def find(self, path: str) -> MountedEntry | None:
        """The file at a path, None for a folder."""
        entry = self._file_at(path)
        if entry is None and not self._is_folder(path):
            raise _not_found(path)
        return entry

    def is_folder(self, path: str) -> bool:
        """Whether it is a folder that is at a path, and no file; reads no record."""
        if self._has_file(path):
            return False
        if not self._is_folder(path):
            raise _not_found(path)
        return True

    def names_in(self, folder: str) -> list[str]:
        """The names of what is in a folder."""
        below = f"{folder}/" if folder else ""
        names = self._stored.names_in(folder)
        if self._hidden or self._gone:
            names = [name for name in names if self._exists(below + name)]
        ours = [path.removeprefix(below) for path in (*self._changed, *self._made) if path.startswith(below)]
        return list(dict.fromkeys([*names, *(path.partition("/")[0] for path in ours if path)]))

    def _file_at(self, path: str) -> MountedEntry | None:
        if path in self._changed:
            return self._changed[path]
        file = None if path in self._hidden else self._stored.find(path)
        if file is None:
            return None
        entry = self._shared.get((file.file_id, file.content_hash))
        if entry is None or entry.is_changed or entry.is_removed:
            entry = MountedEntry(path, self._note, file)
            self._shared[file.file_id, file.content_hash] = entry
        entry.path = path
        return entry

    def _has_file(self, path: str) -> bool:
        return path in self._changed or (path not in self._hidden and self._stored.has_file(path))

    def _is_folder(self, path: str) -> bool:
        if path in self._made or (path not in self._gone and self._stored.is_folder(path)):
            return True
        return any(changed.startswith(f"{path}/") for changed in (*self._changed, *self._made))

    def _exists(self, path: str) -> bool:
        return self._has_file(path) or self._is_folder(path)

    # --- files

    def create(self, path: str) -> MountedEntry:
        """A new, empty file."""
        _check_length(path)
        entry = MountedEntry(path, self._note)
        self._keep_folders(path)
        self._note(entry)
        return entry

    def _note(self, entry: MountedEntry) -> None:
        """The content was changed: save it as soon as nobody has it open to write."""
        if entry.is_removed:
            return
        self._changed[entry.path] = entry
        if not entry.writers:
            self.changes.save(entry)

    def remove(self, path: str) -> None:
        """Remove a file."""
        entry = self._file_at(path)
        if entry is not None:
            self._take_away(path)
            self._drop(entry)

    def rename(self, old: str, new: str) -> None:
        """Rename a file or a folder."""
        if old == new:
            return
        entry = self.find(old)
        if entry is None:
            self._rename_folder(old, new)
        else:
            self._rename_file(entry, old, new)

    def _rename_file(self, entry: MountedEntry, old: str, new: str) -> None:
        _check_length(new)
        replaced = self._file_at(new)
        self._take_away(old)
        self._keep_folders(new)
        entry.path = new
        self._changed[new] = entry
        self.changes.rename(entry)
        if replaced is not None:
            self._drop(replaced)

    def _take_away(self, path: str) -> None:
        self._keep_folders(path)
        self._changed.pop(path, None)
        self._hidden.add(path)

    def _drop(self, entry: MountedEntry) -> None:
        entry.is_removed = True
        self.changes.remove(entry)

    # --- folders

    def make_folder(self, path: str) -> None:
        """Make an empty folder."""
        _check_length(path)
        self._keep_folders(path)
        self._made.add(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        self._check_empty(path)
        self._keep_folders(path)
        self._made.discard(path)
        self._gone.add(path)

    def _rename_folder(self, old: str, new: str) -> None:
        if self._exists(new):
            self._check_empty(new)
        for name in self.names_in(old):
            _check_length(f"{new}/{name}")
        self.make_folder(new)
        for name in self.names_in(old):
            self.rename(f"{old}/{name}", f"{new}/{name}")
        self.remove_folder(old)

    def _check_empty(self, path: str) -> None:
        if self.names_in(path):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)

    def _keep_folders(self, path: str) -> None:
        """The folders around a path stay, also when their last file goes."""
        folder = path.rpartition("/")[0]
        while folder:
            self._made.add(folder)
            folder = folder.rpartition("/")[0]

    # --- life

    def _settle(self) -> None:
        """All is committed: the store knows better from now on. Who still has a file open goes on sharing it
        with those who open it later."""
        for entry in self._changed.values():
            if entry.file_id is not None and entry.streams:
                self._shared[entry.file_id, entry.content_hash] = entry
        self._changed = {path: entry for path, entry in self._changed.items() if entry.is_changed}
        self._hidden.clear()
        self._gone.clear()

    async def close(self) -> None:
        """Commit nothing more, and note no more changes of the store."""
        await self.changes.close()
        self._stored.close()


def _not_found(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _check_length(path: str) -> None:
    if len(path) > MAX_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
