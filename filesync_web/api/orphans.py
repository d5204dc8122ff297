"""The helpers for bytes whose files have vanished without a deletion."""

from __future__ import annotations

from filesync_web.api.instance import get_file_sync
from filesync_web.core.records import FileOperationResult
from filesync_web.files.orphans import Orphan


async def list_orphans() -> list[Orphan]:
    """The bytes on this device whose files have vanished without a deletion, the oldest first.

        for orphan in await list_orphans():
            offer(orphan.content_hash, orphan.metadata.name or "Untitled", orphan.size)

    Files vanish when the sync backend has lost its data, was restored from an older backup or was another one
    for a while, and the app does not let it be offered again (`SyncOptions(on_backend_reset="drop")`); or
    when this device's own log was lost. Nothing is deleted for that: the bytes stay for `orphan_grace`
    seconds (30 days by default), and until metadata sync works. When the files come back, so do their bytes.
    Nobody has to call this; an app may offer its user to keep what would be lost. A page can watch the table
    of them: `store.subscribe((tables.orphans,), callback)`.

    Returns:
        A list of `Orphan`: `content_hash` (SHA-256 in hex), `size` in bytes, `since` when it was found in
        milliseconds since the epoch, and `metadata`, the `FileMetadata` that was known of the file, with its
        `name` and `mime_type`; None in it where nothing is known.

    Raises:
        StorageError: the device's storage failed.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().list_orphans()


async def recover_orphan(content_hash: str, *, name: str | None = None) -> FileOperationResult:
    """Save orphaned bytes as a new file, for all clients; they are not copied.

        result = await recover_orphan(orphan.content_hash, name=orphan.metadata.name or "Found again")

    The file has a new id, and the metadata that was known of the old one. Its upload follows by itself.

    Args:
        content_hash: that of an `Orphan`.
        name: the name to show. Default: the one that is known, else none.

    Returns:
        `FileOperationResult` with `file_id`, `path` and `content_hash`; the event is durable.

    Raises:
        BlobNotFoundError: no orphaned bytes are here under that hash: they were recovered or dropped
            meanwhile, or a file has them again.
        InvalidArgumentError: the hash is none, or the name is no text.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().recover_orphan(content_hash, name=name)


async def drop_orphan(content_hash: str) -> None:
    """Remove orphaned bytes from this device, for good.

    Args:
        content_hash: that of an `Orphan`.

    Raises:
        BlobNotFoundError: no orphaned bytes are here under that hash.
        InvalidArgumentError: the hash is none.
        NotEvictableError: files are being saved all the time; try again later.
        StorageError: the device's storage failed.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().drop_orphan(content_hash)
