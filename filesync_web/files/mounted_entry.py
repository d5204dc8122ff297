"""One file of a mounted tree, as all who have it open see it: what is stored, or what was written since.

What is written is a draft until it is saved; all who have the file open see it at once. A small one is in
memory, a large one is where the platform keeps it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from filesync_web.core.drafts import Draft, MemoryDraft, copy_bytes
from filesync_web.core.mounting import Contents, MountedFile
from filesync_web.core.open_bytes import RandomAccess

PAGE_SIZE = 1 << 17
MOST_PAGES = 8
"""Of an open file, in memory."""
MOST_IN_MEMORY = 4 << 20
"""Bytes of a draft; a larger one goes elsewhere."""


class MountedEntry:
    """A file. `file`: its stored content, None for a new one. `pending`: changes of it that are still to be
    committed; `writers` and `streams`: who has it open, to write or at all. `on_change` is called when it was
    written, and when it is no longer open to write."""

    def __init__(
        self, path: str, on_change: Callable[[MountedEntry], object], file: MountedFile | None = None
    ) -> None:
        self.path = path
        self._on_change = on_change
        self.file_id = file.file_id if file is not None else None
        self.content_hash = file.content_hash if file is not None else ""
        self.is_dirty = file is None
        self.is_removed = False
        self.pending = 0
        self.writers = 0
        self.streams = 0
        self._file = file
        self._draft: Draft | None = MemoryDraft() if file is None else None
        self._contents: Contents | None = None
        self._stored: PagedBytes | None = None
        self._modified_at = time.time() * 1000 if file is None else file.modified_at

    @property
    def size(self) -> int:
        """How many bytes there are now."""
        if self._draft is not None:
            return self._draft.size
        if self._stored is not None:
            return self._stored.size
        return self._file.size if self._file is not None else 0

    @property
    def modified_at(self) -> float:
        """In milliseconds since the epoch."""
        return self._modified_at

    @property
    def is_changed(self) -> bool:
        """Whether it has content that is not saved, or is to be renamed."""
        return self.is_dirty or self.pending > 0

    def open(self, contents: Contents, *, to_write: bool) -> None:
        """One more has it open; raises `OSError` when its bytes cannot be had."""
        self._need_stored(contents)
        self.streams += 1
        self.writers += to_write

    def close(self, *, to_write: bool) -> None:
        """One less has it open."""
        self.streams -= 1
        self.writers -= to_write
        if not self.streams and self._stored is not None:
            self._stored.close()
            self._stored = None
        if to_write and self.is_dirty:
            self._on_change(self)

    def read(self, position: int, length: int) -> memoryview:
        """What is there of these bytes."""
        if self._draft is None:
            return self._stored.read(position, length) if self._stored is not None else memoryview(b"")
        piece = memoryview(bytearray(max(0, min(length, self.size - position))))
        return piece[: self._draft.read_into(position, piece)]

    def write(self, position: int, data: bytes) -> None:
        """Change or add bytes; what lies between the end and `position` becomes zeros."""
        self._draft_of(max(self.size, position + len(data))).write(position, memoryview(data))
        self._on_change(self)

    def truncate(self, size: int, contents: Contents) -> None:
        """Cut bytes off, or add zeros."""
        if size == 0 and self._draft is None:
            self._draft = MemoryDraft()
        self._need_stored(contents)
        self._draft_of(size).truncate(size)
        self._on_change(self)

    def take_draft(self) -> Any:
        """What is to be saved now, as a source; what is written from now on is to be saved later."""
        self.is_dirty = False
        return self._draft.snapshot() if self._draft is not None else b""

    def _need_stored(self, contents: Contents) -> None:
        self._contents = contents
        if self._draft is None and self._stored is None and self._file is not None:
            self._stored = PagedBytes(contents.open(self._file))

    def _draft_of(self, size: int) -> Draft:
        """The draft, which is to have room for so many bytes; it begins as what is stored."""
        draft = self._draft
        if draft is None or (size > MOST_IN_MEMORY and isinstance(draft, MemoryDraft)):
            draft = self._new_draft(size, draft or self._stored)
        self._draft = draft
        self.is_dirty = True
        self._modified_at = time.time() * 1000
        return draft

    def _new_draft(self, size: int, beginning: RandomAccess | None) -> Draft:
        draft: Draft = MemoryDraft()
        if size > MOST_IN_MEMORY and self._contents is not None:
            draft = self._contents.new_draft()
        if beginning is not None:
            copy_bytes(beginning, draft, min(size, beginning.size))
        return draft


class PagedBytes:
    """Stored bytes, of which the last pages that were read are kept; long reads pass them by."""

    def __init__(self, stored: RandomAccess) -> None:
        self._stored = stored
        self._pages: OrderedDict[int, memoryview] = OrderedDict()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._stored.size

    def close(self) -> None:
        """Let go of the bytes."""
        self._stored.close()

    def read(self, position: int, length: int) -> memoryview:
        """What is there of these bytes."""
        length = max(0, min(length, self.size - position))
        if length >= PAGE_SIZE:
            return self._read(position, length)
        first = self._page(position // PAGE_SIZE)[position % PAGE_SIZE :][:length]
        if len(first) == length:
            return first
        second = self._page(position // PAGE_SIZE + 1)[: length - len(first)]
        return memoryview(bytes(first) + bytes(second))

    def read_into(self, offset: int, into: memoryview) -> int:
        """Read past the pages."""
        return self._stored.read_into(offset, into)

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
        piece = memoryview(bytearray(max(0, min(length, self.size - position))))
        return piece[: self._stored.read_into(position, piece)]
