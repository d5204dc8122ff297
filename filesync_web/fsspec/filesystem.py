"""The file system `filesync://<store>/<name or id>` of fsspec.

A file's name is its path, as where files are mounted: slashes make folders, and of several files with one
name the oldest has it, the others get a number. Folders are there as long as something is in them. A file is
read, or written as a whole; it is never changed in place.

On CPython everything can be called from any thread but that of the `FileSync`'s event loop; there the
coroutine methods are awaited, whose names begin with `_`. In a browser, whose Python has one thread, look-ups
work anywhere, the rest where Python can be suspended, and the coroutine methods anywhere.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any, TypeVar

from fsspec.asyn import AsyncFileSystem, get_loop
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.utils import stringify_path

from filesync_web.aio.threads import in_thread
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.records import FileRecord
from filesync_web.environment import IN_BROWSER
from filesync_web.errors import SyncTimeoutError
from filesync_web.file_sync import FileSync
from filesync_web.files.python_files import CreatedFile
from filesync_web.fsspec.errors import (
    FolderError,
    FolderNotEmptyError,
    NotAFolderError,
    PathTakenError,
    UnsupportedModeError,
    os_errors,
)
from filesync_web.fsspec.files import AsyncFile, NewFile, StoredFile
from filesync_web.fsspec.paths import Info, Place, folder_info, listing, place_at, place_info
from filesync_web.fsspec.stores import close_at_end, stores_of
from filesync_web.fsspec.synchronous import SynchronousMethods
from filesync_web.fsspec.waiting import begin

T = TypeVar("T")

COPIED_AT_ONCE = 1 << 20
"""Bytes of a file that are in memory when it is copied from or to another file system."""


class FileSyncFileSystem(SynchronousMethods, AsyncFileSystem):
    """The files of a `FileSync`, of the app's in a page, or of a server.

        orders = pandas.read_csv("filesync://album/orders.csv")  # by the settings of `filesync login`
        filesystem = FileSyncFileSystem(file_sync)               # or of an app's own

    Args:
        file_sync: whose files they are; it goes on when this is closed. Without, a page has those of
            `init_file_sync`, and CPython those that the command `filesync` has.
        url: on CPython, the server's, instead of what `filesync login` has kept, and of the environment.
        token: likewise.
        data_dir: likewise, the folder for the store's files and events on this device.
        timeout: seconds that a file may take to be downloaded; by default there is no limit.
        loop: the event loop that does the work; by default that of the `FileSync`, or fsspec's own.
        options: those of `fsspec.asyn.AsyncFileSystem`; with `asynchronous=True` there are only the coroutine
            methods, in whatever loop awaits them, and `_close`.
    """

    protocol = "filesync"
    mirror_sync_methods = False  # fsspec's wait by a thread, which a browser does not have

    def __init__(
        self,
        file_sync: FileSync | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        data_dir: str | Path | None = None,
        timeout: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        **options: Any,
    ) -> None:
        if file_sync is not None:
            loop = file_sync.loop
        elif loop is None:
            loop = asyncio.get_event_loop() if IN_BROWSER else get_loop()
        super().__init__(loop=loop, **options)
        self._timeout = timeout
        self._stores = stores_of(file_sync, url, token, data_dir)
        if self.loop is not None:
            close_at_end(self, self._stores, self.loop)

    # --- what is there

    async def _info(self, path: str, **_options: Any) -> Info:
        path = self._strip_protocol(path)
        return place_info(await self._at(path)) if path else folder_info("")

    async def _ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        found = listing(await self._at(path)) if path else map(folder_info, self._stores.names())
        in_order = sorted(found, key=lambda info: str(info["name"]))
        return in_order if detail else [info["name"] for info in in_order]

    async def _at(self, path: str) -> Place:
        with os_errors():
            return await place_at(self._stores, self._strip_protocol(path))

    async def _matching(self, path: str | list[str]) -> list[Place]:
        """What these paths and patterns mean now; raises `UnknownFileError` for one that means nothing."""
        found: list[Place] = []
        for wanted in path if isinstance(path, list) else [path]:
            place = await self._at(wanted)
            matches = [] if place.exists else await self._matches(wanted)
            if not matches:
                place.check_exists()
            found += matches or [place]
        return found

    async def _matches(self, pattern: str) -> list[Place]:
        paths = await self._glob(stringify_path(pattern)) if has_magic(stringify_path(pattern)) else []
        return [await self._at(path) for path in paths]

    # --- files

    @asynccontextmanager
    async def _reading(self, path: str) -> AsyncIterator[io.BufferedReader]:
        place = await self._at(path)
        with os_errors():
            async with AsyncExitStack() as stack:
                opening = place.store.files.open_file(place.file().id, suspend=True)
                yield await self._in_time(stack.enter_async_context(opening), place)

    @asynccontextmanager
    async def _writing(
        self, path: str, mode: str = "wb", mime_type: str | None = None
    ) -> AsyncIterator[CreatedFile]:
        place, record = await self._to_write(path, mode)
        name, file_id = (place.name, None) if record is None else (None, record.id)
        with os_errors():
            async with place.store.files.create_file(name, file_id=file_id, mime_type=mime_type) as file:
                yield file

    async def _to_write(self, path: str, mode: str) -> tuple[Place, FileRecord | None]:
        """Where to write, and the file whose content is to be replaced."""
        if mode not in {"wb", "xb"}:
            raise UnsupportedModeError(f"mode {mode!r}: a file is read (rb), or written as a whole (wb, xb)")
        place = await self._at(path)
        place.check_new()
        record = place.find()
        if record is not None and mode == "xb":
            raise PathTakenError(f"a file is at {place.path} already")
        return place, record

    async def _in_time(self, download: Awaitable[T], place: Place) -> T:
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await download
        except TimeoutError:
            if not limit.expired():
                raise
            raise SyncTimeoutError(
                f"{place.path} could not be downloaded within {self._timeout} seconds"
            ) from None

    async def open_async(self, path: str, mode: str = "rb", **options: Any) -> AsyncFile:
        """Open a file for those who await: `async with await filesystem.open_async(path) as file`, in which
        `await file.read()` gives bytes and `await file.write(data)` takes them.

        Raises `UnknownFileError`, `FolderError`, `UnsupportedModeError`, and what a download raises.
        """
        mime_type = options.get("mime_type")
        return await AsyncFile(
            self._reading(path) if mode == "rb" else self._writing(path, mode, mime_type)
        ).open()

    async def _open_stored(self, path: str, buffer_size: int) -> StoredFile:
        opening = self._reading(path)
        opened = await opening.__aenter__()
        release = partial(opening.__aexit__, None, None, None)
        return StoredFile(opened, partial(begin, release, asyncio.get_running_loop()), buffer_size)

    async def _open_new(
        self, path: str, mode: str, buffer_size: int, *, autocommit: bool, mime_type: str | None
    ) -> NewFile:
        opening = self._writing(path, mode, mime_type)
        created = await opening.__aenter__()
        loop = asyncio.get_running_loop()
        return NewFile(created, opening, buffer_size, loop=loop, autocommit=autocommit)

    # --- whole contents

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_options: Any
    ) -> bytes:
        if start is None and end is None:
            place = await self._at(path)
            with os_errors():
                return await self._in_time(place.store.files.read_bytes(place.file().id), place)
        async with self._reading(path) as file:
            first, last, _step = slice(start, end).indices(file.seek(0, io.SEEK_END))
            file.seek(first)
            return await in_thread(file.read, max(0, last - first))

    async def _pipe_file(
        self, path: str, value: bytes, mode: str = "overwrite", mime_type: str | None = None, **_options: Any
    ) -> None:
        place, record = await self._to_write(path, _mode_of(mode))
        files, content = place.store.files, bytes(value)
        with os_errors():
            if record is None:
                await files.save_file(content, name=place.name, mime_type=mime_type)
            else:
                await files.update_file(record.id, content, mime_type=mime_type)

    async def _get_file(
        self, rpath: str, lpath: str, callback: Any = DEFAULT_CALLBACK, **_options: Any
    ) -> None:
        if (await self._at(rpath)).is_folder:
            await in_thread(os.makedirs, lpath, exist_ok=True)
            return
        async with self._reading(rpath) as file:
            callback.set_size(file.seek(0, io.SEEK_END))
            file.seek(0)
            with await in_thread(open, lpath, "wb") as target:
                while data := await in_thread(file.read, COPIED_AT_ONCE):
                    await in_thread(target.write, data)
                    callback.relative_update(len(data))

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        mime_type: str | None = None,
        **_options: Any,
    ) -> None:
        if await in_thread(os.path.isdir, lpath):
            return  # a folder is there when something is in it
        with await in_thread(open, lpath, "rb") as source:
            callback.set_size(os.fstat(source.fileno()).st_size)
            async with self._writing(rpath, _mode_of(mode), mime_type) as file:
                while data := await in_thread(source.read, COPIED_AT_ONCE):
                    await in_thread(file.write, data)
                    await file.drain()
                    callback.relative_update(len(data))

    # --- changes without bytes

    async def _rm(
        self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None, **_options: Any
    ) -> None:
        found: dict[str, Place] = {}  # before anything goes: other files may get its path
        for place in await self._matching(path):
            if place.is_folder and not recursive:
                raise FolderError(f"{place.path} is a folder; recursive=True deletes all that is in it")
            records = place.files_below(maxdepth).values() if place.is_folder else [place.file()]
            found |= {record.id: place for record in records}
        with os_errors():
            await asyncio.gather(
                *(place.store.files.delete_file(file_id) for file_id, place in found.items())
            )

    async def _rm_file(self, path: str, **_options: Any) -> None:
        await self._rm([path])

    async def _mv(
        self, path1: str | list[str], path2: str, recursive: bool = False, maxdepth: int | None = None
    ) -> None:
        sources, target = await self._matching(path1), await self._at(path2)
        is_into = len(sources) > 1 or target.is_folder or stringify_path(path2).endswith("/")
        moves: list[tuple[Place, FileRecord, Place]] = []
        for source in sources:
            new = target.child(source.name.rpartition("/")[2]) if is_into else target
            if not source.is_folder:
                moves.append((source, source.file(), new))
            elif recursive and source.name:
                below = source.files_below(maxdepth)
                moves += [(source, record, new.child(name)) for name, record in below.items()]
            else:
                raise FolderError(f"{source.path} is a folder; recursive=True moves all that is in it")
        if len({new.path for _source, _record, new in moves}) < len(moves):
            raise PathTakenError(f"several of {path1!r:.200} would become one file in {target.path}")
        for source, record, new in moves:
            await self._move(source, record, new)

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._mv([path1], path2)

    async def _move(self, source: Place, record: FileRecord, target: Place) -> None:
        """Rename a file, over another one if need be; to another store it is copied."""
        target.check_new()
        replaced = target.find()
        if replaced is not None and replaced.id == record.id:
            return
        with os_errors():
            if target.store is not source.store:
                await self._copy_record(source, record, target)
                await source.store.files.delete_file(record.id)
                return
            await source.store.files.rename_file(record.id, target.name)
            if replaced is not None:
                await source.store.files.delete_file(replaced.id)

    async def _cp_file(self, path1: str, path2: str, **_options: Any) -> None:
        source, target = await self._at(path1), await self._at(path2)
        if source.is_folder:
            return  # what is in it is copied by itself
        record = source.file()
        target.check_new()
        with os_errors():
            await self._copy_record(source, record, target)

    async def _copy_record(self, source: Place, record: FileRecord, target: Place) -> None:
        content = await self._in_time(source.store.files.read_file(record.id), source)
        mime_type = parse_metadata(record.metadata_json).mime_type
        replaced = target.find()
        if replaced is None:
            await target.store.files.save_file(content, name=target.name, mime_type=mime_type)
        elif replaced.id != record.id:
            await target.store.files.update_file(replaced.id, content, name=target.name, mime_type=mime_type)

    # --- folders, which are there when something is in them

    async def _mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> None:
        place = await self._at(path)
        if place.exists:
            raise PathTakenError(f"{place.path} is there already")
        place.check_new()

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        place = await self._at(path)
        if not (exist_ok and place.is_folder):
            await self._mkdir(path)

    async def _rmdir(self, path: str) -> None:
        place = await self._at(path)
        if not place.is_folder:
            raise NotAFolderError(f"{place.path}: {place.file().id} is a file")
        raise FolderNotEmptyError(f"{place.path} is not empty; recursive=True deletes what is in it")

    # --- life

    async def _wait_until_synced(self, path: str, timeout: float | None = None) -> None:
        place = await self._at(path)
        with os_errors():
            await place.store.files.wait_until_synced(None, timeout)

    async def _close(self) -> None:
        await self._stores.close()


def _mode_of(word: str) -> str:
    """The mode of `open` for fsspec's word."""
    return "xb" if word == "create" else "wb"
