"""Blobs in OPFS, the browser's origin private file system.

    livestore-filesync-files/<store id>/<hash>      content, visible when it is complete and verified
    livestore-filesync-incoming/<store id>/...      temporary files and partial downloads

A dedicated JavaScript worker (`blob_worker.js`) moves all bytes: it is started at the first use, from the
source in this package, and writes, hashes and downloads outside the page's thread. Python passes `File` and
`Blob` objects on and touches the bytes of Python sources only, one chunk at a time.

Works on the main thread and in workers. Needs a secure context (https: or localhost) and a browser with OPFS;
without them every call raises `StorageUnavailableError`, and `storage_status` says so. The page's
Content-Security-Policy must allow `worker-src blob:`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from pyodide.ffi import JsProxy, to_js

from filesync_web import sources
from filesync_web.browser.js_util import (
    is_none,
    load_script,
    progress_proxy,
    read_script,
    run_job,
    settled,
)
from filesync_web.core.image_size import HEADER_SIZE, image_size
from filesync_web.core.paths import check_store_id
from filesync_web.errors import BlobNotFoundError, InvalidArgumentError
from filesync_web.ports import BlobInfo, Progress, Source, SourceInfo, StorageStatus

_EXPORTS = (
    "BlobClient",
    "describeSource",
    "findBlob",
    "openBlob",
    "readHeader",
    "decodedSize",
    "storageStatus",
    "requestPersistence",
)

LARGEST_DECODED = 16 << 20
"""Bytes of the largest file that is decoded to find the size of the image."""


class OpfsBlobStore:
    """The `BlobStore` port over OPFS.

    A source is a JavaScript `File`, `Blob`, `ReadableStream`, typed array or `ArrayBuffer`, or a Python one:
    bytes, a path in Pyodide's file system, a binary file, a (possibly asynchronous) iterator of bytes. A blob
    handle is a JavaScript `File`, which refers to the stored bytes and holds no copy.
    """

    def __init__(self, store_id: str) -> None:
        self.store_id = check_store_id(store_id)
        self._js = load_script("blob_client.js", _EXPORTS)
        self._js_client = self._js.BlobClient.new(store_id, read_script("blob_worker.js"))

    def close(self) -> None:
        """End the worker, fail what it still does, and let go of all URLs."""
        self._js_client.close()

    def describe(self, source: Source) -> SourceInfo:
        """Name, MIME type and size of a source."""
        if not isinstance(source, JsProxy):
            return sources.describe(source)
        js_info = self._js.describeSource(source)
        if is_none(js_info):
            raise InvalidArgumentError(
                f"a JavaScript {source.typeof} cannot be stored: give a File, Blob, ReadableStream or bytes"
            )
        size = None if is_none(js_info.size) else int(js_info.size)
        return SourceInfo(js_info.name, js_info.type, size)

    async def put(self, source: Source, *, mime_type: str = "", progress: Progress | None = None) -> BlobInfo:
        """Store the bytes of `source`."""
        size = self.describe(source).size
        js_progress = progress_proxy(progress)
        js_source = source if isinstance(source, JsProxy) else None
        js_job = self._js_client.put(js_source, size, mime_type, js_progress)
        if js_source is None:
            await self._pump(js_job, source, js_progress)
        return _info(await run_job(js_job, js_progress))

    async def _pump(self, js_job: Any, source: Source, js_progress: Any) -> None:
        """Give a job the bytes of a Python source, each chunk when the last one is written."""
        js_array = None
        try:
            async with aclosing(sources.chunks(source)) as chunks:
                async for chunk in chunks:
                    if js_array is not None and js_array.length == len(chunk):
                        js_array.assign(chunk)  # no new array: many would wait for their collection
                    else:
                        js_array = to_js(chunk)
                    js_array = await js_job.give(js_array)
                    if is_none(js_array):
                        return
            js_job.finish()
        except BaseException:
            js_job.abort()
            await js_job.done
            if js_progress is not None:
                js_progress.destroy()
            raise

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
        options = {
            "hash": content_hash,
            "size": size,
            "mimeType": mime_type,
            "stallTimeout": stall_timeout,
            "credentials": "same-origin",
        }
        js_progress = progress_proxy(progress)
        js_job = self._js_client.download(url, json.dumps(dict(headers)), json.dumps(options), js_progress)
        return _info(await run_job(js_job, js_progress))

    async def open(self, content_hash: str, *, name: str = "", mime_type: str = "") -> Any:
        """The stored bytes as a JavaScript `File` with that name and type."""
        js_file = await settled(
            self._js.openBlob(self.store_id, content_hash, name or content_hash, mime_type)
        )
        return self._present(js_file, content_hash)

    async def size(self, content_hash: str) -> int | None:
        """The size of the stored bytes."""
        js_file = await settled(self._js.findBlob(self.store_id, content_hash))
        return None if is_none(js_file) else int(js_file.size)

    async def list(self) -> dict[str, int]:
        """All stored hashes with their sizes."""
        found: dict[str, int] = json.loads(await self._run("list"))
        return found

    async def delete(self, content_hash: str) -> None:
        """Remove the bytes, their URL and their MIME type."""
        self.revoke_url(content_hash)
        await self._run("remove", hash=content_hash)

    async def has_room(self, size: int) -> bool | None:
        """Whether a file of that size can be made: the browser's estimate may be made up, to tell less of the
        device."""
        js_found = await self._run("reserve", size=size)
        return None if is_none(js_found) else bool(js_found)

    async def sweep(self) -> int:
        """Remove temporary files that no tab writes any more; partial downloads stay for a week."""
        return int(await self._run("sweep"))

    async def url(self, content_hash: str, *, mime_type: str = "") -> str:
        """An object URL of the own copy; it lives as long as this page or worker, and as the copy."""
        url = await settled(self._js_client.url(content_hash, mime_type))
        return str(self._present(url, content_hash))

    def revoke_url(self, content_hash: str) -> None:
        """Let go of the object URL."""
        self._js_client.revokeUrl(content_hash)

    async def image_size(self, content_hash: str, *, mime_type: str) -> tuple[int, int] | None:
        """Width and height of an image: from its header, else by decoding it, if it is not huge."""
        if not mime_type.startswith("image/"):
            return None
        js_header = await settled(self._js.readHeader(self.store_id, content_hash, HEADER_SIZE))
        if is_none(js_header):
            return None
        if size := image_size(js_header.to_bytes()):
            return size
        js_size = await settled(self._js.decodedSize(self.store_id, content_hash, LARGEST_DECODED, mime_type))
        return None if is_none(js_size) else (int(js_size[0]), int(js_size[1]))

    async def storage_status(self) -> StorageStatus:
        """Persistence, usage and quota; a browser does not tell whether it is in private mode."""
        status = json.loads(await self._js.storageStatus())
        return StorageStatus(
            available=status["available"],
            persisted=status["persisted"],
            private_mode=None,
            usage=status["usage"],
            quota=status["quota"],
        )

    async def request_persistence(self) -> bool | None:
        """Ask the browser to keep the storage; it can be asked from a window only."""
        js_granted = await settled(self._js.requestPersistence())
        return None if is_none(js_granted) else bool(js_granted)

    def _present(self, found: Any, content_hash: str) -> Any:
        """What a script has found of a blob; raises `BlobNotFoundError` for nothing."""
        if is_none(found):
            raise BlobNotFoundError(f"no bytes are stored in this browser under {content_hash}")
        return found

    async def _run(self, operation: str, **args: str | int) -> Any:
        js_args = to_js(args, dict_converter=_js_object().fromEntries)
        return await run_job(self._js_client.start(operation, js_args))


def _js_object() -> Any:
    from js import Object

    return Object


def _info(js_value: Any) -> BlobInfo:
    return BlobInfo(str(js_value.hash), int(js_value.size))
