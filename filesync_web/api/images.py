"""The helpers that show pictures small, or before they are here."""

from __future__ import annotations

from functools import lru_cache

from filesync_web.api.instance import get_file_sync
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.raster import data_url
from filesync_web.core.thumb_hash import decode
from filesync_web.errors import InvalidArgumentError

PREVIEW_SIDE = 16
"""Pixels of a preview's longer side: it has no detail that would need more."""


async def thumbnail_url(id_or_path: str, size: float = 256) -> str | None:
    """A URL of a small picture of a file, for this page or process only; None where there is none.

        image.src = await thumbnail_url(file_id, size=160 * devicePixelRatio) or placeholder

    It is made at the first call, beside the page's thread, and kept on this device: later calls, also of
    other tabs and after a reload, find it. Callers at the same moment share the work; whoever gives up the
    wait ends it when nobody else waits. Thumbnails are no files: they go first when the device is full, and
    are made again. A picture that cannot be decoded is not tried again until the page is reloaded.

    Args:
        id_or_path: the id of a live file, or its path.
        size: how many pixels of the screen its longest side takes. The thumbnail has the next larger one of
            the `sizes` of `ThumbnailOptions`; a smaller picture is not enlarged.

    Returns:
        In a browser an object URL (`blob:`), which the kit revokes when the thumbnail goes or with
        `dispose_file_sync`; on CPython, with Pillow (the extra `images`), a `file:` URL. None for what is no
        image or video or cannot be decoded here, for what would take too much memory, when thumbnails are
        switched off, and while neither the thumbnail nor the file's bytes are on this device: then
        `preview_data_url` has something to show. Drawings (SVG) and videos need the page's own thread: from
        Python in a worker they get None.

    Raises:
        UnknownFileError: no live file has that id or path.
        InvalidArgumentError: the size is no number above 0.
        StorageError: the device's storage failed.
        NotInitializedError: `init_file_sync` was not called yet.
    """
    return await get_file_sync().thumbnail_url(id_or_path, size)


def preview_data_url(metadata: FileMetadata) -> str | None:
    """The blur of a picture as a `data:` URL (PNG, some hundred bytes); None when its metadata has none.

        image.src = preview_data_url(get_file_metadata(record)) or placeholder

    The preview is made where a picture is saved, and comes to all clients with its metadata, before its
    bytes: 25 bytes of ThumbHash. Nobody has to wait for it: it takes about a millisecond, and less the second
    time. Let CSS stretch it to the size of the picture.

    Args:
        metadata: what `get_file_metadata(record)` gives.

    Raises:
        InvalidArgumentError: it is no `FileMetadata`.
    """
    if not isinstance(metadata, FileMetadata):
        raise InvalidArgumentError(f"metadata is a FileMetadata, not {metadata!r:.100}")
    return None if metadata.preview is None else _data_url(metadata.preview)


@lru_cache(maxsize=2048)
def _data_url(preview: bytes) -> str:
    return data_url(decode(preview, longest=PREVIEW_SIDE))
