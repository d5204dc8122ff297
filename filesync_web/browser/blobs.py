"""Blobs in OPFS, the browser's origin private file system.

    livestore-filesync-files/<store id>/<hash>      content, visible when it is complete and verified
    livestore-filesync-incoming/<store id>/...      temporary files and partial downloads

A dedicated JavaScript worker (`blob_worker.js`) moves all bytes: it is started at the first use, and writes,
hashes and downloads outside the page's thread. Python passes `File` and `Blob` objects on and touches the
bytes of Python sources only, one chunk at a time.

Works on the main thread and in workers. Needs a secure context (https: or localhost) and a browser with OPFS;
without them every call raises `StorageUnavailableError`, and `storage_status` says so. The page's
Content-Security-Policy must allow `worker-src blob:`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import js

from filesync_web.browser import js_sources
from filesync_web.browser.created_bytes import create_bytes
from filesync_web.browser.js_util import JsError, absolute_url, call, in_worker, is_none, storage_error
from filesync_web.browser.object_urls import ObjectUrls, named_file
from filesync_web.browser.open_file import SuspendedFile, open_handle
from filesync_web.browser.worker import ScriptWorker
from filesync_web.core.image_size import HEADER_SIZE, image_size
from filesync_web.core.media_types import SVG, essence
from filesync_web.core.paths import check_store_id
from filesync_web.core.storage_status import StorageStatus
from filesync_web.errors import BlobNotFoundError, StorageError
from filesync_web.ports import (
    BlobInfo,
    FinishedBytes,
    NewBytes,
    Progress,
    RandomAccess,
    Source,
    SourceInfo,
)

LARGEST_DECODED = 16 << 20
"""Bytes of the largest file that is decoded to find the size of the image."""

LARGEST_DRAWING = 4 << 20
"""Bytes of the largest drawing (SVG) that gets a URL under its own type."""


class OpfsBlobStore:
    """The `BlobStore` port over OPFS.

    A source is a JavaScript `File`, `Blob`, `ReadableStream`, typed array or `ArrayBuffer`, or a Python one:
    bytes, a path in Pyodide's file system, a binary file, a (possibly asynchronous) iterator of bytes. A blob
    handle is a JavaScript `File`, which refers to the stored bytes and holds no copy.
    """

    def __init__(self, store_id: str) -> None:
        self.store_id = check_store_id(store_id)
        self.worker = ScriptWorker("blob_worker.js", f"the files of {store_id}")
        self._urls = ObjectUrls()
        self._last_reader = 0

    def close(self) -> None:
        """End the worker, fail what it still does, and let go of all URLs."""
        self.worker.close()
        self._urls.revoke_all()

    def describe(self, source: Source) -> SourceInfo:
        """Name, MIME type and size of a source."""
        if isinstance(source, FinishedBytes):
            return SourceInfo(size=source.size)
        return js_sources.describe(source)

    async def put(self, source: Source, *, mime_type: str = "", progress: Progress | None = None) -> BlobInfo:
        """Store the bytes of `source`."""
        if isinstance(source, FinishedBytes):
            content_hash, size = await source.publish(mime_type)
            of_image = await self.image_size(content_hash, mime_type=mime_type)
            return BlobInfo(content_hash, size, of_image)
        return await self._copy(await js_sources.local(source), mime_type, progress)

    async def _copy(self, source: Source, mime_type: str, progress: Progress | None) -> BlobInfo:
        size = self.describe(source).size
        js_whole = js_sources.whole(source, size)
        job = self.worker.start(
            "put",
            progress=progress,
            transfer=[js_whole.buffer] if hasattr(js_whole, "buffer") else (),
            storeId=self.store_id,
            source=js_whole,
            size=size,
            mimeType=mime_type,
            beginning=HEADER_SIZE if _is_image(mime_type) else 0,
            isWatched=progress is not None,
        )
        if js_whole is None:
            await js_sources.pump(job, source)
        js_found = await job.result()
        info = _info(js_found)
        if not _is_image(mime_type) or is_none(js_found.beginning):
            return info
        size_of_image = image_size(js_found.beginning.to_bytes())
        return replace(
            info, image_size=size_of_image or await self._decoded_size(info.content_hash, mime_type)
        )

    async def download(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        content_hash: str,
        size: int | None,
        mime_type: str = "",
        progress: Progress | None = None,
        stall_timeout: float,
    ) -> BlobInfo:
        """Fetch `url` into the store, going on from what an earlier try left, also before a reload."""
        job = self.worker.start(
            "download",
            progress=progress,
            storeId=self.store_id,
            url=absolute_url(url),  # the worker's own base is a blob: URL
            headers=dict(headers),
            credentials="same-origin",
            hash=content_hash,
            size=size,
            mimeType=mime_type,
            stallTimeout=stall_timeout,
        )
        return _info(await job.result())

    async def open(self, content_hash: str, *, name: str = "", mime_type: str = "") -> Any:
        """The stored bytes as a JavaScript `File` with that name and type."""
        return named_file(await self._present(content_hash), name or content_hash, mime_type)

    async def read(self, content_hash: str) -> bytes:
        """All of the stored bytes."""
        js_bytes = await call(await self._present(content_hash), "arrayBuffer")
        return bytes(js_bytes.to_bytes())

    async def create_bytes(self) -> NewBytes:
        """A temporary file to be written."""
        return await create_bytes(self.worker, self.store_id)

    async def open_bytes(self, content_hash: str, *, suspend: bool = False) -> RandomAccess:
        """The stored bytes; while one of us has them open, no tab removes them."""
        self._last_reader = reader = self._last_reader + 1
        end = partial(self._end_reader, reader)
        suspends = suspend and not in_worker()
        about = {"hash": content_hash, "reader": reader, "wantsHandle": in_worker(), "readsHere": suspends}
        try:
            js_found = await self._run("openReader", **about)
            if not is_none(js_found):
                if suspends:
                    return SuspendedFile(js_found.file, self.worker, reader, end)
                return await open_handle(js_found.handle, js_found.file, end)
        except BaseException:  # cancelled, it may be open already
            end()
            raise
        end()
        raise _not_found(content_hash)

    def _end_reader(self, reader: int) -> None:
        """Tell the worker, and do not wait for it."""
        with suppress(StorageError):  # it was closed, and its locks with it
            self.worker.start("closeReader", reader=reader)

    async def size(self, content_hash: str) -> int | None:
        """The size of the stored bytes."""
        js_file = await self._find(content_hash)
        return None if js_file is None else int(js_file.size)

    async def list(self) -> dict[str, int]:
        """All stored hashes with their sizes."""
        found: dict[str, int] = json.loads(await self._run("list"))
        return found

    async def delete(self, content_hash: str) -> bool:
        """Remove the bytes, their URL and their MIME type, unless they are read."""
        self.revoke_url(content_hash)
        return bool(await self._run("remove", hash=content_hash))

    async def has_room(self, size: int) -> bool | None:
        """Whether a file of that size can be made: the browser's estimate may be made up, to tell less of the
        device."""
        js_found = await self._run("reserve", size=size)
        return None if is_none(js_found) else bool(js_found)

    async def sweep(self) -> int:
        """Remove temporary files that no tab writes any more; partial downloads stay for a week."""
        return int(await self._run("sweep"))

    async def url(self, content_hash: str, *, mime_type: str = "") -> str:
        """A URL of the own copy; it lives as long as this page or worker, and as the copy.

        What could run as a page has another type there, and a drawing gets a `data:` URL (see `object_urls`).
        """
        if essence(mime_type) == SVG:
            about = {"hash": content_hash, "mimeType": SVG, "limit": LARGEST_DRAWING}
            url = await self._run("dataUrl", **about)
            if not is_none(url):
                return str(url)
        return self._urls.url(content_hash, await self._present(content_hash), mime_type)

    def revoke_url(self, content_hash: str) -> None:
        """Let go of the object URLs."""
        self._urls.revoke(content_hash)

    async def image_size(self, content_hash: str, *, mime_type: str) -> tuple[int, int] | None:
        """Width and height of an image: from its header, else by decoding it, if it is not huge."""
        if not _is_image(mime_type):
            return None
        js_file = await self._find(content_hash)
        if js_file is None:
            return None
        try:
            js_header = await call(js_file.slice(0, HEADER_SIZE), "arrayBuffer")
        except JsError as error:
            raise storage_error(error) from error
        return image_size(js_header.to_bytes()) or await self._decoded_size(content_hash, mime_type)

    async def _decoded_size(self, content_hash: str, mime_type: str) -> tuple[int, int] | None:
        about = {"hash": content_hash, "mimeType": mime_type, "limit": LARGEST_DECODED}
        found = await self._run("decodedSize", **about)
        if is_none(found):
            return None
        width, height = json.loads(found)
        return width, height

    async def storage_status(self) -> StorageStatus:
        """Persistence, usage and quota; a browser does not tell whether it is in private mode."""
        questions = ("getDirectory", "persisted", "estimate")
        js_folder, js_persisted, js_estimate = await asyncio.gather(*map(_ask_storage, questions))
        has_files = bool(js.isSecureContext) and js_folder is not None
        return StorageStatus(
            available=has_files and getattr(js.navigator, "locks", None) is not None,
            persisted=None if js_persisted is None else bool(js_persisted),
            private_mode=None,
            usage=getattr(js_estimate, "usage", None),
            quota=getattr(js_estimate, "quota", None),
        )

    async def request_persistence(self) -> bool | None:
        """Ask the browser to keep the storage; it can be asked from a window only.

        Firefox asks the person, and answers when they do: wait for it where nothing else has to wait.
        """
        js_granted = None if in_worker() else await _ask_storage("persist")
        return None if js_granted is None else bool(js_granted)

    async def _find(self, content_hash: str) -> Any:
        """The stored bytes as a `File`, or None."""
        js_file = await self._run("find", hash=content_hash)
        return None if is_none(js_file) else js_file

    async def _present(self, content_hash: str) -> Any:
        """The stored bytes as a `File`; raises `BlobNotFoundError` when there are none."""
        js_file = await self._find(content_hash)
        if js_file is None:
            raise _not_found(content_hash)
        return js_file

    async def _run(self, operation: str, **args: Any) -> Any:
        return await self.worker.run(operation, storeId=self.store_id, **args)


async def _ask_storage(question: str) -> Any:
    """What the browser's storage manager answers; None when it cannot be asked."""
    js_storage = getattr(js.navigator, "storage", None)
    if not hasattr(js_storage, question):
        return None
    try:
        return await call(js_storage, question)
    except JsError:
        return None


def _not_found(content_hash: str) -> BlobNotFoundError:
    return BlobNotFoundError(f"no bytes are stored in this browser under {content_hash}")


def _is_image(mime_type: str) -> bool:
    return mime_type.startswith("image/")


def _info(js_value: Any) -> BlobInfo:
    return BlobInfo(str(js_value.hash), int(js_value.size))
