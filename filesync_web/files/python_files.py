"""Files as Python's own file objects, for what reads and writes without awaiting: `csv`, `zipfile`, `json`,
`sqlite3`, Pillow and so on. Works in every tab.

An open file keeps the content that it was opened with. A created one is saved when its block ends well: until
then its bytes are a temporary file that nobody sees, and when the block raises, or the process dies, they go.
"""

from __future__ import annotations

import asyncio
import codecs
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any, Literal, Protocol, TypedDict, Unpack, overload

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.media_types import check_mime_type
from filesync_web.core.metadata import FileMetadata, check_metadata, encode_metadata, parse_metadata
from filesync_web.core.raw_files import BUFFER_SIZE, RawReader, RawWriter
from filesync_web.core.records import FileOperationResult
from filesync_web.errors import InvalidArgumentError, StoreClosedError
from filesync_web.files.file_to_save import FileToSave
from filesync_web.files.garbage import GarbageCollector
from filesync_web.files.reader import Reader
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer


class OpenOptions(TypedDict, total=False):
    """How any file is opened."""

    wait: bool
    suspend: bool
    buffer_size: int


class CreateOptions(TypedDict, total=False):
    """How any file is created."""

    mime_type: str | None
    metadata: FileMetadata | None
    file_id: str | None
    buffer_size: int


class TextOptions(TypedDict, total=False):
    """What Python's `open` takes for text beside the encoding."""

    errors: str | None
    newline: str | None


class OpenTextOptions(OpenOptions, TextOptions):
    """How a file of text is opened."""


class CreateTextOptions(CreateOptions, TextOptions):
    """How a file of text is created."""


@dataclass(frozen=True, slots=True)
class _Text:
    """How a file of text is read and written."""

    encoding: str
    errors: str | None
    newline: str | None


class _Created:
    """What a created file has beside the methods of a Python file."""

    _result: FileOperationResult | None = None

    @property
    def result(self) -> FileOperationResult:
        """The saved file, once its block has ended; raises `asyncio.InvalidStateError` before."""
        if self._result is None:
            raise asyncio.InvalidStateError("the file is saved when its block ends; before, it has no result")
        return self._result

    def set_result(self, result: FileOperationResult) -> None:
        """The file is saved; not for the app."""
        self._result = result


class CreatedFile(_Created, io.BufferedWriter):
    """A new file that takes bytes."""

    def __init__(self, raw: RawWriter, buffer_size: int) -> None:
        super().__init__(raw, buffer_size)
        self._writer = raw

    async def drain(self) -> None:
        """Wait until few of the bytes written so far are in memory: on a browser's main thread they leave it
        only while somebody awaits. Raises the errors of earlier writes."""
        self.flush()
        await self._writer.drain()

    def abandon(self) -> None:
        """Nobody wants the bytes; not for the app."""
        self._writer.abandon()


class CreatedTextFile(_Created, io.TextIOWrapper):
    """A new file that takes text."""

    def __init__(self, raw: RawWriter, buffer_size: int, how: _Text) -> None:
        buffered = io.BufferedWriter(raw, buffer_size)
        super().__init__(buffered, how.encoding, how.errors, how.newline)
        self._writer = raw

    async def drain(self) -> None:
        """As for bytes."""
        self.flush()
        await self._writer.drain()


class OpenFile(Protocol):
    """The signature of `open_file`."""

    @overload
    def __call__(
        self, id_or_path: str, *, text: Literal[False] = False, **options: Unpack[OpenOptions]
    ) -> AbstractAsyncContextManager[io.BufferedReader]: ...

    @overload
    def __call__(
        self,
        id_or_path: str,
        *,
        text: Literal[True],
        encoding: str = "utf-8",
        **options: Unpack[OpenTextOptions],
    ) -> AbstractAsyncContextManager[io.TextIOWrapper]: ...

    @overload
    def __call__(
        self, id_or_path: str, *, encoding: str, **options: Unpack[OpenTextOptions]
    ) -> AbstractAsyncContextManager[io.TextIOWrapper]: ...


