"""The helpers that change what is said of a file, its content untouched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filesync_web.api.instance import get_file_sync


async def rename_file(file_id: str, name: str) -> None:
    """Give a file another name, for all clients.

        await rename_file(result.file_id, "summer.jpg")

    No bytes move, and the file need not be on this device. When this returns, the change is on the disk. When
    the same file gets new content elsewhere at that time, the name that comes with it may stand.

    Args:
        file_id: the id of a live file, or its path.
        name: the name to show; not empty. With slashes it is in folders, where files are shown in such.

    Raises:
        UnknownFileError: no live file has that id; it may have been deleted, here or elsewhere.
        InvalidArgumentError: the name is no text, or empty.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().rename_file(file_id, name)


async def set_metadata(
    file_id: str, *, mime_type: str | None = None, custom: Mapping[str, Any] | None = None
) -> None:
    """Change what is recorded of a file, for all clients.

        await set_metadata(file_id, custom={"album": "Summer", "draft": None})

    As with `rename_file`, no bytes move. Size, width and height are measured, and cannot be set.

    Args:
        file_id: the id of a live file, or its path.
        mime_type: the type to serve the file with, for example "image/png". Default: it stays.
        custom: keys to set, with any JSON; one whose value is None goes. All others stay.

    Raises:
        UnknownFileError: no live file has that id; it may have been deleted, here or elsewhere.
        InvalidArgumentError: the type is none, or a value is no JSON.
        EventTooLargeError: the metadata has more than 900,000 bytes.
        StoreError: the event log cannot be written.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    await get_file_sync().set_metadata(file_id, mime_type=mime_type, custom=custom)
