"""Stored bytes that are read at any place, without awaiting.

In a worker a `FileReaderSync` reads slices of the `File`. The main thread has none; there a synchronous
request reads a part of the file's object URL, as text of one character for each byte, since a page may not
ask for bytes synchronously. The page's Content-Security-Policy must then allow `connect-src blob:`.

Either way the bytes come in pieces of at most `PIECE_SIZE`, so that reading a whole file takes little memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import js
from pyodide.ffi import JsException, to_js

from filesync_web.errors import UnreadableError
from filesync_web.ports import RandomAccess

PIECE_SIZE = 1 << 20


def open_file(js_file: Any, on_close: Callable[[], None] = lambda: None) -> RandomAccess:
    """The bytes of a `File` or `Blob`, read as this place allows; `on_close` is called once."""
    if hasattr(js, "FileReaderSync"):
        return WorkerFile(js_file, on_close)
    return PageFile(js_file, on_close)


class _OpenFile(ABC):
    """What both have in common."""

    def __init__(self, js_file: Any, on_close: Callable[[], None]) -> None:
        self._js_file = js_file
        self.size = int(js_file.size)
        self._on_close = on_close

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read piece by piece."""
        if self._js_file is None:
            raise UnreadableError("the file was closed")
        count = max(0, min(len(into), self.size - offset))
        try:
            for at in range(0, count, PIECE_SIZE):
                self.read_piece(offset + at, into[at : min(at + PIECE_SIZE, count)])
        except JsException as error:
            raise UnreadableError(
                f"the file cannot be read any more; were the browser's data cleared? ({error.message})"
            ) from error
        return count

    @abstractmethod
    def read_piece(self, offset: int, into: memoryview) -> None:
        """Fill a view with bytes that are all inside of the file."""

    def close(self) -> None:
        """Let go of the file."""
        if self._js_file is not None:
            self._js_file = None
            self._on_close()

    def __del__(self) -> None:
        self.close()


class WorkerFile(_OpenFile):
    """The `RandomAccess` port in a worker."""

    def __init__(self, js_file: Any, on_close: Callable[[], None]) -> None:
        super().__init__(js_file, on_close)
        self._js_reader = js.FileReaderSync.new()

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Copy a slice."""
        js_slice = self._js_file.slice(offset, offset + len(into))
        self._js_reader.readAsArrayBuffer(js_slice).assign_to(into)


class PageFile(_OpenFile):
    """The `RandomAccess` port on the main thread."""

    def __init__(self, js_file: Any, on_close: Callable[[], None]) -> None:
        super().__init__(js_file, on_close)
        self._url = str(js.URL.createObjectURL(js_file))

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Ask for a range of the URL. A text that looks as if it began with a byte order mark is decoded as
        what that says, and so is too short: then a byte goes before it."""
        text = _text_of(self._url, offset, len(into))
        if len(text) != len(into):
            js_marked = js.Blob.new(to_js([" ", self._js_file.slice(offset, offset + len(into))]))
            url = js.URL.createObjectURL(js_marked)
            try:
                text = _text_of(url, 0, 1 + len(into))[1:]
            finally:
                js.URL.revokeObjectURL(url)
        into[:] = _bytes_of(text)

    def close(self) -> None:
        """Let go of the file and of its URL."""
        if self._js_file is not None:
            js.URL.revokeObjectURL(self._url)
        super().close()


def _text_of(url: str, offset: int, count: int) -> str:
    js_request = js.XMLHttpRequest.new()
    js_request.open("GET", url, False)
    js_request.overrideMimeType("text/plain; charset=x-user-defined")
    js_request.setRequestHeader("Range", f"bytes={offset}-{offset + count - 1}")
    js_request.send()
    return str(js_request.responseText)


def _bytes_of(text: str) -> bytes:
    """The bytes that the text stands for: the lower halves of its characters."""
    return text.encode("utf-16-le", "surrogatepass")[::2]
