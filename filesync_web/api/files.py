"""The helpers that save, edit, delete and read files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from filesync_web.api.instance import get_file_sync
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.records import FileOperationResult
from filesync_web.files.file_to_save import AppEvents, FileToSave
from filesync_web.files.many_saves import OnResult
from filesync_web.ports import BlobHandle, Source


async def save_file(
    source: Source,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    metadata: FileMetadata | None = None,
    new_id: str | None = None,
    events: AppEvents | None = None,
) -> FileOperationResult:
    """Keep a new file: store it on this device, record it for all clients, and upload it in the background.

        result = await save_file(js_file)
        result = await save_file(b"hello", name="hello.txt")
        result = await save_file(path, metadata=FileMetadata(custom={"album": "Summer"}))
        await save_file(js_file, events=lambda result: [photo_added(album="Summer", photo=result.file_id)])

    When this returns, the bytes and their record are on the disk: neither a crash of the tab nor a power cut
    loses them. The file shows at once, from the own copy. Its upload needs nobody to wait for it; offline it
    waits for the connection. Many files may be saved at once: some at a time are written.

    Args:
        source: what to store. In a browser a JavaScript `File`, `Blob`, `ReadableStream`, typed array or
            `ArrayBuffer`: hand it over as it is, its bytes do not pass through Python. Everywhere `bytes`,
            `bytearray`, `memoryview`, a `pathlib.Path`, a binary file (what has `read`), or a plain or
            asynchronous iterator of bytes. A stream, file or iterator is read once, from where it is.
        name: the name to show. Default: that of a `File`, a path or an open file; else none.
        mime_type: for example "image/png"; ASCII, at most 255 characters. Default: the type of a `File` or
            `Blob`, else what the name suggests, else "application/octet-stream".
        metadata: more to record; `custom` takes any JSON. The size in bytes, and width and height of an image
            in pixels, are measured, whatever is said here. Read it back with `get_file_metadata(record)`.
        new_id: the id that the file gets, a fresh UUID, for who notes it before the file is made. Default:
            one is made.
        events: makes events of the app's own schema that belong to the file: they are in the log together
            with the file, or neither is, whatever dies at whatever moment. It is called with the result that
            is about to be returned (again, when room had to be made for the commit), and must not await.
            Other clients get them after the file, and may see the file alone for a moment.

    Returns:
        `FileOperationResult`: `file_id` names the file in all other helpers, `content_hash` is the SHA-256
        of its bytes in hex, `path` its place on the device, and with a slash in front its URL under the
        service worker. Saving the same bytes twice makes two files with one content.

    Raises:
        InvalidArgumentError: the source cannot be stored, or an argument cannot be recorded; change the call.
        QuotaExceededError: the device is full, also after what is uploaded and not pinned was evicted. Ask
            the user to delete or unpin files, then save again.
        StorageUnavailableError: the browser keeps nothing here (private mode, an insecure page).
        StorageError: the disk failed, or the source changed while it was read; save again.
        EventTooLargeError: the metadata has more than 900,000 bytes; put that into a file.
        StoreError: the event log cannot be written; `StoreClosedError` when the store was closed.
        NotInitializedError: `init_file_sync` was not called yet.
        SchemaError: an event that `events` made cannot be committed.

    What a preprocessor, an iterator or `events` raises passes through. After any error nothing is left
    behind.
    """
    return await get_file_sync().save_file(
        source, name=name, mime_type=mime_type, metadata=metadata, new_id=new_id, events=events
    )


async def save_files(
    sources: Iterable[Source | FileToSave],
    *,
    events: AppEvents | None = None,
    on_result: OnResult | None = None,
) -> list[FileOperationResult]:
    """Keep many files: some at a time, so that it takes little memory, and much faster than one by one.

        results = await save_files(event.target.files)
        results = await save_files(FileToSave(data, name=name) for name, data in members())

        try:
            results = await save_files(paths)
        except SaveFilesError as error:
            again = [path for path, result in zip(paths, error.results) if result is None]

    Each is saved by itself, as by `save_file`. One that cannot be saved loses none of the others: all are
    tried, and then it raises. When this is cancelled, those that are saved stay, and nothing is left of any
    other.

    Args:
        sources: what to store; see `save_file`. A `FileToSave` tells name, type, metadata and events of one
            file as well, or which live file gets the content. They may come from an iterator, which gives
            each when its turn comes; it must not wait for anything.
        events: for each file that has none of its own: makes events of the app that are committed together
            with it; see `save_file`.
        on_result: called with the position of a source, from 0, and its result or its error, as soon as that
            is known: to show progress. An error that it raises is logged.

    Returns:
        The results, in the order of the sources.

    Raises:
        SaveFilesError: some were not saved. Its `results` has the result of each source in their order, None
            for what was not saved; its `failures` the errors by position. It is an `ExceptionGroup` of them.
            Errors that would be those of all others too (the device is full, the store is closed) end the
            whole: what was not begun by then has neither a result nor an error.
        InvalidArgumentError: the sources are not several, or a function cannot be called; nothing was saved.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().save_files(sources, events=events, on_result=on_result)


