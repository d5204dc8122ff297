"""Where each live file stands in a tree of folders: every file has a path of its own.

A file's name is its path; the slashes in it make folders. Of several files with one name the oldest has it,
and the others get a number: `plan.txt`, `plan (2).txt`. A folder comes before a file of its name. A folder is
there as long as something is in it.

Paths are relative, "" is the root.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass

from filesync_web.core.metadata import MAX_NAME
from filesync_web.core.text import clean_text


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What the place of a file depends on; `created_at` in milliseconds since the epoch."""

    file_id: str
    name: str | None
    created_at: int


class MountedNames:
    """The tree; it is changed file by file."""

    def __init__(self, files: Iterable[NamedFile] = ()) -> None:
        self._wanted: dict[str, tuple[str, int]] = {}
        self._groups: dict[str, list[tuple[int, str]]] = {}
        self._paths: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._folders: dict[str, dict[str, None]] = {"": {}}
        for file in files:
            path = clean_path(file)
            self._wanted[file.file_id] = path, file.created_at
            self._groups.setdefault(path, []).append((file.created_at, file.file_id))
        for path, group in self._groups.items():
            group.sort()
            self._place(path)

    def file_at(self, path: str) -> str | None:
        """The id of the file at a path."""
        return self._files.get(path)

    def path_of(self, file_id: str) -> str | None:
        """Where a file is."""
        return self._paths.get(file_id)

    def is_folder(self, path: str) -> bool:
        """Whether a folder is at a path."""
        return path in self._folders

    def names_in(self, folder: str) -> list[str]:
        """The names of the files and folders in a folder."""
        return list(self._folders.get(folder, ()))

    def put(self, file: NamedFile) -> None:
        """A file is new, or may have another name."""
        path = clean_path(file)
        if self._wanted.get(file.file_id) == (path, file.created_at):
            return
        self.remove(file.file_id)
        self._wanted[file.file_id] = path, file.created_at
        insort(self._groups.setdefault(path, []), (file.created_at, file.file_id))
        self._place(path)

    def remove(self, file_id: str) -> None:
        """A file is gone; does nothing for one that is not there."""
        if file_id not in self._wanted:
            return
        path, created_at = self._wanted.pop(file_id)
        self._take_away(file_id)
        group = self._groups[path]
        group.remove((created_at, file_id))
        if group:
            self._place(path)
        else:
            del self._groups[path]

    def _place(self, wanted: str) -> None:
        """Give the files that want one path theirs, the oldest first."""
        group = self._groups[wanted]
        for _created_at, file_id in group:
            self._take_away(file_id)
        number = 1
        for _created_at, file_id in group:
            while not self._is_free(path := numbered(wanted, number), wanted):
                number += 1
            self._put_at(path, file_id)
            number += 1

    def _is_free(self, path: str, wanted: str) -> bool:
        is_others = path != wanted and path in self._groups
        return not is_others and path not in self._folders and path not in self._files

    def _put_at(self, path: str, file_id: str) -> None:
        self._paths[file_id] = path
        self._files[path] = file_id
        displaced = []
        while path:
            folder, _, name = path.rpartition("/")
            if (in_the_way := self._files.get(folder)) is not None:
                displaced.append(in_the_way)
            self._folders.setdefault(folder, {})[name] = None
            path = folder
        for other in displaced:
            self._place(self._wanted[other][0])

    def _take_away(self, file_id: str) -> None:
        path = self._paths.pop(file_id, None)
        if path is None:
            return
        del self._files[path]
        while path and path not in self._folders:
            folder, _, name = path.rpartition("/")
            del self._folders[folder][name]
            if folder and not self._folders[folder]:
                del self._folders[folder]
            path = folder


def clean_path(file: NamedFile) -> str:
    """The path that a file's name asks for; its id, where the name says nothing."""
    name = clean_text((file.name or "")[:MAX_NAME]).replace("\0", "_")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return "/".join("__" if part == ".." else part for part in parts) or file.file_id.replace("/", "_")


def numbered(path: str, number: int) -> str:
    """The path for the file of that number among those that want it."""
    if number == 1:
        return path
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    return f"{folder}{slash}{stem} ({number}){dot}{suffix}"