class CreateFile(Protocol):
    """The signature of `create_file`."""

    @overload
    def __call__(
        self, name: str | None = None, *, text: Literal[False] = False, **options: Unpack[CreateOptions]
    ) -> AbstractAsyncContextManager[CreatedFile]: ...

    @overload
    def __call__(
        self,
        name: str | None = None,
        *,
        text: Literal[True],
        encoding: str = "utf-8",
        **options: Unpack[CreateTextOptions],
    ) -> AbstractAsyncContextManager[CreatedTextFile]: ...

    @overload
    def __call__(
        self, name: str | None = None, *, encoding: str, **options: Unpack[CreateTextOptions]
    ) -> AbstractAsyncContextManager[CreatedTextFile]: ...


def as_open_file(function: OpenFile) -> OpenFile:
    """Give a function that takes all of these arguments the types of `open_file`."""
    return function


def as_create_file(function: CreateFile) -> CreateFile:
    """The same for `create_file`."""
    return function


class PythonFiles:
    """Opens and creates the files of one store."""

    def __init__(
        self, workspace: Workspace, reader: Reader, writer: Writer, garbage: GarbageCollector
    ) -> None:
        self._tables = workspace.tables
        self._blobs = workspace.platform.blobs
        self._reader = reader
        self._writer = writer
        self._garbage = garbage

    @asynccontextmanager
    async def open(
        self,
        id_or_path: str,
        *,
        text: bool = False,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        wait: bool = True,
        suspend: bool = False,
        buffer_size: int = BUFFER_SIZE,
    ) -> AsyncIterator[Any]:
        """A live file to read; see `filesync_web.open_file`."""
        how = _text_format(text, encoding, errors, newline)
        _check_buffer_size(buffer_size)
        record, opened = await self._reader.open(id_or_path, wait=wait, suspend=suspend)
        raw = RawReader(opened, parse_metadata(record.metadata_json).name or record.id)
        try:
            file = io.BufferedReader(raw, buffer_size)
            yield file if how is None else io.TextIOWrapper(file, how.encoding, how.errors, how.newline)
        finally:
            raw.close()
            with suppress(StoreClosedError):  # the next start collects it
                self._garbage.closed(record.content_hash)

    @asynccontextmanager
    async def create(
        self,
        name: str | None = None,
        *,
        mime_type: str | None = None,
        metadata: FileMetadata | None = None,
        file_id: str | None = None,
        text: bool = False,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffer_size: int = BUFFER_SIZE,
    ) -> AsyncIterator[Any]:
        """A new file, or new content of one, to write; see `filesync_web.create_file`."""
        how = _text_format(text, encoding, errors, newline)
        _check_buffer_size(buffer_size)
        encode_metadata(check_metadata(metadata or FileMetadata()))
        if mime_type:
            check_mime_type(mime_type)
        if file_id is not None:
            self._tables.live(file_id)
        new = await self._blobs.create_bytes()
        try:
            raw = RawWriter(new, name or "")
            file: CreatedFile | CreatedTextFile
            file = CreatedFile(raw, buffer_size) if how is None else CreatedTextFile(raw, buffer_size, how)
            with _closing(raw, file):
                yield file
            finished = await new.finish()
            saved = await self._writer.save(
                FileToSave(finished, name=name, mime_type=mime_type, metadata=metadata, file_id=file_id)
            )
            file.set_result(saved)
        finally:
            await new.discard()


@contextmanager
def _closing(raw: RawWriter, file: CreatedFile | CreatedTextFile) -> Iterator[None]:
    """Write what the file still holds in its buffers, if the block ends well."""
    try:
        yield
        file.close()
    except BaseException:
        raw.abandon()
        with suppress(ValueError):  # it was detached
            file.close()
        raise


def _text_format(text: bool, encoding: str | None, errors: str | None, newline: str | None) -> _Text | None:
    """None for a file of bytes. Raises `LookupError` for an encoding that Python does not know."""
    if text or encoding is not None:
        encoding = encoding or "utf-8"
        codecs.lookup(encoding)
        return _Text(encoding, errors, newline)
    if errors is not None or newline is not None:
        raise InvalidArgumentError("errors and newline are for text: give text=True or an encoding as well")
    return None


def _check_buffer_size(buffer_size: int) -> None:
    if not isinstance(buffer_size, int) or buffer_size < 1:
        raise InvalidArgumentError(f"buffer_size is a number of bytes, at least 1, not {buffer_size!r:.100}")
