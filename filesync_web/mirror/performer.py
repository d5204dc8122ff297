"""Takes the steps of a mirror, on both sides, and notes each.

Contents and deletions are noted before they are done, names after it: whatever is recognised when this
process dies between the two is safe (`decisions.plan`). A removal from the folder that was begun is finished
by the next look (`finish_removals`). A step whose place or content has changed since the look is left for the
next one.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from filesync_web.aio.threads import in_thread
from filesync_web.core.records import FileRecord
from filesync_web.errors import (
    BlobNotFoundError,
    ContentChangedError,
    NotEvictableError,
    QuotaExceededError,
)
from filesync_web.file_sync import FileSync
from filesync_web.files.tables import FileSyncTables
from filesync_web.mirror.decisions.steps import (
    DeleteInStore,
    Forget,
    Known,
    Note,
    PutNew,
    RemoveInFolder,
    RenameInFolder,
    RenameInStore,
    Step,
    Update,
    Write,
)
from filesync_web.mirror.folder import Entry, Folder, InTheWayError, Scan
from filesync_web.mirror.knowledge import Knowledge
from filesync_web.mirror.plain_files import open_plain
from filesync_web.mirror.stamps import Hashed, stamp_of

CHUNK_SIZE = 1 << 20
NOT_UPLOADED = "it is not uploaded yet: the device that has it must come online"
OUT_OF_REACH = "it is not on this device, and comes when the server can be reached"


class Performer:
    """Takes the steps of one look, of which `scan` is what the folder had. `put_ids`: files of the store that
    have got new bytes."""

    def __init__(
        self,
        files: FileSync,
        tables: FileSyncTables,
        folder: Folder,
        knowledge: Knowledge,
        scan: Scan,
        *,
        is_offline: bool,
    ) -> None:
        self.put_ids: set[str] = set()
        self._files = files
        self._tables = tables
        self._folder = folder
        self._knowledge = knowledge
        self._scan = scan
        self._is_offline = is_offline

    async def take(self, step: Step) -> None:
        """Take one step.

        Raises `InTheWayError` when it is to be looked at again; `BlobNotFoundError` when the bytes are
        nowhere to be had yet; `QuotaExceededError` when a disk is full; `OSError` and the errors of
        `FileSync`.
        """
        match step:
            case Note(known):
                self._knowledge.note(known)
            case Forget(known):
                self._knowledge.forget([known.file_id])
            case PutNew():
                await self._put(step)
            case Update():
                await self._update(step)
            case RenameInStore():
                await self._files.rename_file(step.file_id, step.path)
                self._renote(step.file_id, lambda known: replace(known, path=step.path, name=step.path))
            case DeleteInStore():
                await self._delete(step)
            case RemoveInFolder():
                await self._remove(step)
            case RenameInFolder():
                await self._move(step)
            case Write():
                await self._write(step)

    # --- to the store

    async def _put(self, step: PutNew) -> None:
        entry, file_id = self._entry(step.path, step.content), str(uuid.uuid4())
        self._knowledge.note(Known(step.path, file_id, step.content, step.name))

        async def save() -> None:
            await self._files.save_file(await self._bytes(entry), name=step.name, new_id=file_id)

        await self._with_room(entry, save)
        self.put_ids.add(file_id)

    async def _update(self, step: Update) -> None:
        entry = self._entry(step.path, step.content)
        self._renote(
            step.file_id, lambda known: replace(known.sending(step.content, step.base), path=step.path)
        )

        async def update() -> None:
            await self._files.update_file(step.file_id, await self._bytes(entry), if_content=step.base)

        await self._with_room(entry, update)
        self.put_ids.add(step.file_id)

    async def _with_room(self, entry: Entry, save: Callable[[], Awaitable[None]]) -> None:
        """Save something, if need be after room was made for it in the store's folder."""
        try:
            await save()
        except QuotaExceededError:
            with suppress(NotEvictableError):
                await self._files.free_space(entry.stamp.size)
            await save()

    async def _bytes(self, entry: Entry) -> bytes | AsyncIterator[bytes]:
        """The bytes of a file as it was looked at; raises `InTheWayError`, at the end at the latest, when it
        has changed."""
        path = self._folder.root / entry.real
        if entry.stamp.size <= CHUNK_SIZE:
            return b"".join([chunk async for chunk in _chunks(path, entry)])
        return _chunks(path, entry)

    async def _delete(self, step: DeleteInStore) -> None:
        if await in_thread(self._folder.is_there, step.path, self._scan):
            raise InTheWayError(f"{step.path} is there again")
        # Noted so, a deletion of our own is not taken for another's.
        self._renote(step.file_id, lambda known: replace(known, sent=(step.base,)))
        await self._files.delete_file(step.file_id, if_content=step.base)
        self._knowledge.forget([step.file_id])

    # --- to the folder

    async def _remove(self, step: RemoveInFolder) -> None:
        """Remove a file, which is forgotten only then: a new file of that content is somebody's who has put
        it there again, but one that could not be removed must not become a new one of the store."""
        entry = self._entry(step.path, step.content)
        self._knowledge.begin_removal(step.file_id, entry.real, entry.stamp)
        try:
            await in_thread(self._folder.remove, entry)
        except (InTheWayError, OSError):
            self._knowledge.end_removal(step.file_id)
            raise
        self._knowledge.forget([step.file_id])
        self._scan.files.pop(step.path)

    async def _move(self, step: RenameInFolder) -> None:
        entry = self._scan.files.get(step.path)
        if entry is None:
            raise InTheWayError(f"{step.path} has gone")
        moved = await in_thread(self._folder.rename, entry, step.new_path, self._scan)
        self._renote(step.file_id, lambda known: replace(known, path=step.new_path))
        del self._scan.files[step.path]
        self._keep(step.new_path, moved, self._scan.contents.pop(step.path).content)

    async def _write(self, step: Write) -> None:
        over = None if step.over is None else self._entry(step.path, step.over)
        record = self._tables.live(step.file_id)
        if record.content_hash != step.content:
            raise ContentChangedError(f"{step.path} has other content in the store by now")
        source = await self._fetch(record)
        if over is None and await in_thread(self._folder.is_there, step.path, self._scan):
            raise InTheWayError(f"{step.path} is there already")
        known = self._knowledge.of(step.file_id) or Known(step.path, step.file_id, "", step.name)
        self._knowledge.note(replace(known, path=step.path, arriving=step.content))
        mtime_ns = min(max(record.updated_at, 0) * 1_000_000, time.time_ns())  # anybody may say anything
        written = await in_thread(
            self._folder.write, step.path, source, self._scan, over=over, mtime_ns=mtime_ns
        )
        self._knowledge.note(Known(step.path, step.file_id, step.content, step.name))
        self._keep(step.path, written, step.content)

    async def _fetch(self, record: FileRecord) -> Path:
        """The own copy of a file's bytes, which are downloaded if they are elsewhere and can be had."""
        can_wait = record.is_uploaded and not self._is_offline
        try:
            source: Path = await self._files.read_file(record.id, wait=can_wait)
        except BlobNotFoundError as error:
            if can_wait:
                raise ContentChangedError(f"file {record.id} has got another content meanwhile") from error
            raise BlobNotFoundError(NOT_UPLOADED if not record.is_uploaded else OUT_OF_REACH) from error
        if source.name != record.content_hash:
            raise ContentChangedError(f"file {record.id} has got another content meanwhile")
        return source

    # --- what is known

    def _entry(self, path: str, content: str) -> Entry:
        """The file at a path, if it has that content."""
        entry, hashed = self._scan.files.get(path), self._scan.contents.get(path)
        if entry is None or hashed is None or hashed.content != content:
            raise InTheWayError(f"{path} is not what it was")
        return entry

    def _keep(self, path: str, entry: Entry, content: str) -> None:
        """The folder has that content there now."""
        self._scan.files[path] = entry
        self._scan.contents[path] = hashed = Hashed(entry.stamp, content, time.time_ns())
        self._knowledge.keep_hashes({path: hashed})

    def _renote(self, file_id: str, change: Callable[[Known], Known]) -> None:
        known = self._knowledge.of(file_id)
        if known is not None:
            self._knowledge.note(change(known))


def finish_removals(folder: Folder, knowledge: Knowledge) -> None:
    """Do what a mirror that died was about to do: remove files, if they are still those. Blocks."""
    for file_id, real, stamp in knowledge.removals():
        try:
            folder.remove(Entry(real, stamp))
        except InTheWayError:
            pass  # it has gone, or is another one by now
        except OSError:
            knowledge.end_removal(file_id)  # known still, it is tried again
            continue
        knowledge.forget([file_id])


async def _chunks(path: Path, entry: Entry) -> AsyncIterator[bytes]:
    """The bytes of a file, a chunk at a time."""
    try:
        descriptor = await in_thread(open_plain, path)
    except FileNotFoundError:
        raise InTheWayError(f"{path} has gone") from None
    try:
        while chunk := await in_thread(os.read, descriptor, CHUNK_SIZE):
            yield chunk
        if stamp_of(os.fstat(descriptor)) != entry.stamp:
            raise InTheWayError(f"{path} has changed while it was read")
    finally:
        os.close(descriptor)
