"""Where each live file stands in a tree of folders: every file has a path of its own.

It is the one tree of names that a mounted store, a mirrored folder and `fsspec` have. A file's name is its
path; the slashes in it make folders. A folder is there as long as something is in it. Of several files with
one name the oldest has it, and the others get a number: `plan.txt`, `plan (2).txt`. A folder comes before a
file of its name, and a number that would make the name of another file or folder is left out.

The paths depend on the set of files alone, and not on the order in which they came: all clients show the same
tree. So when a file goes, those of its name that are younger move up.

Paths are relative, "" is the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import MAX_NAME
from filesync_web.core.text import clean_text

_NUMBERED = re.compile(r"(.+) \((?:[2-9]|[1-9][0-9]+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What the place of a file depends on; `created_at` in milliseconds since the epoch."""

    file_id: str
    name: str | None
    created_at: int


class MountedNames:
    """The tree; it is changed file by file.

    What wants a path are the files of that name, as a group, and folders. A change marks the groups whose
    paths may be others now; they are placed again at the next question.
    """

    def __init__(self, files: Iterable[NamedFile] = ()) -> None:
        self._wanted: dict[str, str] = {}  # by file
        self._groups: dict[str, dict[str, int]] = {}  # by path: when each file that wants it was created
        self._paths: dict[str, str] = {}  # by file
        self._entries: dict[str, dict[str, str | None]] = {"": {}}  # by folder and name; a folder has no id
        self._needs: dict[str, int] = {}  # by folder: how many groups and folders want to be in it
        self._stale: set[str] = set()  # groups
        for file in files:
            self.put(file)

    def file_at(self, path: str) -> str | None:
        """The id of the file at a path."""
        folder, _, name = path.rpartition("/")
        return self._placed().get(folder, {}).get(name)

    def path_of(self, file_id: str) -> str | None:
        """Where a file is."""
        self._placed()
        return self._paths.get(file_id)

    def is_folder(self, path: str) -> bool:
        """Whether a folder is at a path."""
        return path in self._entries

    def names_in(self, folder: str) -> list[str]:
        """The names of the files and folders in a folder."""
        return list(self._placed().get(folder, ()))

    def put(self, file: NamedFile) -> None:
        """A file is new, or may have another name."""
        path = clean_path(file)
        if self._wanted.get(file.file_id) != path:
            self.remove(file.file_id)
        elif self._groups[path][file.file_id] == file.created_at:
            return
        self._wanted[file.file_id] = path
        if path not in self._groups:
            self._groups[path] = {}
            self._add_to_folder(path)
            self._mark(path)
        self._groups[path][file.file_id] = file.created_at
        self._stale.add(path)

    def remove(self, file_id: str) -> None:
        """A file is gone; does nothing for one that is not there."""
        path = self._wanted.pop(file_id, None)
        if path is None:
            return
        self._take_away(file_id)
        del self._groups[path][file_id]
        self._stale.add(path)
        if not self._groups[path]:
            del self._groups[path]
            self._mark(path)
            self._remove_from_folder(path)

    def _placed(self) -> dict[str, dict[str, str | None]]:
        """What is in each folder, with all files in their places."""
        stale = [path for path in self._stale if path in self._groups]
        self._stale.clear()
        for path in stale:
            for file_id in self._groups[path]:
                self._take_away(file_id)
        for path in stale:
            self._place(path)
        return self._entries

    def _place(self, wanted: str) -> None:
        """Give the files that want one path theirs, the oldest first. No other group can be in their way:
        a numbered path tells what it was made of."""
        group = self._groups[wanted]
        files = sorted(group, key=lambda file_id: (group[file_id], file_id))
        if wanted not in self._entries:
            self._put_at(wanted, files.pop(0))
        free = filter(self._is_free, (numbered(wanted, number) for number in count(2)))
        for file_id, path in zip(files, free, strict=False):
            self._put_at(path, file_id)

    def _put_at(self, path: str, file_id: str) -> None:
        folder, _, name = path.rpartition("/")
        self._entries[folder][name] = file_id
        self._paths[file_id] = path

    def _is_free(self, path: str) -> bool:
        return path not in self._groups and path not in self._entries

    def _take_away(self, file_id: str) -> None:
        path = self._paths.pop(file_id, None)
        if path is not None and path not in self._entries:
            folder, _, name = path.rpartition("/")
            self._entries[folder].pop(name, None)

    def _mark(self, path: str) -> None:
        """A group or folder wants the path, or no longer does: who is, or would be, there is placed again."""
        self._stale.update((path, unnumbered(path)))

    def _add_to_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        self._needs[folder] = self._needs.get(folder, 0) + 1
        if folder and self._needs[folder] == 1:
            self._add_to_folder(folder)
            self._entries[folder] = {}
            outer, _, name = folder.rpartition("/")
            self._entries[outer][name] = None
            self._mark(folder)

    def _remove_from_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        self._needs[folder] -= 1
        if folder and not self._needs[folder]:
            del self._needs[folder], self._entries[folder]
            outer, _, name = folder.rpartition("/")
            del self._entries[outer][name]
            self._mark(folder)
            self._remove_from_folder(folder)


def clean_path(file: NamedFile) -> str:
    """The path that a file's name asks for; its id, where the name says nothing."""
    name = clean_text((file.name or "")[:MAX_NAME]).replace("\0", "_")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return "/".join("__" if part == ".." else part for part in parts) or file.file_id.replace("/", "_")


def numbered(path: str, number: int) -> str:
    """The path for the file of that number among those that want it."""
    return path if number == 1 else marked(path, str(number))


def unnumbered(path: str) -> str:
    """The path of which `numbered` has made this one; the path itself, when it has not."""
    if " (" not in path:
        return path
    folder, stem, suffix = _split(path)
    found = _NUMBERED.fullmatch(stem)
    return path if found is None else folder + found[1] + suffix


def marked(path: str, mark: str) -> str:
    """The path with a mark in brackets before its suffix: `plan (mark).txt`."""
    folder, stem, suffix = _split(path)
    return f"{folder}{stem} ({mark}){suffix}"


def _split(path: str) -> tuple[str, str, str]:
    """Folder, stem and suffix, which put together are the path; `.hidden` has no suffix."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return (folder + slash, stem, dot + suffix) if stem else (folder + slash, name, "")
