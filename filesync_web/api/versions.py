"""The helpers for what files had before: versions, conflicts and the trash."""

from __future__ import annotations

from filesync_web.api.instance import get_file_sync
from filesync_web.core.versions import VersionPolicy
from filesync_web.files.trash import DeletedFile
from filesync_web.files.versions import Choice, FileVersion
from filesync_web.ports import BlobHandle


async def set_version_policy(policy: VersionPolicy) -> None:
    """Say for how long the store keeps what is replaced or deleted: the same for all its clients.

        await set_version_policy(VersionPolicy(keep_last=50, keep_days=365, trash_days=90))

    It holds from now on, for what is kept now as well. What is not kept any more by the new policy goes, here
    and in the object store; what has gone does not come back.

    Args:
        policy: a `VersionPolicy`. `VersionPolicy(keep_last=0, keep_days=0, trash_days=0)` keeps nothing.

    Raises:
        InvalidArgumentError: it is none, or a number in it is negative.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().set_version_policy(policy)


def version_policy() -> VersionPolicy:
    """The policy of the store: for how long it keeps what is replaced or deleted.

        days = version_policy().trash_days

    Returns:
        `VersionPolicy`: what was set last, by any client; else 10 versions, and 30 days for each and for the
        trash.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return get_file_sync().version_policy()


async def list_versions(file_id: str) -> list[FileVersion]:
    """The contents of a file that can be had, the current one first, then the newest.

        for version in await list_versions(file_id):
            show(version.made_at, version.size_bytes, version.conflict)

    Works offline, and also for a deleted file as long as it is in the trash.

    Args:
        file_id: the id of a file.

    Returns:
        A list of `FileVersion`. Times in it are milliseconds since the epoch.

    Raises:
        UnknownFileError: no file has or had that id.
        VersionGoneError: the file was deleted, and is not kept any more.
        InvalidArgumentError: the id is no text.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().list_versions(file_id)


async def read_version(file_id: str, content_hash: str, *, wait: bool = True) -> BlobHandle:
    """The bytes of a version: a JavaScript `File` in the browser, a path on CPython.

        version = (await list_versions(file_id))[1]
        file = await read_version(file_id, version.content_hash)

    Versions do not come to a device by themselves: one that is not here is downloaded.

    Args:
        file_id: the id of a file, which may be deleted.
        content_hash: that of a `FileVersion`, or of a `DeletedFile`.
        wait: wait for a download, as in `read_file`.

    Returns:
        What `read_file` returns.

    Raises:
        UnknownFileError: no file has or had that id.
        VersionGoneError: the version is not kept any more; the message says since when.
        BlobNotFoundError: the bytes are nowhere to be had, or with `wait=False` not on this device.
        TransferError: the download failed, or rests at an error.
        InvalidArgumentError: the file never had that content.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().read_version(file_id, content_hash, wait=wait)


async def restore_version(file_id: str, content_hash: str) -> None:
    """Give a file the content of a version again, for all clients.

        await restore_version(file_id, version.content_hash)

    It is an edit like others: what the file has now becomes a version. The name and the metadata of the
    version come with it. A deleted file comes out of the trash. Nothing is uploaded when the object store has
    the content. Works offline.

    Args:
        file_id: the id of a file, which may be deleted.
        content_hash: that of a `FileVersion`.

    Raises:
        UnknownFileError: no file has or had that id.
        VersionGoneError: the version is not kept any more; the message says since when.
        InvalidArgumentError: the file never had that content.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().restore_version(file_id, content_hash)


async def list_conflicts() -> list[FileVersion]:
    """The open conflicts: contents that somebody gave a file, and somebody else took away unseen.

        on_file_sync_event(lambda event: event.type == "file:conflict" and show_conflicts())
        for version in await list_conflicts():
            ask(version.file_id, version.content_hash, version.conflict)

    The event `file:conflict` tells of each on every client and in every tab. A conflict is kept for as long
    as other versions, however many there are.

    Returns:
        A list of `FileVersion`, all with a `conflict`: "edit", "deletion" or "revived".

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().list_conflicts()


async def resolve_conflict(file_id: str, content_hash: str, choice: Choice) -> str | None:
    """Settle a conflict, for all clients.

        await resolve_conflict(version.file_id, version.content_hash, "take")

    Args:
        file_id: that of a conflict.
        content_hash: that of the same conflict.
        choice: "take" makes it the file's content, as `restore_version` does; "new_file" makes a new file of
            it; "drop" leaves it a version like others. A file that the conflict has brought back is in the
            trash again, unless it is taken.

    Returns:
        The id of the file that has the content then; None for "drop".

    Raises:
        UnknownFileError: no file has or had that id.
        VersionGoneError: it is not kept any more.
        InvalidArgumentError: it is no open conflict, or there is no such choice.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().resolve_conflict(file_id, content_hash, choice)


async def list_deleted() -> list[DeletedFile]:
    """The files in the trash, the last deleted one first.

        for file in await list_deleted():
            offer(file.file_id, file.name or "Untitled", file.kept_until)

    Returns:
        A list of `DeletedFile`. Times in it are milliseconds since the epoch.

    Raises:
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().list_deleted()


async def restore_file(file_id: str) -> None:
    """Bring a deleted file back, for all clients, as it was.

        await restore_file(deleted.file_id)

    Does nothing to a file that is not deleted. Works offline.

    Args:
        file_id: that of a `DeletedFile`.

    Raises:
        UnknownFileError: no file has or had that id.
        VersionGoneError: it is not kept any more; the message says since when.
        InvalidArgumentError: the id is no text.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().restore_file(file_id)


async def purge_file(file_id: str) -> None:
    """Keep nothing of a deleted file, on all clients.

    Its bytes and those of its versions go, here and in the object store, where nothing else has the same
    content. What somebody else has made of it meanwhile stays.

    Args:
        file_id: that of a `DeletedFile`.

    Raises:
        UnknownFileError: no file has or had that id.
        InvalidArgumentError: the file is not deleted: `delete_file` takes `purge`.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().purge_file(file_id)
