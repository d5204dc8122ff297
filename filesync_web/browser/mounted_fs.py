"""A tree of files as a file system of Emscripten, so that `open`, `os`, `glob` and SQLite find it.

Emscripten walks a path name by name. What it has once found it keeps, so our nodes are not told to it: every
look-up asks the tree again, and sees what another tab or client has changed meanwhile. A stream keeps the
content that it was opened with, and reads it page by page.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, create_proxy, to_js

from filesync_web.browser.js_util import js_object
from filesync_web.browser.mounted_contents import MountedContents
from filesync_web.browser.with_gil import Callbacks, interpreter
from filesync_web.core.mounting import MountedFile, Tree
from filesync_web.errors import InvalidArgumentError
from filesync_web.ports import RandomAccess

PAGE_SIZE = 1 << 17
MOST_PAGES = 8
"""Of an open file, in memory."""

_FOLDER = MountedFile("", "", 4096, 0)


class MountedFs:
    """A tree at a folder of Pyodide's file system; made by `mount_tree`."""

    def __init__(self, tree: Tree, contents: MountedContents, folder: str) -> None:
        self.folder = folder
        self._tree = tree
        self._contents = contents
        self._js_fs = pyodide_js.FS
        self._open: dict[int, _OpenFile] = {}
        self._numbers = count(1)
        callbacks = Callbacks()

        def operations(functions: dict[str, tuple[Callable[..., Any], int]]) -> Any:
            return js_object({name: callbacks.make(*what) for name, what in functions.items()})

        self._js_node_ops = operations(
            {"lookup": (self._lookup, 2), "getattr": (self._getattr, 1), "readdir": (self._readdir, 1)}
        )
        self._js_stream_ops = operations(
            {
                "open": (self._open_stream, 1),
                "dup": (self._dup_stream, 1),
                "close": (self._close_stream, 1),
                "getattr": (self._getattr_of_stream, 1),
                "llseek": (self._llseek, 3),
                "read": (self._read, 5),
            }
        )
        make_root = create_proxy(lambda _js_mount: self._node(None, "/", "", is_folder=True))
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._js_fs.mount(js_object({"mount": make_root}), js_object({}), folder)
        make_root.destroy()

    async def prepare(self, contents: list[str]) -> None:
        """Take contents in hand."""
        await self._contents.prepare(contents)

    async def close(self) -> None:
        """Unmount, and leave the folder empty."""
        self._js_fs.unmount(self.folder)
        await self._contents.close()

    # --- nodes

    def _node(self, js_parent: Any, name: str, path: str, *, is_folder: bool) -> Any:
        mode = stat.S_IFDIR | 0o555 if is_folder else stat.S_IFREG | 0o444
        if js_parent is None:
            js_node = self._js_fs.createNode(None, name, mode, 0)
        else:
            js_node = self._js_fs.FSNode.new(js_parent, name, mode, 0)
        js_node.node_ops = self._js_node_ops
        js_node.stream_ops = self._js_stream_ops
        js_node.mountedPath = path
        return js_node

    def _lookup(self, js_parent: Any, name: str) -> Any:
        folder = js_parent.mountedPath
        path = f"{folder}/{name}" if folder else name
        return self._node(js_parent, name, path, is_folder=self._tree.find(path) is None)

    def _getattr(self, js_node: Any) -> Any:
        path = js_node.mountedPath
        return _attributes(self._tree.find(path) or _FOLDER, path, js_node.mode)

    def _readdir(self, js_node: Any) -> Any:
        return to_js([".", "..", *self._tree.names_in(js_node.mountedPath)])

    # --- streams

    def _open_stream(self, js_stream: Any) -> None:
        js_node = js_stream.node
        file = self._tree.find(js_node.mountedPath)
        if file is None:
            return
        number = next(self._numbers)
        try:
            self._open[number] = _OpenFile(file, js_node.mountedPath, self._contents.open(file))
        except OSError:
            self._js_fs.closeStream(js_stream.fd)  # Emscripten would leave it open
            raise
        js_stream.mountedNumber = number

    def _dup_stream(self, js_stream: Any) -> None:
        if (file := self._file_of(js_stream)) is not None:
            file.streams += 1

    def _close_stream(self, js_stream: Any) -> None:
        file = self._file_of(js_stream)
        if file is None:
            return
        file.streams -= 1
        if not file.streams:
            del self._open[js_stream.mountedNumber]
            file.bytes.close()

    def _getattr_of_stream(self, js_stream: Any) -> Any:
        js_node = js_stream.node
        file = self._file_of(js_stream)
        if file is None:
            return _attributes(_FOLDER, js_node.mountedPath, js_node.mode)
        return _attributes(file.shown, file.path, js_node.mode)

    def _llseek(self, js_stream: Any, offset: int, whence: int) -> int:
        file = self._file_of(js_stream)
        start = {os.SEEK_CUR: js_stream.position, os.SEEK_END: file.bytes.size if file else 0}.get(whence, 0)
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return int(start + offset)

    def _read(self, js_stream: Any, js_buffer: Any, offset: int, length: int, position: int) -> int:
        file = self._file_of(js_stream)
        if file is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        is_heap = not js_buffer.length or js_buffer == interpreter().HEAP8
        piece = file.read(position, length)
        if is_heap:  # it may have grown meanwhile, and then is another object
            js_buffer = interpreter().HEAP8
        js_buffer.subarray(offset, offset + len(piece)).assign(piece)
        return len(piece)

    def _file_of(self, js_stream: Any) -> _OpenFile | None:
        number = getattr(js_stream, "mountedNumber", None)
        return None if number is None else self._open.get(number)


