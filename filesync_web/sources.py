"""The sources that exist on every Python: bytes, paths, binary files and iterators of bytes.

A *chunk* is at most `CHUNK_SIZE` bytes. Streams are read one chunk at a time and only when the last one was
used, so that a source of any size takes the memory of one chunk.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filesync_web.aio.threads import in_thread, to_thread
from filesync_web.core.text import clean_text
from filesync_web.errors import InvalidArgumentError, StorageError
from filesync_web.ports import SourceInfo

CHUNK_SIZE = 1 << 20

BytesLike = bytes | bytearray | memoryview


def describe(source: Any) -> SourceInfo:
    """Name and size of a source; raises `InvalidArgumentError` for what is none."""
    if isinstance(source, Path):
        return SourceInfo(name=clean_text(source.name), size=_file_size(source))
    if isinstance(source, BytesLike):
        return SourceInfo(size=memoryview(source).nbytes)
    readable = any(hasattr(source, name) for name in ("read", "__aiter__", "__iter__"))
    # A future, which a promise of JavaScript arrives as, can be iterated too.
    if readable and not isinstance(source, str) and not inspect.isawaitable(source):
        return SourceInfo(name=_name_of(source))
    raise InvalidArgumentError(
        f"a {type(source).__name__} cannot be stored: give bytes, a path, a binary file or an iterator"
    )


def with_path(source: Any) -> Any:
    """A source, made a path when it is text; for CPython, where text names a file."""
    return Path(source) if isinstance(source, str) else source


async def chunks(source: Any) -> AsyncGenerator[bytes, None]:
    """The bytes of a source that `describe` accepts, as copies that nobody changes any more.

    Raises `InvalidArgumentError` when it yields something else than bytes, `StorageError` when a path or a
    file cannot be read, and whatever an iterator raises.
    """
    async for item in _items(source):
        if not isinstance(item, BytesLike):
            raise InvalidArgumentError(f"the source gave a {type(item).__name__} instead of bytes")
        view = memoryview(item)
        octets = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
        for at in range(0, octets.nbytes, CHUNK_SIZE):
            yield bytes(octets[at : at + CHUNK_SIZE])


def check_size(size: int, described: int | None) -> None:
    """Raise `StorageError` unless as many bytes came as `describe` said."""
    if described is not None and size != described:
        raise StorageError(
            f"the source changed while it was read: it gave {size} bytes instead of {described}; nothing was"
            " stored (give an open file instead of a path to store whatever comes)"
        )


def is_short(source: Any, size: int | None) -> bool:
    """Whether a source of that size is a path or bytes, and no longer than a chunk."""
    return isinstance(source, Path | BytesLike) and size is not None and size <= CHUNK_SIZE


def read_short(source: Any) -> bytes:
    """All bytes of such a source, and of a path that has grown meanwhile some more; it may wait for the disk.
    Raises `StorageError` when a path cannot be read."""
    if not isinstance(source, Path):
        return bytes(source)
    with _reading(source), source.open("rb") as file:
        return file.read(CHUNK_SIZE + 1)


async def _items(source: Any) -> AsyncGenerator[Any, None]:
    """What the source gives, as large as it likes."""
    if isinstance(source, Path):
        with ExitStack() as opened:  # also when the opening is cancelled
            with _reading(source):
                file = await in_thread(lambda: opened.enter_context(source.open("rb")))
            async for item in _read(partial(in_thread, file.read), source):
                yield item
    elif isinstance(source, BytesLike):
        yield source
    elif hasattr(source, "read"):
        read = source.read if inspect.iscoroutinefunction(source.read) else partial(to_thread, source.read)
        async for item in _read(read, getattr(source, "name", None) or f"a {type(source).__name__}"):
            yield item
    elif hasattr(source, "__aiter__"):
        async for item in source:
            yield item
    else:
        for item in source:
            yield item


async def _read(read: Callable[[int], Awaitable[Any]], name: object) -> AsyncGenerator[Any, None]:
    """The rest of a binary file."""
    while True:
        with _reading(name):
            item = await read(CHUNK_SIZE)
        if not item:
            return
        yield item


@contextmanager
def _reading(name: object) -> Iterator[None]:
    """Say of the system's errors which source they are of: the store has errors of its own."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the source {name} cannot be read ({error}); nothing of it was stored") from error


def _file_size(path: Path) -> int:
    try:
        if path.is_file():
            return path.stat().st_size
    except OSError as error:
        raise InvalidArgumentError(f"{path} is not a file that can be read: {error}") from error
    raise InvalidArgumentError(f"{path} is not a file that can be read")


def _name_of(source: Any) -> str:
    """The last part of a source's path; "" for what has none: the `name` of a `TemporaryFile` is a number."""
    name = getattr(source, "name", None)
    try:
        return clean_text(Path(os.fsdecode(name)).name) if isinstance(name, str | bytes | os.PathLike) else ""
    except (TypeError, ValueError):  # a path-like object that makes no path
        return ""