async def update_file(
    file_id: str,
    source: Source,
    *,
    name: str | None = None,
    mime_type: str | None = None,
    metadata: FileMetadata | None = None,
    if_content: str | None = None,
    events: AppEvents | None = None,
) -> FileOperationResult:
    """Give a file new content, for all clients.

        await update_file(result.file_id, js_blob, mime_type="image/png")

    When this returns, the new bytes and the change are on the disk. The old bytes are removed, here and in
    the object store, once the new ones are uploaded and no other file has them. When two clients edit one
    file, the edit that reaches the sync backend last wins, on all of them. A paused or cancelled transfer of
    the file is taken up again; a pin stays.

    Args:
        file_id: the id of a live file, or its path.
        source: the new content; see `save_file`.
        name: the name to show. Default: the one that the file has.
        mime_type: the type of the new content. Default: as for `save_file`, never that of the old content.
        metadata: more to record. Custom metadata that the file has stays, where nothing new is given for it.
        if_content: the hash of the content that is to be replaced. Should somebody else's edit come before
            this one, this one has no effect, on any device, nor have the synced ones of `events`. Default:
            the last edit counts.
        events: makes events of the app that are committed together with the new content; see `save_file`.
            Should they say nothing when somebody else has deleted the file before, they need a condition:
            `event.only_if(files.where(id=result.file_id, deleted_at=None))`.

    Returns:
        `FileOperationResult` with the same `file_id`, the new `path` and the new `content_hash`.

    Raises:
        ContentChangedError: the file has another content than `if_content` already.
        UnknownFileError: no live file has that id; it may have been deleted, here or elsewhere.

    All else is as for `save_file`; after any error the file is what it was.
    """
    return await get_file_sync().update_file(
        file_id,
        source,
        name=name,
        mime_type=mime_type,
        metadata=metadata,
        if_content=if_content,
        events=events,
    )


async def delete_file(
    file_id: str,
    *,
    purge: bool = False,
    if_content: str | None = None,
    events: AppEvents | None = None,
) -> None:
    """Delete a file for all clients: it is in the trash, and `restore_file` brings it back.

        await delete_file(result.file_id)
        await delete_file(result.file_id, purge=True)
        await delete_file(photo, events=lambda deleted: [photo_removed(photo=deleted.file_id)])

    When this returns, the deletion is on the disk, and no query of live files finds the file any more; its
    record stays as a tombstone. What it had is kept for as long as the store's `VersionPolicy` says, 30 days
    by default. Then its bytes are removed in the background, here and in the object store, where nothing else
    has the same content. Works offline: the rest follows with the connection.

    Args:
        file_id: the id of a live file, or its path.
        purge: keep nothing of the file. What somebody else has made of it that this device had not seen stays
            in the trash.
        if_content: the hash of the content that is to be deleted; as for `update_file`.
        events: makes events of the app that are committed together with the deletion, of what the file was;
            see `save_file`.

    Raises:
        ContentChangedError: the file has another content than `if_content` already.
        UnknownFileError: no live file has that id; it may have been deleted already.
        InvalidArgumentError: the id is no text.
        SchemaError: an event that `events` made cannot be committed.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.

    After any error, also one that `events` raises, the file is still there.
    """
    await get_file_sync().delete_file(file_id, purge=purge, if_content=if_content, events=events)


