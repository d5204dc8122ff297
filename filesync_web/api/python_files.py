"""Files as Python's own file objects, for libraries that read and write without awaiting."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from filesync_web.api.instance import get_file_sync
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.raw_files import BUFFER_SIZE
from filesync_web.files.python_files import as_create_file, as_open_file


@as_open_file
def open_file(
    id_or_path: str,
    *,
    text: bool = False,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    wait: bool = True,
    suspend: bool = False,
    buffer_size: int = BUFFER_SIZE,
) -> AbstractAsyncContextManager[Any]:
    """A file to read as Python's own `open` gives it, for any library: a context manager.

        async with open_file(file_id) as file:
            names = zipfile.ZipFile(file).namelist()
        async with open_file(file_id, text=True, newline="") as file:
            total = sum(float(row["amount"]) for row in csv.DictReader(file))

    Only opening awaits; `read`, `seek` and what is built on them do not, and take little memory, however
    large the file is. The file keeps the content that it was opened with, also when it is edited, deleted or
    evicted meanwhile, and is closed with the block. In a browser it reads fastest in a worker; on the main
    thread the page's Content-Security-Policy must allow `connect-src blob:`.

    Args:
        id_or_path: the id of a live file, or its path.
        text: whether it gives text; else it gives bytes.
        encoding: of text, "utf-8" unless it is said here; what is said makes it text.
        errors: of text, as for Python's `open`.
        newline: of text, as for Python's `open`; `csv` wants "".
        wait: download a file that is not here but uploaded, however long that takes.
        suspend: on a browser's main thread, let other tasks run while a read waits, where Pyodide can suspend
            Python: that reads ten times as fast, and the page stays alive. Whoever asks for it must expect
            that other tasks have run between any two reads.
        buffer_size: bytes that are read at once. Who jumps about and reads little may take less.

    Returns:
        The context manager of an `io.BufferedReader`, or of an `io.TextIOWrapper`.

    Raises:
        UnknownFileError: no live file has that id or path; it is a `FileNotFoundError` as well.
        BlobNotFoundError: the bytes are not here, and there is nothing to wait for, or `wait` is False; it is
            a `FileNotFoundError` as well.
        TransferError: the download rests at an error; see `read_file`.
        UnreadableError: from a read, an `OSError`: the browser's data were cleared.
        InvalidArgumentError: an argument cannot work.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    how: dict[str, Any] = {"text": text, "encoding": encoding, "errors": errors, "newline": newline}
    return get_file_sync().open_file(id_or_path, wait=wait, suspend=suspend, buffer_size=buffer_size, **how)


@as_create_file
def create_file(
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
) -> AbstractAsyncContextManager[Any]:
    """A file to write as Python's own `open` gives it, for any library: saved when its block ends.

        async with create_file("sums.csv", text=True, newline="") as file:
            csv.writer(file).writerows(rows)
        file_id = file.result.file_id

    What is written is a temporary file until then, which nobody sees: when the block raises, or the tab dies,
    it goes, and a file that was to get new content keeps the old one. The end of the block does what
    `save_file` does, preprocessors included. The file can be written and sought, not read. Writing takes
    little memory, but for one case: on a browser's main thread what is written waits in memory until somebody
    awaits, so whoever writes much there lets `await file.drain()` follow every few megabytes.

    Args:
        name: the name to show. Default: none, or that of the file that gets new content.
        mime_type: for example "text/csv". Default: what the name suggests.
        metadata: more to record; see `save_file`.
        file_id: a live file that gets the content, as by `update_file`. Default: it is a new file.
        text: whether it takes text; else it takes bytes.
        encoding: of text, "utf-8" unless it is said here; what is said makes it text.
        errors: of text, as for Python's `open`.
        newline: of text, as for Python's `open`; `csv` wants "".
        buffer_size: bytes that are written at once.

    Returns:
        The context manager of a `CreatedFile`, an `io.BufferedWriter`, or of a `CreatedTextFile`, an
        `io.TextIOWrapper`. After the block its `result` is the answer of `save_file`.

    Raises:
        UnknownFileError: no live file has that `file_id`.
        QuotaExceededError: the device is full; from a write, from `drain` or from the block's end. It is an
            `OSError` as well, with the errno `ENOSPC`. See `free_space`.
        InvalidArgumentError: an argument cannot work.
        NotInitializedError: `init_file_sync` was not called yet.

    All else is as for `save_file`; after any error nothing is left behind.
    """
    how: dict[str, Any] = {"text": text, "encoding": encoding, "errors": errors, "newline": newline}
    return get_file_sync().create_file(
        name, mime_type=mime_type, metadata=metadata, file_id=file_id, buffer_size=buffer_size, **how
    )
