"""What an app does with the files of a store: save, change, read and show them. Works in every tab."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filesync_web.core.metadata import FileMetadata
from filesync_web.core.records import FileOperationResult
from filesync_web.files.descriptions import Descriptions
from filesync_web.files.file_to_save import AppEvents, FileToSave
from filesync_web.files.many_saves import ManySaves, OnResult
from filesync_web.files.mounts import MountedFiles, Mounts
from filesync_web.files.reader import Reader
from filesync_web.files.thumbnails import Thumbnails
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer
from filesync_web.ports import BlobHandle, Source

if TYPE_CHECKING:
    from filesync_web.files.stored_tree import StoredTree


class FileOperations:
    """The operations; a `FileSync` puts together what they need."""

    _workspace: Workspace
    _writer: Writer
    _reader: Reader
    _descriptions: Descriptions
    _mounts: Mounts
    _thumbnails: Thumbnails

    async def save_file(
        self,
        source: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        metadata: FileMetadata | None = None,
        new_id: str | None = None,
        events: AppEvents | None = None,
    ) -> FileOperationResult:
        """Save a new file; it survives a crash of the tab from the moment this returns, and is uploaded
        by itself.

        `source`: a JavaScript `File`, `Blob` or `ReadableStream`, bytes, an async iterator of bytes, on
        CPython also a path, as text too. `name` and `mime_type` stand in for what it does not carry.
        `new_id`: a fresh UUID that the file is to have, for who notes it before the file is made. `events`
        makes events of the app, which are committed with the file or not at all. Raises
        `InvalidArgumentError`, `QuotaExceededError`, `StorageError`; then nothing is left behind.
        """
        return await self._writer.save(
            FileToSave(
                source, name=name, mime_type=mime_type, metadata=metadata, new_id=new_id, events=events
            )
        )

    async def save_files(
        self,
        sources: Iterable[Source | FileToSave],
        *,
        events: AppEvents | None = None,
        on_result: OnResult | None = None,
    ) -> list[FileOperationResult]:
        """Save many files, some at a time, as by `save_file`; returns the results in the order of the
        sources. `on_result` is told the position and the result, or the error, of each as soon as it is
        known.

        Raises `SaveFilesError` when some were not saved, once the others are; `InvalidArgumentError`.
        """
        return await ManySaves(self._writer.save, sources, events, on_result).run()

    async def update_file(
        self,
        file_id: str,
        source: Source,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        metadata: FileMetadata | None = None,
        if_content: str | None = None,
        events: AppEvents | None = None,
    ) -> FileOperationResult:
        """Give a file new content; the old content goes after the new is uploaded. Arguments and errors
        as for `save_file`, and `UnknownFileError`.

        `if_content`: the hash of the content that is to be replaced. When the file has another one, here and
        now, `ContentChangedError` is raised; when somebody else's edit turns out to come before this one,
        this one has no effect on any device. Without it the last edit counts.
        """
        known = self._workspace.tables.live(file_id)  # also tells None, which would make a new file
        return await self._writer.save(
            FileToSave(
                source,
                name=name,
                mime_type=mime_type,
                metadata=metadata,
                file_id=known.id,
                if_content=if_content,
                events=events,
            )
        )

    async def delete_file(
        self,
        file_id: str,
        *,
        purge: bool = False,
        if_content: str | None = None,
        events: AppEvents | None = None,
    ) -> None:
        """Delete a file for all clients: it is in the trash, from where `restore_file` brings it back, for as
        long as the store's `VersionPolicy` says. With `purge` nothing of it is kept, and its bytes go, here
        and remotely, when no other file has the same content; except what somebody else has made of it that
        this device had not seen. Works offline. `if_content` as for `update_file`, `events` as for
        `save_file`. Raises `UnknownFileError`."""
        await self._writer.delete(file_id, if_content, events, purge=purge)

    async def read_file(self, id_or_path: str, *, wait: bool = True) -> BlobHandle:
        """The own copy of a live file: a JavaScript `File` in the browser, a path on CPython.

        A file that is not on this device but uploaded is waited for: it is downloaded, now or once that is
        possible. Whoever gives up waiting leaves the download going.

        Raises `UnknownFileError`; `TransferError` when the download fails or rests at an error;
        `BlobNotFoundError` when the bytes are nowhere to be had, or with `wait=False` not on this device.
        """
        return await self._reader.read(id_or_path, wait=wait)

    def local_path(self, id_or_path: str) -> Path:
        """On CPython the absolute path of the own copy of a live file, not to be written to; good until the
        file is edited, deleted or evicted.

        Raises `UnknownFileError`; `BlobNotFoundError` when the bytes are not on this device, where
        `read_file` brings them; in a browser, which has no paths, `InvalidArgumentError`.
        """
        return self._reader.local_path(id_or_path)

    async def read_bytes(self, id_or_path: str, *, wait: bool = True) -> bytes:
        """The content of a live file, in memory; arguments and errors as for `read_file`."""
        return await self._reader.read_bytes(id_or_path, wait=wait)

    async def read_text(
        self, id_or_path: str, *, encoding: str = "utf-8", errors: str = "strict", wait: bool = True
    ) -> str:
        """The same as text. Raises `UnicodeDecodeError` as well."""
        return (await self.read_bytes(id_or_path, wait=wait)).decode(encoding, errors)

    async def rename_file(self, file_id: str, name: str) -> None:
        """Give a file another name, for all clients; no bytes move. Raises `UnknownFileError`,
        `InvalidArgumentError`."""
        await self._descriptions.rename(file_id, name)

    async def set_metadata(
        self, file_id: str, *, mime_type: str | None = None, custom: Mapping[str, Any] | None = None
    ) -> None:
        """Change what is recorded of a file, for all clients; no bytes move. Custom keys are added to those
        that there are; one whose value is None goes. Raises `UnknownFileError`, `InvalidArgumentError`."""
        await self._descriptions.change(file_id, mime_type, custom or {})

    async def get_file_url(self, id_or_path: str) -> str | None:
        """A URL of the own copy of a live file, for this page only; None when the bytes are not on this
        device. Raises `UnknownFileError`."""
        return await self._reader.url(id_or_path)

    async def resolve_file_url(self, id_or_path: str) -> str | None:
        """A URL that shows a live file now: of the own copy, else a signed one that expires, else None.

        Raises `UnknownFileError`, and the errors of the signer.
        """
        return await self._reader.resolve(id_or_path)

    async def thumbnail_url(self, id_or_path: str, size: float = 256) -> str | None:
        """A URL of a small picture of a live image or video, at least `size` pixels on its longest side where
        the original has so many; None where there can be none, or the bytes are not on this device.

        Raises `UnknownFileError`, `StorageError`.
        """
        return await self._thumbnails.url(id_or_path, size)

    async def mount(self, folder: str = "/files") -> MountedFiles:
        """Show the live files, by name, at a folder of Pyodide's file system, until `unmount` or `dispose`.

        Nothing is read now. Raises `InvalidArgumentError` for a folder that cannot be mounted at, and on
        CPython, where `read_file` gives a path.
        """
        return self._mounts.mount(folder, self)

    def file_tree(self) -> StoredTree:
        """The live files as a tree of paths, for what shows them as a file system; to be closed. Not for an
        app."""
        from filesync_web.files.stored_tree import StoredTree  # most pages never need it

        return StoredTree(self._workspace)
