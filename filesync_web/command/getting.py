"""`filesync get` and `cat`: the bytes of a file leave the store."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO

from filesync_web.command.console import Console
from filesync_web.command.listing import name_of
from filesync_web.command.progress import shown_progress
from filesync_web.command.session import Session
from filesync_web.core.display import get_file_metadata
from filesync_web.core.records import FileRecord
from filesync_web.errors import BlobNotFoundError, InvalidArgumentError, StorageError

CHUNK_SIZE = 1 << 20
"""Bytes that are copied at a time."""
_LONGEST_NAME = 255  # bytes


@asynccontextmanager
async def own_copy(
    session: Session, record: FileRecord, console: Console
) -> AsyncIterator[tuple[FileRecord, BinaryIO]]:
    """The bytes of a file, downloaded when they are not on this device, and the record that has them: another
    one than that given, if the file was edited meanwhile. They stay while they are open, whatever others do.

    Raises `BlobNotFoundError` when nobody has uploaded them yet, `UnknownFileError` when the file was deleted
    meanwhile, and the errors of `Session.connect`.
    """
    found, file = await _opened(session, record, console)
    with file:
        yield found, file


async def _opened(session: Session, record: FileRecord, console: Console) -> tuple[FileRecord, BinaryIO]:
    while True:
        path = await _local_path(session, record, console)
        record = session.tables.live(record.id)
        with suppress(FileNotFoundError):  # another process has edited or evicted it just now
            if path.name == record.content_hash:
                return record, path.open("rb")


async def _local_path(session: Session, record: FileRecord, console: Console) -> Path:
    try:
        path: Path = await session.files.read_file(record.id, wait=False)
    except BlobNotFoundError as error:
        if not record.is_uploaded:
            raise _not_uploaded(record) from error
        await session.connect()
        sizes = {record.id: get_file_metadata(record).size_bytes or 0}
        with shown_progress(console, session.files, "downloading", sizes):
            try:
                path = await session.files.read_file(record.id)
            except BlobNotFoundError as edited:
                raise _not_uploaded(record) from edited
    return path


def _not_uploaded(record: FileRecord) -> BlobNotFoundError:
    return BlobNotFoundError(
        f"{name_of(record)!r} is not uploaded yet: the device that has it must come online"
    )


def target_of(record: FileRecord, out: Path | None) -> Path:
    """Where a file is written to: `out`, or in it when it is a folder, else here, by the end of its name.

    A name comes from other people, so that nothing of it but that part is used, and never a hidden file's.
    """
    if out is not None and not out.is_dir():
        return out
    name = name_of(record).replace("\\", "/").rpartition("/")[2].lstrip(".")
    return (out or Path()) / (_storable(name) or record.content_hash)


def _storable(name: str) -> str:
    """The name as every file system takes it: without control characters, not too long, with its suffix."""
    clean = "".join("_" if ord(char) < 32 or char == "\x7f" else char for char in name)
    stem, suffix = PurePath(clean).stem, PurePath(clean).suffix
    if len(os.fsencode(suffix)) > _LONGEST_NAME // 2:
        stem, suffix = clean, ""
    while len(os.fsencode(stem + suffix)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + suffix


def save_as(source: BinaryIO, target: Path, *, force: bool) -> None:
    """Copy the bytes; the target is there as a whole or not at all.

    Raises `InvalidArgumentError` when there is something else, unless `force`; `StorageError` when it
    cannot be written.
    """
    if target.exists() and not force:
        raise InvalidArgumentError(f"{target} exists: give another name with -o, or --force")
    try:
        part = target.with_name(f".filesync-{uuid.uuid4().hex}")
        try:
            with part.open("xb") as file:
                shutil.copyfileobj(source, file, CHUNK_SIZE)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error}") from error


def check_single_target(count: int, out: Path | None) -> None:
    """Raises `InvalidArgumentError` when several files are to go into one."""
    if count > 1 and out is not None and not out.is_dir():
        raise InvalidArgumentError(f"{count} files cannot all be written to {out}, which is no folder")
