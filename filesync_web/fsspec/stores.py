"""Where a file system gets its stores from: the `FileSync` that it was given, in a page also the one of the
app; else the settings of the command `filesync`, by which it opens stores as the command does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from weakref import finalize

from filesync_web.environment import IN_BROWSER
from filesync_web.errors import SyncAuthError, UnknownFileError
from filesync_web.file_sync import FileSync
from filesync_web.files.stored_tree import StoredTree
from filesync_web.fsspec.waiting import is_own_thread

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 10.0
"""Seconds that a process waits at its end."""


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store that can be used now."""

    files: FileSync
    tree: StoredTree


class Stores(Protocol):
    """The stores of one file system."""

    def names(self) -> list[str]:
        """The ids of those that are known."""
        ...

    async def open(self, store_id: str) -> OpenStore:
        """The store of that id, opened if need be; raises `UnknownFileError` when there is none."""
        ...

    async def close(self) -> None:
        """Close what `open` has opened."""
        ...


class GivenStore:
    """The store of a `FileSync` that an app has made, and that it disposes of."""

    def __init__(self, current: Callable[[], FileSync]) -> None:
        self._current = current
        self._opened: OpenStore | None = None

    def names(self) -> list[str]:
        """The one."""
        return [self._current().store_id]

    async def open(self, store_id: str) -> OpenStore:
        """The one, if it is that."""
        files = self._current()
        if store_id != files.store_id:
            raise UnknownFileError(
                f"there is no store {store_id!r} here: paths begin with the store, {files.store_id}/..."
            )
        if self._opened is None or self._opened.files is not files:
            await self.close()
            self._opened = OpenStore(files, files.file_tree())
        return self._opened

    async def close(self) -> None:
        """Note no more changes."""
        if self._opened is not None:
            self._opened.tree.close()
            self._opened = None


class ServerStores:
    """The stores of one server, as the command `filesync` has them on this device."""

    def __init__(self, url: str | None, token: str | None, data_dir: str | Path | None) -> None:
        given = {"URL": url, "TOKEN": token, "DATA_DIR": data_dir}
        self._given = {f"FILESYNC_{name}": str(value) for name, value in given.items() if value is not None}
        self._opened: dict[str, OpenStore] = {}
        self._opening = asyncio.Lock()
        self._exits = AsyncExitStack()

    def names(self) -> list[str]:
        """Those that are open, and the one of the settings."""
        from filesync_web.command.settings import Flags, load_settings

        return sorted({*self._opened, load_settings(Flags(), os.environ | self._given).store})

    async def open(self, store_id: str) -> OpenStore:
        """The store, with what the server knows of it; without the server, with what this device knows.

        Raises `SettingsError` when there is no server or token to use, `AuthError` or `SyncAuthError` when
        the token is refused.
        """
        async with self._opening:
            if store_id not in self._opened:
                self._opened[store_id] = await self._begin(store_id)
            return self._opened[store_id]

    async def _begin(self, store_id: str) -> OpenStore:
        from filesync_web.command.session import OFFLINE_ERRORS, open_session
        from filesync_web.command.settings import Flags, load_settings

        settings = load_settings(Flags(store=store_id), os.environ | self._given)
        async with AsyncExitStack() as exits:
            session = await exits.enter_async_context(open_session(settings))
            try:
                await session.connect()
            except SyncAuthError:
                raise
            except OFFLINE_ERRORS as error:
                logger.warning("offline, so store %s has what this device knows: %s", store_id, error)
            tree = session.files.file_tree()
            exits.callback(tree.close)
            self._exits.push_async_exit(exits.pop_all())
            return OpenStore(session.files, tree)

    async def close(self) -> None:
        """Close the stores; what is not uploaded yet is so by the next who opens them."""
        async with self._opening:
            self._opened.clear()
            await self._exits.aclose()


def stores_of(
    file_sync: FileSync | None, url: str | None, token: str | None, data_dir: str | Path | None
) -> Stores:
    """The stores that these options of a file system mean."""
    if file_sync is not None:
        return GivenStore(lambda: file_sync)
    if IN_BROWSER:
        from filesync_web.api.instance import get_file_sync

        return GivenStore(get_file_sync)
    return ServerStores(url, token, data_dir)


def close_at_end(filesystem: object, stores: Stores, loop: asyncio.AbstractEventLoop) -> None:
    """Close the stores when their file system goes, at the latest when Python ends."""
    closing = finalize(filesystem, _close, stores, loop, os.getpid())
    closing.atexit = False
    if not IN_BROWSER:
        # `atexit` comes when the threads that a store works with have ended; what is registered here comes
        # before, if it is registered later than their end is.
        import concurrent.futures.thread  # noqa: F401

        threading._register_atexit(closing)  # type: ignore[attr-defined] # noqa: SLF001


def _close(stores: Stores, loop: asyncio.AbstractEventLoop, process: int) -> None:
    if os.getpid() != process or not loop.is_running():
        return  # a forked process has not opened them
    closing = asyncio.run_coroutine_threadsafe(stores.close(), loop)
    if not (IN_BROWSER or is_own_thread(loop)):
        with suppress(Exception):  # nobody is there to hear of it
            closing.result(CLOSE_TIMEOUT)
