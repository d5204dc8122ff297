"""A whole store outside of it: a folder, or the same in one tar.

    store.json           what it is, and the records of all files
    contents/<sha256>    the bytes, each content once

Nothing is ever unpacked by a name from the archive: contents are read by their hash, and checked against it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from filesync_web.command.getting import CHUNK_SIZE
from filesync_web.command.listing import name_of
from filesync_web.core.display import get_file_metadata
from filesync_web.core.foreign import parse_json
from filesync_web.core.metadata import FileMetadata, parse_metadata
from filesync_web.core.paths import is_content_hash
from filesync_web.core.records import FileRecord
from filesync_web.errors import FileSyncError, IntegrityError, InvalidArgumentError

FORMAT, VERSION = "filesync-store", 1
INDEX = "store.json"
CONTENTS = "contents"
_MAX_INDEX = 1 << 30  # bytes


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file of an archive."""

    name: str
    content_hash: str
    metadata: FileMetadata


class Archive(Protocol):
    """What an export is written to."""

    def write(self, path: str, content: bytes) -> None: ...

    def copy(self, path: str, source: BinaryIO) -> None: ...


class FolderArchive:
    """A folder; contents that an export which was broken off has left there are not written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / CONTENTS).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes) -> None:
        """Write a file as a whole."""
        part = self._folder / f"{path}.part"
        part.write_bytes(content)
        part.replace(self._folder / path)

    def copy(self, path: str, source: BinaryIO) -> None:
        """Copy a file as a whole."""
        target = self._folder / path
        if target.exists() and target.stat().st_size == _size_of(source):
            return
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK_SIZE)
        part.replace(target)


class TarArchive:
    """A tar that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def write(self, path: str, content: bytes) -> None:
        """Add a file."""
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def copy(self, path: str, source: BinaryIO) -> None:
        """Add the bytes of a file under another name, and nothing else of it."""
        entry = tarfile.TarInfo(path)
        entry.size = _size_of(source)
        self._tar.addfile(entry, source)


def _size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


@contextmanager
def writing(target: Path) -> Iterator[Archive]:
    """An archive to write: a tar, where the name ends so, else a folder. A tar is there when complete."""
    if target.suffix != ".tar":
        yield FolderArchive(target)
        return
    part = target.with_name(target.name + ".part")
    try:
        with tarfile.open(part, "w") as tar:
            yield TarArchive(tar)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def index_of(store: str, records: Iterable[FileRecord]) -> bytes:
    """The index of an archive with these files."""
    files = [
        {
            "id": record.id,
            "name": name_of(record),
            "contentHash": record.content_hash,
            "createdAt": record.created_at,
            "updatedAt": record.updated_at,
            "metadataJson": record.metadata_json,
            "sizeBytes": get_file_metadata(record).size_bytes,
        }
        for record in records
    ]
    index = {"format": FORMAT, "version": VERSION, "store": store, "files": files}
    return json.dumps(index, indent=1).encode()


class ReadArchive:
    """An archive that is read: a folder or a tar."""

    def __init__(self, place: Path, tar: tarfile.TarFile | None) -> None:
        self._place = place
        self._tar = tar

    def files(self) -> list[ArchivedFile]:
        """What the index names. Raises `InvalidArgumentError` when it is none of ours."""
        try:
            with self._open(INDEX) as file:
                index = parse_json(file.read(_MAX_INDEX), max_bytes=None)
            if index["format"] != FORMAT or index["version"] != VERSION:
                raise InvalidArgumentError(
                    f"{self._place} is of another format or version than this command's"
                )
            return [_archived(members) for members in index["files"]]
        except (KeyError, TypeError, ValueError, OSError, tarfile.TarError) as error:
            if isinstance(error, FileSyncError):
                raise
            raise InvalidArgumentError(f"{self._place} is no export of a store: {error!r}") from error

    @contextmanager
    def content(self, content_hash: str) -> Iterator[BinaryIO]:
        """The bytes of a content, checked. Raises `IntegrityError` when they are missing or damaged."""
        try:
            with self._open(f"{CONTENTS}/{content_hash}") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != content_hash:
                    raise IntegrityError(f"{self._place}: the content {content_hash} is damaged")
                file.seek(0)
                yield file
        except (KeyError, FileNotFoundError) as error:
            raise IntegrityError(f"{self._place} lacks the content {content_hash}") from error
        except tarfile.TarError as error:
            raise IntegrityError(f"{self._place}: the content {content_hash} is cut off: {error}") from error

    @contextmanager
    def _open(self, path: str) -> Iterator[Any]:
        if self._tar is None:
            with (self._place / path).open("rb") as file:
                yield file
            return
        member = self._tar.extractfile(path)
        if member is None:
            raise KeyError(path)
        with member:
            yield member


@contextmanager
def reading(place: Path) -> Iterator[ReadArchive]:
    """An archive to read. Raises `InvalidArgumentError` when it is neither a folder nor a tar."""
    if place.is_dir():
        yield ReadArchive(place, None)
        return
    try:
        tar = tarfile.open(place, "r:")  # noqa: SIM115 - closed below
    except (tarfile.TarError, OSError) as error:
        raise InvalidArgumentError(f"{place} is neither a folder nor a tar: {error}") from error
    with tar:
        yield ReadArchive(place, tar)


def _archived(members: Mapping[str, Any]) -> ArchivedFile:
    content_hash, name = str(members["contentHash"]), str(members["name"])
    if not is_content_hash(content_hash):
        raise ValueError(f"{content_hash!r:.80} is no hash of a content")
    return ArchivedFile(name, content_hash, parse_metadata(members.get("metadataJson")))
