"""The engine's picture of the live files: one entry a file, found also by the contents it refers to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from filesync_web.engine.file_entry import FileEntry


class _Index:
    """File ids by content."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, set[str]] = defaultdict(set)
        self._contents: dict[str, frozenset[str]] = {}

    def __contains__(self, content_hash: str) -> bool:
        return content_hash in self._ids

    def ids(self, content_hash: str) -> list[str]:
        """The files of that content, in order."""
        return sorted(self._ids.get(content_hash, ()))

    def put(self, file_id: str, contents: frozenset[str]) -> frozenset[str]:
        """Let the file have exactly these contents; returns those that it has not had, or has no more."""
        before = self._contents.pop(file_id, frozenset())
        for content_hash in contents - before:
            self._ids[content_hash].add(file_id)
        for content_hash in before - contents:
            ids = self._ids[content_hash]
            ids.discard(file_id)
            if not ids:
                del self._ids[content_hash]
        if contents:
            self._contents[file_id] = contents
        return before ^ contents


class LiveFiles:
    """The entries by file id, by the content of their record, by the own bytes that they need, and by those
    that they lack."""

    def __init__(self) -> None:
        self._entries: dict[str, FileEntry] = {}
        self._by_content = _Index()
        self._by_need = _Index()
        self._by_lack = _Index()

    def __iter__(self) -> Iterator[FileEntry]:
        return iter(list(self._entries.values()))

    def get(self, file_id: str) -> FileEntry | None:
        """The entry of a live file."""
        return self._entries.get(file_id)

    def put(self, entry: FileEntry) -> frozenset[str]:
        """Store or index again an entry that changed; returns the contents that it has come to refer to, or
        does no more."""
        record, content = entry.record, frozenset({entry.record.content_hash} - {""})
        self._entries[record.id] = entry
        self._by_lack.put(record.id, frozenset() if entry.is_here else content)
        return self._by_content.put(record.id, content) | self._by_need.put(record.id, entry.needed)

    def remove(self, file_id: str) -> frozenset[str]:
        """Forget a file; returns the contents that it referred to."""
        self._entries.pop(file_id, None)
        self._by_lack.put(file_id, frozenset())
        return self._by_content.put(file_id, frozenset()) | self._by_need.put(file_id, frozenset())

    def with_content(self, content_hash: str) -> list[FileEntry]:
        """The files whose record has that content, by id."""
        return [self._entries[file_id] for file_id in self._by_content.ids(content_hash)]

    def lacking(self, content_hash: str) -> list[FileEntry]:
        """The files of that content that have no own copy of it, by id."""
        return [self._entries[file_id] for file_id in self._by_lack.ids(content_hash)]

    def has_content(self, content_hash: str) -> bool:
        """Whether the record of any live file has that content."""
        return content_hash in self._by_content

    def needs(self, content_hash: str) -> bool:
        """Whether any live file needs those bytes here."""
        return content_hash in self._by_need