async def read_file(id_or_path: str, *, wait: bool = True) -> BlobHandle:
    """The content of a file, from the own copy; one that is not on this device is downloaded first.

        js_file = await read_file(file_id)      # in a browser
        path = await read_file(file_id)         # on CPython

    Args:
        id_or_path: the id of a live file, or its path, with or without a slash in front.
        wait: wait for the download of a file that is not here but uploaded, however long that takes: offline
            it is done once there is a connection. False asks for what is here now.

    Returns:
        In a browser a JavaScript `File` with the file's name and type, which refers to the stored bytes and
        holds no copy. On CPython a `pathlib.Path` that must not be written to. It is good until the file is
        edited, deleted or evicted.

    Raises:
        UnknownFileError: no live file has that id or path, or it was deleted while we waited.
        BlobNotFoundError: the bytes are not here, and there is nothing to wait for: the client that saved the
            file has not uploaded it yet, the mode is local-only, or `wait` is False.
        TransferError: the download rests at an error, which the message tells; `retry_errors` tries again.
            `TransferCancelledError` when it was cancelled, or file sync was ended meanwhile.
        NotInitializedError: `init_file_sync` was not called yet.

    Giving up the wait (`asyncio.wait_for`, say) leaves the download going.
    """
    return await get_file_sync().read_file(id_or_path, wait=wait)


def local_path(id_or_path: str) -> Path:
    """On CPython, where the own copy of a file is, for whatever takes a path.

        table = pandas.read_parquet(local_path(file_id))
        subprocess.run(["pdftotext", local_path(file_id), "text.txt"])

    Nothing is awaited, copied or downloaded. The path ends in the hash of the content, without a suffix, and
    holds while the file keeps its content: an edit, a deletion or an eviction, here or elsewhere, removes
    what is there, so ask again rather than keep it. `pin_file` keeps the file from being evicted, and whoever
    has opened the path reads on to the end. The bytes belong to the store: who writes to them damages every
    file of that content. To change a file there is `update_file`.

    Args:
        id_or_path: the id of a live file, or its path in the store.

    Returns:
        An absolute `pathlib.Path`.

    Raises:
        UnknownFileError: no live file has that id or path; it is a `FileNotFoundError` as well.
        BlobNotFoundError: the bytes are not on this device; it is a `FileNotFoundError` as well. `read_file`
            waits for them, and gives the path too.
        InvalidArgumentError: this is a browser, where files have no paths: `open_file` gives a Python file
            there, and `mount` shows files under paths.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return get_file_sync().local_path(id_or_path)


async def read_bytes(id_or_path: str, *, wait: bool = True) -> bytes:
    """The content of a file, all of it in memory; one that is not on this device is downloaded first.

        data = json.loads(await read_bytes(file_id))

    For what is large there is `open_file`, which reads piece by piece.

    Args:
        id_or_path: the id of a live file, or its path.
        wait: as for `read_file`.

    It raises what `read_file` raises.
    """
    return await get_file_sync().read_bytes(id_or_path, wait=wait)


async def read_text(
    id_or_path: str, *, encoding: str = "utf-8", errors: str = "strict", wait: bool = True
) -> str:
    """The content of a file as text, all of it in memory.

        text = await read_text(file_id)

    Args:
        id_or_path: the id of a live file, or its path.
        encoding: of the text; "utf-8-sig" leaves out a byte order mark.
        errors: what to do with bytes that are none, as for `bytes.decode`.
        wait: as for `read_file`.

    Raises:
        UnicodeDecodeError: the bytes are no text of that encoding.
        LookupError: Python knows no such encoding.

    All else is as for `read_file`.
    """
    return await get_file_sync().read_text(id_or_path, encoding=encoding, errors=errors, wait=wait)


async def get_file_url(id_or_path: str) -> str | None:
    """A URL of the own copy of a file, for this page or process only; None when the bytes are not here.

        image.src = await get_file_url(file_id) or placeholder

    In a browser it is an object URL (`blob:`), one for each content, which the kit revokes when the bytes go
    or with `dispose_file_sync`; on CPython a `file:` URL. Asking for an evicted file brings it back soon.

    Args:
        id_or_path: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id or path.
        StorageError: the device's storage failed.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().get_file_url(id_or_path)


async def resolve_file_url(id_or_path: str) -> str | None:
    """A URL that shows a file now: of the own copy, else of the remote one; None when there is neither.

        image.src = await resolve_file_url(file_id) or placeholder

    The remote URL is signed and expires, after at least a minute; ask again rather than keep it. A file whose
    own copy is still to come is put first in line, unless `auto_prioritize=False`.

    Args:
        id_or_path: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id or path.
        TransferError: the signer was needed and did not answer (`NetworkError`), refused (`AuthError`,
            `PermanentTransferError`) or failed (`ServerError`). `error.retryable` says whether to ask again.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().resolve_file_url(id_or_path)
