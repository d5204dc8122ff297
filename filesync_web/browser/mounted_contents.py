"""Stored bytes that are opened without awaiting.

A `File` of OPFS is got by awaiting only. So those that are likely to be opened are got beforehand and kept in
hand: `File`s refer to bytes, and hold none. Without one, a worker asks the kit's service worker, by
synchronous requests for the file's URL: it answers from this device, or from the object store. On the main
thread Chromium sends synchronous requests past the service worker; there an open fails with `EAGAIN`, and the
log says what to await.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import js
from pyodide.ffi import JsException

from filesync_web.aio.tasks import Tasks
from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.js_util import absolute_url, in_worker
from filesync_web.browser.mounted_drafts import Drafts
from filesync_web.browser.open_file import open_file
from filesync_web.core.drafts import Draft
from filesync_web.core.mounting import MountedFile
from filesync_web.core.paths import file_path
from filesync_web.errors import BlobNotFoundError, UnreadableError
from filesync_web.ports import RandomAccess

logger = logging.getLogger(__name__)

MOST_IN_HAND = 1000
_AT_ONCE = 16


class MountedContents:
    """The contents of one store, opened at once."""

    def __init__(self, blobs: OpfsBlobStore) -> None:
        self._blobs = blobs
        self._tasks = Tasks(f"the mounted files of {blobs.store_id}")
        self._in_hand: OrderedDict[str, Any] = OrderedDict()
        self._drafts = Drafts(blobs, self._tasks)
        self._tasks.spawn(self._drafts.prepare(), "making temporary files")

    async def close(self) -> None:
        """Let go of all that is in hand; what is open stays so."""
        await self._tasks.cancel_and_wait()
        self._in_hand.clear()
        await self._drafts.close()

    def new_draft(self) -> Draft:
        """A new, empty file to be written."""
        return self._drafts.new()

    async def prepare(self, contents: list[str]) -> None:
        """Take those in hand that are on this device, but no more than are kept. Also what is in hand: it may
        have been removed and stored again, and then an old `File` cannot be read. And have files to write
        large ones to."""
        await self._drafts.prepare()
        for start in range(0, min(len(contents), MOST_IN_HAND), _AT_ONCE):
            await asyncio.gather(*map(self._take, contents[start : start + _AT_ONCE]))

    def prepare_soon(self, contents: list[str]) -> None:
        """The same, in the background."""
        self._tasks.spawn(self.prepare(contents), "taking them in hand")

    def open(self, file: MountedFile) -> RandomAccess:
        """The bytes of a file; raises `OSError`."""
        js_file = self._in_hand.get(file.content_hash)
        if js_file is not None:
            self._in_hand.move_to_end(file.content_hash)
            opened = KeptBytes(open_file(js_file))
            self._tasks.spawn(self._keep(opened, file.content_hash), "keeping an open file")
            return opened
        self.prepare_soon([file.content_hash])
        if in_worker():
            with suppress(NotServedError):
                return ServedFile(absolute_url("/" + file_path(self._blobs.store_id, file.content_hash)))
        logger.warning(
            "a file cannot be opened without awaiting: `await fs.read_file(%r)` first", file.file_id
        )
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), file.file_id)

    async def _keep(self, opened: KeptBytes, content_hash: str) -> None:
        try:
            opened.go_on_with(await self._blobs.open_bytes(content_hash))
        except BlobNotFoundError:  # it has just been removed: reading says so
            self._in_hand.pop(content_hash, None)

    async def _take(self, content_hash: str) -> None:
        try:
            js_file = await self._blobs.open(content_hash)
        except BlobNotFoundError:
            self._in_hand.pop(content_hash, None)
            return
        self._in_hand[content_hash] = js_file
        while len(self._in_hand) > MOST_IN_HAND:
            self._in_hand.popitem(last=False)


class KeptBytes:
    """Bytes that are read at once. A moment later they are open as `open_bytes` opens them: then nobody
    removes them any more, and in a worker they are read faster."""

    def __init__(self, at_once: RandomAccess) -> None:
        self.size = at_once.size
        self._bytes = at_once
        self._is_closed = False

    def go_on_with(self, kept: RandomAccess) -> None:
        """Read these from now on, the same bytes."""
        self._bytes.close()
        self._bytes = kept
        if self._is_closed:
            kept.close()

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read what is in hand."""
        return self._bytes.read_into(offset, into)

    def close(self) -> None:
        """Let go of the bytes."""
        self._is_closed = True
        self._bytes.close()


class NotServedError(Exception):
    """No service worker of ours has answered, or it has no such bytes."""


class ServedFile:
    """The `RandomAccess` port over the file's own URL, in a worker. Raises `NotServedError`."""

    def __init__(self, url: str) -> None:
        self._url = url
        js_answer = self._ask(0, 1)
        self.size = _size_in(js_answer)

    def read_into(self, offset: int, into: memoryview) -> int:
        """Ask for a range."""
        count = max(0, min(len(into), self.size - offset))
        if count:
            js_bytes = js.Uint8Array.new(self._ask(offset, count).response)
            if js_bytes.length != count:
                raise UnreadableError(f"{self._url} has changed")
            js_bytes.assign_to(into[:count])
        return count

    def close(self) -> None:
        """Nothing is held."""

    def _ask(self, offset: int, count: int) -> Any:
        js_request = js.XMLHttpRequest.new()
        js_request.open("GET", self._url, False)
        js_request.responseType = "arraybuffer"
        js_request.setRequestHeader("Range", f"bytes={offset}-{offset + count - 1}")
        try:
            js_request.send()
        except JsException as error:
            raise UnreadableError(f"{self._url} cannot be read ({error.message})") from error
        return js_request


def _size_in(js_answer: Any) -> int:
    """The size of the file that a range was asked of."""
    if js_answer.status not in {206, 416} or not isinstance(js_answer.getResponseHeader("X-Source"), str):
        raise NotServedError
    size = str(js_answer.getResponseHeader("Content-Range")).rpartition("/")[2]
    if not size.isdigit():
        raise NotServedError
    return int(size)
