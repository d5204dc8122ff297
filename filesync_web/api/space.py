"""The helpers for the room on the device: which bytes stay here, and which may go."""

from __future__ import annotations

from filesync_web.api.instance import get_file_sync
from filesync_web.core.storage_status import StorageStatus


async def pin_file(file_id: str) -> None:
    """Keep the bytes of a file on this device; one that is not here is downloaded.

    A pinned file is never evicted, and room is made for its download. The pin is this device's, and stays
    until `unpin_file`.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().pin_file(file_id)


async def unpin_file(file_id: str) -> None:
    """Let the bytes of a file go when space is needed; they stay until then.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        UnknownFileError: no live file has that id.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().unpin_file(file_id)


async def evict_file(file_id: str) -> None:
    """Remove the bytes of an uploaded file from this device, and those of all files with the same content.

        await evict_file(file_id)

    The file stays, for all clients. It is downloaded again when it is read, shown or pinned. The object store
    is asked first whether it has the bytes; what it has lost is uploaded again from here instead. Does
    nothing for a file that is evicted already.

    Args:
        file_id: the id of a live file, or its path.

    Raises:
        NotEvictableError: the bytes stay, and the message says why: the file is not uploaded, pinned or in
            transfer, the sync backend or the object store cannot be asked, a save goes on, or the mode is
            local-only. Nothing was changed.
        UnknownFileError: no live file has that id.
        TransferError: the signer refused or failed; `error.retryable` says whether to try again.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().evict_file(file_id)


async def free_space(wanted_bytes: int) -> int:
    """Evict what was not used for longest, until at least `wanted_bytes` are free.

        freed = await free_space(500_000_000)

    Never needed for saving: a save that finds the device full does it by itself.

    Args:
        wanted_bytes: how much to free, in bytes.

    Returns:
        The number of bytes that were freed: fewer when nothing more may go, 0 when offline.

    Raises:
        NotEvictableError: the mode is local-only, where there is no other copy.
        StorageError: the device's storage failed.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().free_space(wanted_bytes)


async def storage_status() -> StorageStatus:
    """Whether and how this device keeps the bytes, and how much the server has of the store.

        status = await storage_status()
        if status.quota is not None:
            free = status.quota - status.usage
        if status.remote and status.remote.store.max_bytes is not None:
            free_there = status.remote.store.max_bytes - status.remote.store.bytes

    Returns:
        `StorageStatus`: `available`, `persisted` (the browser promised not to evict it), `private_mode`,
        and `usage` and `quota` in bytes; None where the platform cannot tell. `thumbnails`, `trash`,
        `versions` and `live` say in bytes what takes them: they go in this order when room is needed.
        `remote` has what the server counts, `RemoteUsage`: `store` and `own`, each with `bytes`, `files`,
        `max_bytes` and `max_files`; None where the server does not count, or while it cannot be asked.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().storage_status()


async def collect_garbage() -> int:
    """Remove own bytes that no file needs, and stale temporary files.

    Never needed: it happens by itself at each start, and bytes go when their last file is deleted or edited.

    Returns:
        How many files were removed from the device.

    Raises:
        StorageError: the device's storage failed.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().collect_garbage()
