"""What is at a path, `<store>/<name or id>`.

The tree of names is the one that `mount` shows (`files.stored_tree`); beside its path each file is found by
its id, right below the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from filesync_web.core.metadata import parse_metadata
from filesync_web.core.mounted_names import NamedFile, clean_path
from filesync_web.core.records import FileRecord
from filesync_web.errors import InvalidArgumentError, UnknownFileError
from filesync_web.fsspec.errors import FolderError, NotAFolderError
from filesync_web.fsspec.stores import OpenStore, Stores

Info = dict[str, Any]
"""What fsspec wants to know of a file or folder: `name` is its whole path, `size` in bytes, and the times are
seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and what is there now. `name`: the path in its store, "" for the store itself."""

    store_id: str
    name: str
    store: OpenStore

    @property
    def path(self) -> str:
        """The whole path."""
        return f"{self.store_id}/{self.name}" if self.name else self.store_id

    @property
    def is_folder(self) -> bool:
        """Whether a folder is here; a store is one."""
        return not self.name or self.store.tree.is_folder(self.name)

    @property
    def exists(self) -> bool:
        """Whether a file or folder is here."""
        return self.is_folder or self.find() is not None

    def find(self) -> FileRecord | None:
        """The file that is here, None when there is none."""
        if self.is_folder:
            return None
        return self.store.tree.record_at(self.name) or self.store.tree.record_of(self.name)

    def file(self) -> FileRecord:
        """The same; raises `FolderError`, `UnknownFileError`."""
        record = self.find()
        if record is None:
            self.check_no_folder()
            raise UnknownFileError(f"no file or folder is at {self.path}")
        return record

    def check_exists(self) -> None:
        """Raises `UnknownFileError`."""
        if not self.is_folder:
            self.file()

    def child(self, name: str) -> Place:
        """What is below this folder."""
        return Place(self.store_id, f"{self.name}/{name}" if self.name else name, self.store)

    def files_below(self, depth: int | None = None) -> dict[str, FileRecord]:
        """All files in this folder and in those in it, by their path from here; `depth`: how many folders
        deep, 1 is this one."""
        found: dict[str, FileRecord] = {}
        for name, record in self.store.tree.records_in(self.name).items():
            if record is not None:
                found[name] = record
            elif depth is None or depth > 1:
                below = self.child(name).files_below(depth and depth - 1)
                found |= {f"{name}/{path}": record for path, record in below.items()}
        return found

    def check_no_folder(self) -> None:
        """Raises `FolderError`."""
        if self.is_folder:
            raise FolderError(f"{self.path} is a folder")

    def check_new(self) -> None:
        """Raises what hinders a file from being made here: `FolderError`, `NotAFolderError` when a file is
        where a folder should be, `InvalidArgumentError` for what no path can be."""
        self.check_no_folder()
        if clean_path(NamedFile("", self.name, 0)) != self.name:
            raise InvalidArgumentError(
                f"{self.path!r:.300} can be no path: a part is '..', or it is too long"
            )
        folder = self.name
        while folder := folder.rpartition("/")[0]:
            if self.store.tree.record_at(folder) is not None:
                raise NotAFolderError(f"{self.store_id}/{folder} is a file, so nothing can be in it")


async def place_at(stores: Stores, path: str) -> Place:
    """What is at a path with a store; raises what opening the store raises."""
    store_id, _, rest = path.partition("/")
    if not store_id:
        raise UnknownFileError(f"a path begins with a store, as in filesync://store/name; {path!r} has none")
    name = "/".join(part for part in rest.split("/") if part not in {"", "."})
    return Place(store_id, name, await stores.open(store_id))


def file_info(path: str, record: FileRecord) -> Info:
    """What is known of a file."""
    metadata = parse_metadata(record.metadata_json)
    return {
        "name": path,
        "size": metadata.size_bytes,
        "type": "file",
        "created": record.created_at / 1000,
        "mtime": record.updated_at / 1000,
        "mime_type": metadata.content_type,
        "id": record.id,
        "content_hash": record.content_hash,
    }


def folder_info(path: str) -> Info:
    """What is known of a folder."""
    return {"name": path, "size": 0, "type": "directory"}


def place_info(place: Place) -> Info:
    """What is known of what is there; raises `UnknownFileError`."""
    return folder_info(place.path) if place.is_folder else file_info(place.path, place.file())


def listing(place: Place) -> list[Info]:
    """What is in a folder, or the file itself; raises `UnknownFileError`."""
    if not place.is_folder:
        return [place_info(place)]
    found = place.store.tree.records_in(place.name)
    return [
        folder_info(place.child(name).path) if record is None else file_info(place.child(name).path, record)
        for name, record in found.items()
    ]
