"""Stored bytes that are read at any place, without awaiting.

In a worker an access handle reads the file itself, or, where another one has it to itself (Firefox), a
`FileReaderSync` reads slices of the `File`. The main thread has neither; there a synchronous request reads a
slice by an object URL, as text of one character for each byte, since a page may not ask for bytes
synchronously. The page's Content-Security-Policy must then allow `connect-src blob:`. Who wants that can have
Python suspended instead while a worker reads (JavaScript Promise Integration, Pyodide's `run_sync`), which is
many times as fast.

The bytes come in pieces, so that reading a whole file takes little memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import js
from pyodide.ffi import JsException, can_run_sync, run_sync, to_js

from filesync_web.browser.js_util import JsError, call, in_worker, is_none, js_object
from filesync_web.browser.worker import ScriptWorker
from filesync_web.errors import StorageError, UnreadableError
from filesync_web.ports import RandomAccess

OnClose = Callable[[], None]


async def open_handle(js_handle: Any, js_file: Any, on_close: OnClose) -> RandomAccess:
    """The bytes of a file in OPFS, read as is fastest without awaiting. `js_handle` is null where it gives no
    access; `on_close` is called once."""
    if not is_none(js_handle):
        with suppress(JsError):  # the file has one already
            how = js_object({"mode": "read-only"})
            js_access = await call(js_handle, "createSyncAccessHandle", how)
            return AccessedFile(js_file, js_access, on_close)
    return open_file(js_file, on_close)


def open_file(js_file: Any, on_close: OnClose = lambda: None) -> RandomAccess:
    """The bytes of any `File` or `Blob`, at once."""
    return WorkerFile(js_file, on_close) if in_worker() else PageFile(js_file, on_close)


class _OpenFile(ABC):
    """What all have in common."""

    PIECE_SIZE = 1 << 20

    def __init__(self, js_file: Any, on_close: OnClose) -> None:
        self._js_file = js_file
        self._on_close = on_close
        self.size = int(js_file.size)

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read piece by piece."""
        if self._js_file is None:
            raise UnreadableError("the file was closed")
        count = max(0, min(len(into), self.size - offset))
        try:
            for at in range(0, count, self.PIECE_SIZE):
                self.read_piece(offset + at, into[at : min(at + self.PIECE_SIZE, count)])
        except JsException as error:
            raise UnreadableError(
                f"the file cannot be read ({error.message}): were the browser's data cleared, or does the"
                " page's Content-Security-Policy lack connect-src blob:?"
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


class AccessedFile(_OpenFile):
    """The `RandomAccess` port in a worker that has an access handle: it reads into one buffer, again and
    again, and leaves nothing for the garbage collector."""

    def __init__(self, js_file: Any, js_access: Any, on_close: OnClose) -> None:
        super().__init__(js_file, on_close)
        self._js_access = js_access
        self._js_buffer = js.Uint8Array.new(min(self.PIECE_SIZE, self.size))

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Read, and copy."""
        js_view = self._js_buffer.subarray(0, len(into))
        count = self._js_access.read(js_view, js_object({"at": offset}))
        if count != len(into):
            raise UnreadableError(f"the file gave {count} bytes instead of {len(into)}")
        js_view.assign_to(into)

    def close(self) -> None:
        """Let go of the handle and of the file."""
        if self._js_file is not None:
            self._js_access.close()
        super().close()


class WorkerFile(_OpenFile):
    """The `RandomAccess` port in a worker, for any `File`."""

    def __init__(self, js_file: Any, on_close: OnClose) -> None:
        super().__init__(js_file, on_close)
        self._js_reader = js.FileReaderSync.new()

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Copy a slice."""
        js_slice = self._js_file.slice(offset, offset + len(into))
        self._js_reader.readAsArrayBuffer(js_slice).assign_to(into)


class PageFile(_OpenFile):
    """The `RandomAccess` port on the main thread."""

    PIECE_SIZE = 256 << 10  # larger ones are hardly faster, and leave more for the garbage collector

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Ask for a slice. A text that begins with what looks like a byte order mark is decoded as that says,
        and so is too short: then a character is put in front of it."""
        js_slice = self._js_file.slice(offset, offset + len(into))
        text = _text_of(js_slice)
        if len(text) != len(into):
            text = _text_of(js.Blob.new(to_js([" ", js_slice])))[1:]
        into[:] = text.encode("utf-16-le", "surrogatepass")[::2]  # the lower halves of the characters


class SuspendedFile(_OpenFile):
    """The same, where Python may be suspended: other tasks run while the blob worker reads. Where Python may
    not, as in a callback of the browser, or when the worker has ended, it reads as the page does.

    One buffer goes to the worker and comes back with bytes, so that nothing is left for the garbage
    collector.
    """

    def __init__(self, js_file: Any, worker: ScriptWorker, reader: int, on_close: OnClose) -> None:
        super().__init__(js_file, on_close)
        self._worker = worker
        self._reader = reader
        self._js_spare: Any = None
        self._at_once = open_file(js_file)

    def read_piece(self, offset: int, into: memoryview) -> None:
        """Wait for the worker's answer."""
        if can_run_sync():
            with suppress(StorageError):
                self._ask(offset, into)
                return
        self._at_once.read_into(offset, into)

    def _ask(self, offset: int, into: memoryview) -> None:
        js_buffer, self._js_spare = self._js_spare, None  # another task may read meanwhile
        if js_buffer is None:
            js_buffer = js.ArrayBuffer.new(min(self.PIECE_SIZE, self.size))
        about = {"reader": self._reader, "offset": offset, "size": len(into), "buffer": js_buffer}
        js_filled = run_sync(self._worker.start("readPiece", transfer=[js_buffer], **about).result())
        js.Uint8Array.new(js_filled, 0, len(into)).assign_to(into)
        self._js_spare = js_filled


def _text_of(js_blob: Any) -> str:
    """One character for each byte."""
    url = js.URL.createObjectURL(js_blob)
    try:
        js_request = js.XMLHttpRequest.new()
        js_request.open("GET", url, False)
        js_request.overrideMimeType("text/plain; charset=x-user-defined")
        js_request.send()
        text = str(js_request.responseText)
        js_request.abort()  # or it keeps its memory until it is collected
        return text
    finally:
        js.URL.revokeObjectURL(url)
