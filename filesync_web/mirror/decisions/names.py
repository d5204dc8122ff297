"""What a file is called: the same path in the folder and in the store's tree.

A path of the store is in Unicode's composed form (NFC), however it came there; the folder's file keeps the
form that it has. What a store cannot have as a path stays in the folder, and the other way round: names are
never bent so that they fit."""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import count
from unicodedata import normalize

from filesync_web.core.metadata import parse_metadata
from filesync_web.core.mounted_names import MountedNames, NamedFile, clean_path, marked, numbered
from filesync_web.core.records import FileRecord
from filesync_web.core.text import is_text
from filesync_web.mirror.decisions.steps import StoreFile

TEMPORARY = ".filesync-part-"
"""How the names of files begin that a mirror is just writing; no such file is ever mirrored."""


def store_files(records: Iterable[FileRecord]) -> dict[str, StoreFile]:
    """The files of a store by id, each with a path of its own, as far as they name content."""
    files = {record.id: record for record in records if record.is_usable}
    named = {id_: NamedFile(id_, _name_of(record), record.created_at) for id_, record in files.items()}
    tree = MountedNames(named.values())
    return {
        id_: StoreFile(id_, tree.path_of(id_) or id_, clean_path(named[id_]), record.content_hash)
        for id_, record in files.items()
    }


def _name_of(record: FileRecord) -> str | None:
    name = parse_metadata(record.metadata_json).custom.get("name")
    return composed(name) if isinstance(name, str) else None


def composed(path: str) -> str:
    """The path in the form that stores have."""
    return path if path.isascii() else normalize("NFC", path)


def why_not_mirrored(path: str) -> str | None:
    """Why a composed path of the folder cannot be one of the store's; None when it can."""
    if not is_text(path):
        return "its name is no UTF-8"
    if clean_path(NamedFile("", path, 0)) != path:
        return "its name is too long, or has characters that no other device would take"
    return None


def is_temporary(path: str) -> bool:
    """Whether a mirror was writing it, or somebody has called a file of the store so."""
    return any(part.startswith(TEMPORARY) for part in path.split("/"))


def conflict_name(path: str) -> str:
    """What the folder's file is called in the store when another one has its name: `plan (conflict).txt`."""
    return marked(path, "conflict")


def aside_name(path: str) -> str:
    """What a file is called while others of its circle are renamed: in no folder, since one of them may be
    to have the path of that."""
    return marked(path.rpartition("/")[2], "moving")


def free_name(path: str, taken: Set[str]) -> str:
    """The path, or with the first number that nobody has."""
    return next(free for number in count(1) if (free := numbered(path, number)) not in taken)
