"""`filesync-server admin backup` and `verify`: a copy of everything, and whether what is there is whole.

Objects, and event logs in SQLite or PostgreSQL, become a directory that `filesync-server --data` serves. It
is written beside its place and moved there when it is complete. The server may run meanwhile. Each log is
copied up to where it ended, and the objects after the logs: what an event says is stored was stored before.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from filesync_web.livestore.messages import BackendIdMismatch, PulledEvent

from ..shared.disk import make_private_folder, private, sync_folder
from ..sync import SqliteStorage, StorageError
from ..sync.storage import AdminStorage, Log, Page, new_backend_id
from .config import OBJECTS_FOLDER, SYNC_FILE, USAGE_FILE

_READ_BYTES = 1024**2
_URL_SECRET = "url-secret"  # noqa: S105 - a name of a file

BROKEN = "broken"
Problem: TypeAlias = tuple[str, str]
"""What is wrong (`damaged` or `missing` objects, `broken` logs), and the key or the store."""


async def back_up(storage: AdminStorage, data: Path, target: Path) -> list[Problem]:
    """Copy all event logs, and of the directory `data` the objects and what is counted of them, where it has
    them, to the new directory `target`.

    Gives the objects that could not be copied, because their bytes are damaged or missing. Each log gets a
    new identity, so that clients that know more than the backup notice it when it is served. Raises OSError,
    also FileExistsError.
    """
    unfinished = _new_folder(target)
    await _copy_logs(storage, unfinished / SYNC_FILE)
    problems = await asyncio.to_thread(_copy_objects, data / OBJECTS_FOLDER, unfinished)
    if (data / USAGE_FILE).exists():
        await asyncio.to_thread(_copy_database, data / USAGE_FILE, unfinished / USAGE_FILE)
    unfinished.rename(target)
    sync_folder(target.parent)
    return problems


def _new_folder(target: Path) -> Path:
    """Where to write until it is complete; what an earlier backup left there is dropped."""
    if target.exists():
        raise FileExistsError(f"{target} exists already: a backup is a directory of its own")
    unfinished = target.with_name(f"{target.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    make_private_folder(unfinished)
    return unfinished


async def verify_logs(storage: AdminStorage) -> list[Problem]:
    """The stores whose events are not one chain up to the head, or not as many as the log says."""
    logs = (await storage.logs()).values()
    return [(BROKEN, log.store_id) for log in logs if not await _is_whole(storage, log)]


async def _is_whole(storage: AdminStorage, log: Log) -> bool:
    head = count = 0
    while head < log.head:
        page = await storage.read(log.store_id, head, log.backend_id)
        if isinstance(page, BackendIdMismatch):
            return True  # it was replaced since, and so is another log
        if not page.events:
            return False
        for pulled in page.events:
            if pulled.event.parent_seq_num != head:
                return False
            head = pulled.event.seq_num
            count += head <= log.head
    return count == log.length


async def _copy_logs(storage: AdminStorage, file: Path) -> None:
    copies = SqliteStorage(file)
    loop = asyncio.get_running_loop()
    try:
        for log in (await storage.logs()).values():

            def read(after: int, log: Log = log) -> Page | BackendIdMismatch:
                reading = storage.read(log.store_id, after, log.backend_id)
                return asyncio.run_coroutine_threadsafe(reading, loop).result()

            copy = replace(log, backend_id=new_backend_id())
            await copies.restore(copy, _events_of(log, read), replace=False)
    finally:
        await copies.close()


def _events_of(log: Log, read: Callable[[int], Page | BackendIdMismatch]) -> Iterator[PulledEvent]:
    """The events of the log up to its head; runs in the thread that writes them."""
    after = 0
    while after < log.head:
        page = read(after)
        if isinstance(page, BackendIdMismatch) or not page.events:
            raise StorageError(f"the log of {log.store_id!r} was replaced during the backup; start again")
        for pulled in page.events:
            after = pulled.event.seq_num
            if after <= log.head:
                yield pulled


def _copy_objects(objects: Path, target: Path) -> list[Problem]:
    if not objects.is_dir():
        return []
    folder = target / OBJECTS_FOLDER
    make_private_folder(folder / "blobs")
    _copy_database(objects / "index.sqlite", folder / "index.sqlite")
    _copied_hash(objects / _URL_SECRET, folder / _URL_SECRET)
    problems = []
    with sqlite3.connect(folder / "index.sqlite") as index:
        for (sha256,) in index.execute("SELECT DISTINCT sha256 FROM objects ORDER BY sha256").fetchall():
            problem = _copy_blob(objects / "blobs", folder / "blobs", sha256)
            if problem:
                gone = "DELETE FROM objects WHERE sha256 = ? RETURNING key"
                keys = [key for (key,) in index.execute(gone, (sha256,)).fetchall()]
                problems += [(problem, key) for key in keys if _is_there(objects, key)]
    index.close()
    return problems


def _copy_database(source: Path, target: Path) -> None:
    with open(target, "xb", opener=private):
        pass
    read, write = sqlite3.connect(source), sqlite3.connect(target)
    try:
        read.backup(write)
    finally:
        read.close()
        write.close()


def _copy_blob(source: Path, target: Path, sha256: str) -> str | None:
    """What is wrong with the blob; None when it was copied."""
    make_private_folder(target / sha256[:2])
    copy = target / sha256[:2] / sha256
    try:
        found = _copied_hash(source / sha256[:2] / sha256, copy)
    except FileNotFoundError:
        return "missing"
    if found == sha256:
        return None
    copy.unlink()
    return "damaged"


def _copied_hash(source: Path, target: Path) -> str:
    """Copy the file, durably; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as read, open(target, "xb", opener=private) as write:
        while chunk := read.read(_READ_BYTES):
            digest.update(chunk)
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    return digest.hexdigest()


def _is_there(objects: Path, key: str) -> bool:
    """Whether the object is still named; one that was deleted since is none that the backup lacks."""
    with sqlite3.connect(f"file:{objects / 'index.sqlite'}?mode=ro", uri=True) as index:
        found = index.execute("SELECT 1 FROM objects WHERE key = ?", (key,)).fetchone()
    index.close()
    return found is not None
