"""A tree of files as a file system of Emscripten, so that `open`, `os`, `glob` and SQLite find it.

Emscripten walks a path name by name. What it has once found it keeps, so our nodes are not told to it: every
look-up asks the tree again, and sees what another tab or client has changed meanwhile. A stream keeps the
content that it was opened with, but for what is written here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import zlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import js
import pyodide_js
from pyodide.ffi import JsException, create_proxy, to_js

from filesync_web.browser.js_util import is_none, js_object
from filesync_web.browser.mounted_contents import MountedContents
from filesync_web.browser.with_gil import Callbacks, interpreter
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.mounting import Entry, Tree
from filesync_web.errors import InvalidArgumentError

BLOCK_SIZE = 1 << 17
"""What `stat` tells as the size in which to read."""


class MountedFs:
    """A tree at a folder of Pyodide's file system; made by `mount_tree`."""

    def __init__(self, tree: Tree, contents: MountedContents, folder: str) -> None:
        self.folder = folder
        self._tree = tree
        self._contents = contents
        self._js_fs = pyodide_js.FS
        self._open: dict[int, _Stream] = {}
        self._js_renamed: Any = None
        self._numbers = count(1)
        callbacks = Callbacks()

        def operations(functions: dict[str, tuple[Callable[..., Any], int]]) -> Any:
            return js_object({name: callbacks.make(*what) for name, what in functions.items()})

        self._js_node_ops = operations(
            {
                "lookup": (self._lookup, 2),
                "getattr": (self._getattr, 1),
                "setattr": (self._setattr, 2),
                "readdir": (self._readdir, 1),
                "mknod": (self._mknod, 3),
                "unlink": (self._unlink, 2),
                "rmdir": (self._rmdir, 2),
                "rename": (self._rename, 3),
            }
        )
        self._js_stream_ops = operations(
            {
                "open": (self._open_stream, 1),
                "dup": (self._dup_stream, 1),
                "close": (self._close_stream, 1),
                "getattr": (self._getattr_of_stream, 1),
                "setattr": (self._setattr_of_stream, 2),
                "llseek": (self._llseek, 3),
                "read": (self._read, 5),
                "write": (self._write, 5),
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
        mode = stat.S_IFDIR | 0o755 if is_folder else stat.S_IFREG | 0o644
        if js_parent is None:
            js_node = self._js_fs.createNode(None, name, mode, 0)
        else:
            js_node = self._js_fs.FSNode.new(js_parent, name, mode, 0)
        js_node.node_ops = self._js_node_ops
        js_node.stream_ops = self._js_stream_ops
        js_node.mountedPath = path
        return js_node

    def _lookup(self, js_parent: Any, name: str) -> Any:
        path = _path_in(js_parent, name)
        return self._node(js_parent, name, path, is_folder=self._tree.is_folder(path))

    def _getattr(self, js_node: Any) -> Any:
        return _attributes(self._tree.find(js_node.mountedPath), js_node)

    def _setattr(self, js_node: Any, js_attributes: Any) -> None:
        self._set_size(self._tree.find(js_node.mountedPath), js_attributes)

    def _set_size(self, entry: Entry | None, js_attributes: Any) -> None:
        """All that can be set is the size; times and permissions are taken and forgotten."""
        size: Any = getattr(js_attributes, "size", None)
        if entry is not None and not is_none(size):
            entry.truncate(int(size), self._contents)

    def _readdir(self, js_node: Any) -> Any:
        return to_js([".", "..", *self._tree.names_in(js_node.mountedPath)])

    def _mknod(self, js_parent: Any, name: str, mode: int) -> Any:
        path, is_folder = _path_in(js_parent, name), stat.S_ISDIR(mode)
        if is_folder:
            self._tree.make_folder(path)
        elif stat.S_ISREG(mode):
            self._tree.create(path)
        else:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return self._node(js_parent, name, path, is_folder=is_folder)

    def _unlink(self, js_parent: Any, name: str) -> None:
        self._tree.remove(_path_in(js_parent, name))

    def _rmdir(self, js_parent: Any, name: str) -> None:
        self._tree.remove_folder(_path_in(js_parent, name))

    def _rename(self, js_node: Any, js_folder: Any, name: str) -> None:
        """Emscripten keeps the node after this, under the name that it has then: one that nobody asks for."""
        self._tree.rename(js_node.mountedPath, _path_in(js_folder, name))
        if self._js_renamed is not None:
            self._js_fs.hashRemoveNode(self._js_renamed)
        self._js_renamed = js_node
        js_node.name = "/"

    # --- streams

    def _open_stream(self, js_stream: Any) -> None:
        entry = self._tree.find(js_stream.node.mountedPath)
        if entry is None:
            return
        number = next(self._numbers)
        opened = _Stream(entry, to_write=bool(js_stream.flags & os.O_ACCMODE))
        try:
            entry.open(self._contents, to_write=opened.to_write)
        except OSError:
            self._js_fs.closeStream(js_stream.fd)  # Emscripten would leave it open
            raise
        self._open[number] = opened
        js_stream.mountedNumber = number

    def _dup_stream(self, js_stream: Any) -> None:
        if (opened := self._stream(js_stream)) is not None:
            opened.users += 1

    def _close_stream(self, js_stream: Any) -> None:
        opened = self._stream(js_stream)
        if opened is None:
            return
        opened.users -= 1
        if not opened.users:
            del self._open[js_stream.mountedNumber]
            opened.entry.close(to_write=opened.to_write)

    def _getattr_of_stream(self, js_stream: Any) -> Any:
        opened = self._stream(js_stream)
        return _attributes(opened.entry if opened is not None else None, js_stream.node)

    def _setattr_of_stream(self, js_stream: Any, js_attributes: Any) -> None:
        if (opened := self._stream(js_stream)) is not None:
            self._set_size(opened.entry, js_attributes)

    def _llseek(self, js_stream: Any, offset: int, whence: int) -> int:
        opened = self._stream(js_stream)
        starts = {os.SEEK_CUR: js_stream.position, os.SEEK_END: opened.entry.size if opened else 0}
        position = int(starts.get(whence, 0) + offset)
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return position

    def _read(self, js_stream: Any, js_buffer: Any, offset: int, length: int, position: int) -> int:
        opened = self._stream(js_stream)
        if opened is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        is_memory = _is_memory(js_buffer)
        piece = opened.entry.read(position, length)
        if is_memory:
            _memory(offset, len(piece))[:] = piece
        else:
            js_buffer.subarray(offset, offset + len(piece)).assign(piece)
        return len(piece)

    def _write(self, js_stream: Any, js_buffer: Any, offset: int, length: int, position: int) -> int:
        opened = self._stream(js_stream)
        if opened is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if length and _is_memory(js_buffer):
            opened.entry.write(position, bytes(_memory(offset, length)))
        elif length:
            opened.entry.write(position, js_buffer.subarray(offset, offset + length).to_bytes())
        return length

    def _stream(self, js_stream: Any) -> _Stream | None:
        number = getattr(js_stream, "mountedNumber", None)
        return None if number is None else self._open.get(number)


@dataclass(slots=True)
class _Stream:
    """An open file; those that were duplicated use it together."""

    entry: Entry
    to_write: bool
    users: int = 1


def _is_memory(js_buffer: Any) -> bool:
    """Whether it is Python's own memory, as almost always; an array of that is detached when it has grown."""
    return not js_buffer.length or bool(js_buffer == interpreter().HEAP8)


def _memory(address: int, length: int) -> memoryview:
    """A part of Python's own memory; it may grow at any time, which no array of JavaScript survives."""
    return memoryview((ctypes.c_char * length).from_address(address)).cast("B")


def _path_in(js_folder: Any, name: str) -> str:
    folder = js_folder.mountedPath
    return f"{folder}/{name}" if folder else name


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


def _attributes(entry: Entry | None, js_node: Any) -> Any:
    """What `stat` tells. A node is made for each look-up, so the number of the file comes from elsewhere."""
    identity = js_node.mountedPath if entry is None else entry.file_id or f"new {id(entry)}"
    js_time = js.Date.new(entry.modified_at if entry is not None else 0)
    size = entry.size if entry is not None else 4096
    return js_object(
        {
            "dev": 1,
            "ino": zlib.crc32(identity.encode()),
            "mode": js_node.mode,
            "nlink": 1,
            "uid": 0,
            "gid": 0,
            "rdev": 0,
            "size": size,
            "atime": js_time,
            "mtime": js_time,
            "ctime": js_time,
            "blksize": BLOCK_SIZE,
            "blocks": -(-size // 512),
        }
    )
