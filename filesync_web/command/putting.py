"""`filesync put`: files and folders go into the store, each once however often the command is given."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filesync_web.aio.threads import in_thread
from filesync_web.command.console import Console
from filesync_web.command.failures import IncompleteError
from filesync_web.command.listing import live_files, name_of
from filesync_web.command.progress import shown_progress
from filesync_web.command.session import Session
from filesync_web.core.display import get_file_metadata
from filesync_web.core.records import FileOperationResult, FileRecord
from filesync_web.core.text import clean_text
from filesync_web.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    StorageError,
    StorageUnavailableError,
    TransferError,
)
from filesync_web.files.file_to_save import FileToSave
from filesync_web.files.many_saves import SaveFilesError

logger = logging.getLogger(__name__)

Done = Literal["saved", "replaced", "unchanged"]

MAX_TOGETHER = 1000
"""Files that are looked up in the store, and then saved, before the next ones are."""


@dataclass(frozen=True, slots=True)
class Put:
    """What became of one file of this machine."""

    name: str
    file_id: str
    content_hash: str
    size: int
    done: Done

    def members(self) -> dict[str, Any]:
        """It for a program; part of the interface."""
        return {
            "name": self.name,
            "id": self.file_id,
            "content_hash": self.content_hash,
            "size": self.size,
            "done": self.done,
        }


def named_files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The files that are meant, with the names that they get: of a folder all that is below it, under the
    name of the folder and with `/` between. Links to folders and what is no file are left out."""
    for path in paths:
        if not path.is_dir():
            yield clean_text(path.name), path
            continue
        base = path.resolve()
        for folder, folders, names in os.walk(base, onerror=_leave_out):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file():
                    yield clean_text(file.relative_to(base.parent).as_posix()), file
                else:
                    logger.warning("%s is left out: it is no file", file)


def _leave_out(error: OSError) -> None:
    logger.warning("a folder is left out: %s", error)


class Putter:
    """Puts files into one store, and says so for each. `replace`: a file of that name gets the new content,
    instead of another file beside it. `done` has them in their order."""

    def __init__(self, session: Session, console: Console, *, replace: bool) -> None:
        self.done: list[Put] = []
        self._left_out = 0
        self._session = session
        self._console = console
        self._replace = replace
        self._by_name: dict[str, list[FileRecord]] = {}
        for record in live_files(session):
            self._by_name.setdefault(name_of(record), []).append(record)

    async def put(self, files: Iterable[tuple[str, Path]]) -> None:
        """Save files under their names, but for those that the store has under that name with that content.

        One that cannot be read is left out, and the others go on. Raises `QuotaExceededError`,
        `StorageUnavailableError` and `StoreError`, which would be those of all others as well.
        """
        for some in _without_namesakes(files):
            known = {name: await self._known(name, path) for name, path in some.items()}
            new = {name: path for name, path in some.items() if known[name] is None}
            saved = await self._save(new)
            for name in some:
                put = known[name] or saved.get(name)
                if put is not None:
                    self.done.append(put)

    def check_complete(self) -> None:
        """Raises `IncompleteError` when some were left out."""
        if self._left_out:
            raise IncompleteError(f"{self._left_out} files could not be read, the others are saved")

    async def _known(self, name: str, path: Path) -> Put | None:
        """What there is to say of a file that the store has already."""
        namesakes = self._by_name.get(name, [])
        try:
            same = await in_thread(_same_as, path, namesakes) if namesakes else None
        except OSError:
            return None  # saving says why it cannot be read
        if same is None:
            return None
        self._tell("unchanged", same.id, name)
        return _put(name, same, "unchanged")

    async def _save(self, files: Mapping[str, Path]) -> dict[str, Put]:
        """Save or replace these; what is left out is not in the answer."""
        names = list(files)
        to_save = [FileToSave(files[name], name=name, file_id=self._replaced_by(name)) for name in names]
        how: list[Done] = ["saved" if file.file_id is None else "replaced" for file in to_save]

        def tell(place: int, result: FileOperationResult | Exception) -> None:
            if isinstance(result, FileOperationResult):
                self._tell(how[place], result.file_id, names[place])
            elif _is_of_one_file(result):
                self._left_out += 1
                self._console.note(f"{files[names[place]]} is left out: {result}")

        results: Sequence[FileOperationResult | None]
        try:
            results = await self._session.files.save_files(to_save, on_result=tell)
        except SaveFilesError as error:
            results = error.results
            for failure in error.failures.values():
                if not _is_of_one_file(failure):
                    raise failure from None
        places = {result.file_id: place for place, result in enumerate(results) if result is not None}
        puts: dict[str, Put] = {}
        for record in self._session.tables.records(list(places)):
            name = names[places[record.id]]
            puts[name] = _put(name, record, how[places[record.id]])
            self._by_name.setdefault(name, []).append(record)
        return puts

    def _replaced_by(self, name: str) -> str | None:
        """The id of the file that gets the new content of that name."""
        namesakes = self._by_name.get(name)
        return namesakes[-1].id if self._replace and namesakes else None

    def _tell(self, done: Done, file_id: str, name: str) -> None:
        self._console.step(f"{done}\t{file_id}\t{name}")


def _without_namesakes(files: Iterable[tuple[str, Path]]) -> Iterator[dict[str, Path]]:
    """The files by name, some at a time and in their order: of two with one name, the second is looked at
    when the first is saved."""
    some: dict[str, Path] = {}
    for name, path in files:
        if name in some or len(some) == MAX_TOGETHER:
            yield some
            some = {}
        some[name] = path
    yield some


def _put(name: str, record: FileRecord, done: Done) -> Put:
    return Put(name, record.id, record.content_hash, _size_of(record) or 0, done)


def _same_as(path: Path, namesakes: Iterable[FileRecord]) -> FileRecord | None:
    """The one of these files that has the content of that path already."""
    size = path.stat().st_size
    equal = [record for record in namesakes if _size_of(record) in {None, size}]
    if not equal:
        return None
    content_hash = _hash_of(path)
    return next((record for record in equal if record.content_hash == content_hash), None)


def _is_of_one_file(error: Exception) -> bool:
    """Whether a file is to blame that cannot be read, and not this device or the store."""
    is_of_device = isinstance(error, QuotaExceededError | StorageUnavailableError)
    return isinstance(error, InvalidArgumentError | StorageError | OSError) and not is_of_device


async def until_uploaded(session: Session, file_ids: Iterable[str], console: Console) -> None:
    """Wait until the object store has the bytes of these files and the sync backend knows it.

    What is deleted is not waited for. Raises `IncompleteError` when uploads rest at an error, or the error of
    the token when that was refused.
    """
    live = [record for record in session.tables.records(list(file_ids)) if record.is_live]
    sizes = {record.id: _size_of(record) or 0 for record in live if not record.is_uploaded}
    with shown_progress(console, session.files, "uploading", sizes):
        try:
            await session.files.wait_until_synced([record.id for record in live], stop_at_errors=True)
        except TransferError as error:
            await session.connect()  # it says so when the token or the server is the reason
            raise IncompleteError(
                f"{error}\nWhat is not uploaded is kept on this device; 'filesync sync' tries again"
            ) from None


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_of(record: FileRecord) -> int | None:
    return get_file_metadata(record).size_bytes
