"""The methods that wait by themselves, each for the coroutine method of its name.

fsspec can make such methods, but on CPython alone. What fsspec has beside these (`find`, `glob`, `walk`,
`get`, `put`, `copy` and so on) is made of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from fsspec import AbstractFileSystem

from filesync_web.core.raw_files import BUFFER_SIZE
from filesync_web.fsspec.files import NewFile, StoredFile
from filesync_web.fsspec.waiting import look_up, wait_for

T = TypeVar("T")
Waiting = Callable[[Callable[[], Coroutine[Any, Any, Any]], asyncio.AbstractEventLoop | None, str], Any]


def _by(wait: Waiting, name: str) -> Callable[..., Any]:
    """The method that waits for a coroutine method."""

    def method(self: SynchronousMethods, *args: Any, **options: Any) -> Any:
        work = partial(getattr(self, name), *args, **options)
        return wait(work, self.loop, f"await filesystem.{name}(...)")

    method.__name__ = name.removeprefix("_")
    method.__doc__ = getattr(AbstractFileSystem, method.__name__, method).__doc__
    return method


class SynchronousMethods:
    """The half of the file system that waits. Each raises what its coroutine method raises, and
    `CannotWaitError` where it cannot wait."""

    loop: asyncio.AbstractEventLoop | None
    _open_stored: Callable[..., Coroutine[Any, Any, StoredFile]]
    _open_new: Callable[..., Coroutine[Any, Any, NewFile]]

    info = _by(look_up, "_info")
    ls = _by(look_up, "_ls")
    exists = _by(look_up, "_exists")
    isfile = _by(look_up, "_isfile")
    isdir = _by(look_up, "_isdir")
    cat_file = _by(wait_for, "_cat_file")
    pipe_file = _by(wait_for, "_pipe_file")
    get_file = _by(wait_for, "_get_file")
    put_file = _by(wait_for, "_put_file")
    cp_file = _by(wait_for, "_cp_file")
    mv = _by(wait_for, "_mv")
    mv_file = _by(wait_for, "_mv_file")
    rm = _by(wait_for, "_rm")
    rm_file = _by(wait_for, "_rm_file")
    mkdir = _by(look_up, "_mkdir")
    makedirs = _by(look_up, "_makedirs")
    rmdir = _by(look_up, "_rmdir")

    def wait_until_synced(self, path: str, timeout: float | None = None) -> None:
        """Return once all files of the store at a path are uploaded and recorded at the server. Raises
        `SyncTimeoutError` after `timeout` seconds; then it goes on in the background."""
        _by(wait_for, "_wait_until_synced")(self, path, timeout)

    def close(self) -> None:
        """Close the stores that were opened by settings; a later call opens them anew. It happens by itself
        when Python ends."""
        _by(wait_for, "_close")(self)

    def created(self, path: str) -> datetime:
        """When a file was made."""
        return datetime.fromtimestamp(self.info(path)["created"], UTC)

    def modified(self, path: str) -> datetime:
        """When a file got its content, or what is recorded of it."""
        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **options: Any,
    ) -> StoredFile | NewFile:
        """Open a file of bytes; `block_size`: of its buffer. Of the options, `mime_type` is for a new one."""
        buffer_size = block_size or BUFFER_SIZE
        if mode == "rb":
            work: Callable[[], Any] = partial(self._open_stored, path, buffer_size)
        else:
            mime_type = options.get("mime_type")
            work = partial(
                self._open_new, path, mode, buffer_size, autocommit=autocommit, mime_type=mime_type
            )
        opened: StoredFile | NewFile = wait_for(work, self.loop, "await filesystem.open_async(path, mode)")
        return opened