class _OpenFile:
    """The content of an open file, page by page."""

    def __init__(self, file: MountedFile, path: str, content: RandomAccess) -> None:
        self.path = path
        self.bytes = content
        self.shown = MountedFile(file.file_id, file.content_hash, content.size, file.modified_at)
        self.streams = 1
        self._pages: OrderedDict[int, memoryview] = OrderedDict()

    def read(self, position: int, length: int) -> memoryview:
        """What is there of these bytes, at most; long reads pass the pages by."""
        length = max(0, min(length, self.bytes.size - position))
        if length >= PAGE_SIZE:
            return self._read(position, length)
        first = self._page(position // PAGE_SIZE)[position % PAGE_SIZE :][:length]
        if len(first) == length:
            return first
        second = self._page(position // PAGE_SIZE + 1)[: length - len(first)]
        return memoryview(bytes(first) + bytes(second))

    def _page(self, number: int) -> memoryview:
        if number in self._pages:
            self._pages.move_to_end(number)
            return self._pages[number]
        page = self._read(number * PAGE_SIZE, PAGE_SIZE)
        self._pages[number] = page
        if len(self._pages) > MOST_PAGES:
            self._pages.popitem(last=False)
        return page

    def _read(self, position: int, length: int) -> memoryview:
        piece = memoryview(bytearray(max(0, min(length, self.bytes.size - position))))
        return piece[: self.bytes.read_into(position, piece)]


def mount_tree(tree: Tree, contents: MountedContents, folder: str) -> MountedFs:
    """Show a tree at a folder, which is made. Raises `InvalidArgumentError` for a folder that is not
    absolute, holds something, or is mounted already."""
    if not isinstance(folder, str) or not folder.startswith("/") or folder.strip("/") == "":
        raise InvalidArgumentError(f"a folder to mount at is a path like '/files', not {folder!r:.100}")
    place = Path("/" + folder.strip("/"))
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise InvalidArgumentError(f"{place} is there already, and is no empty folder")
    try:
        return MountedFs(tree, contents, str(place))
    except (JsException, OSError) as error:
        raise InvalidArgumentError(
            f"{place} cannot be mounted at; is something mounted there? ({error})"
        ) from error


def _attributes(file: MountedFile, path: str, mode: int) -> Any:
    """What `stat` tells. A node is made for each look-up, so the number of the file comes from elsewhere."""
    js_time = js.Date.new(file.modified_at)
    return js_object(
        {
            "dev": 1,
            "ino": zlib.crc32((file.file_id or path).encode()),
            "mode": mode,
            "nlink": 1,
            "uid": 0,
            "gid": 0,
            "rdev": 0,
            "size": file.size,
            "atime": js_time,
            "mtime": js_time,
            "ctime": js_time,
            "blksize": PAGE_SIZE,
            "blocks": -(-file.size // 512),
        }
    )
