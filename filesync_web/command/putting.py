"""`filesync put`: files and folders go into the store, each once however often the command is given."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
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
from filesync_web.core.records import FileRecord, Status
from filesync_web.core.text import clean_text
from filesync_web.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    StorageError,
    StorageUnavailableError,
)

logger = logging.getLogger(__name__)

Done = Literal["saved", "replaced", "unchanged"]


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
    instead of another file beside it."""

    def __init__(self, session: Session, console: Console, *, replace: bool) -> None:
        self.done: list[Put] = []
        self._left_out = 0
        self._session = session
        self._console = console
        self._replace = replace
        self._by_name: dict[str, list[FileRecord]] = {}
        for record in live_files(session):
            self._by_name.setdefault(name_of(record), []).append(record)

    async def put(self, name: str, path: Path) -> None:
        """Save one file, unless the store has it: under that name and with that content.

        One that cannot be read is left out, and the others go on. Raises `QuotaExceededError` and
        `StorageUnavailableError`, which would be those of all others as well.
        """
        try:
            put = await self._put(name, path)
        except (QuotaExceededError, StorageUnavailableError):
            raise
        except (InvalidArgumentError, StorageError, OSError) as error:
            self._left_out += 1
            self._console.note(f"{path} is left out: {error}")
            return
        self.done.append(put)
        self._console.step(f"{put.done}\t{put.file_id}\t{put.name}")

    def check_complete(self) -> None:
        """Raises `IncompleteError` when some were left out."""
        if self._left_out:
            raise IncompleteError(f"{self._left_out} files could not be read, the others are saved")

    async def _put(self, name: str, path: Path) -> Put:
        files, namesakes = self._session.files, self._by_name.get(name, [])
        size = (await in_thread(path.stat)).st_size
        same = await self._same(namesakes, path, size)
        if same is not None:
            return Put(name, same.id, same.content_hash, size, "unchanged")
        if self._replace and namesakes:
            edited = await files.update_file(namesakes[-1].id, path, name=name)
            return Put(name, edited.file_id, edited.content_hash, size, "replaced")
        saved = await files.save_file(path, name=name)
        record = self._session.tables.record(saved.file_id)
        if record is not None:
            self._by_name.setdefault(name, []).append(record)
        return Put(name, saved.file_id, saved.content_hash, size, "saved")

    async def _same(self, namesakes: list[FileRecord], path: Path, size: int) -> FileRecord | None:
        """The file of that name that has this content already."""
        equal = [record for record in namesakes if _size_of(record) in {None, size}]
        if not equal:
            return None
        content_hash = await in_thread(_hash_of, path)
        return next((record for record in equal if record.content_hash == content_hash), None)


async def until_uploaded(session: Session, file_ids: Iterable[str], console: Console) -> None:
    """Wait until the object store has the bytes of these files and the sync backend knows it.

    What was deleted meanwhile is not waited for. Raises `IncompleteError` when uploads rest at an error, or
    the error of the token when that was refused.
    """
    waiting = _Waiting(session, set(file_ids))
    with shown_progress(console, session.files, "uploading", waiting.sizes()):
        await session.until(waiting.is_over)
    failed = waiting.errors()
    if failed:
        await session.connect()  # it says so when the token or the server is the reason
        first = next(iter(failed.values()))
        raise IncompleteError(
            f"{len(failed)} files are not uploaded, the first because: {first}\n"
            "They are kept on this device; 'filesync sync' tries again"
        )
    await session.until(lambda: session.is_confirmed)


class _Waiting:
    """Files whose uploads are waited for."""

    def __init__(self, session: Session, file_ids: set[str]) -> None:
        self._tables = session.tables
        self._left = file_ids

    def sizes(self) -> dict[str, int]:
        """How large those are that are not uploaded."""
        self._drop_uploaded()
        records = self._tables.records(list(self._left))
        return {record.id: _size_of(record) or 0 for record in records}

    def is_over(self) -> bool:
        """Whether all are uploaded, or rest."""
        self._drop_uploaded()
        return len(self._left) == len(self.errors())

    def errors(self) -> dict[str, str]:
        """Those that rest at an error, with the reason."""
        rows = self._tables.rows(list(self._left))
        return {row.file_id: row.last_sync_error for row in rows if row.upload_status is Status.ERROR}

    def _drop_uploaded(self) -> None:
        left = self._tables.records(list(self._left))
        self._left = {record.id for record in left if record.is_live and not record.is_uploaded}


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_of(record: FileRecord) -> int | None:
    return get_file_metadata(record).size_bytes
