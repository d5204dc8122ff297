"""The objects that this client answers for: it deletes each remotely when nothing needs it any more.

They are those that it has put into the object store, or was about to, and those of the files that were
edited or deleted here. An entry is *due* once no live file has its content, and the file that caused it is
deleted or has its new content uploaded. Until then the old content is kept, here and remotely, and the entry
stays: whoever answers for shared content still does when the last file of that content goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from filesync_web.core.records import RemoteDelete
from filesync_web.engine.effects import Job
from filesync_web.engine.retry import FIRST_TRY, Retry


@dataclass(slots=True)
class OutboxEntry:
    """A delete that is to be done sooner or later; `job` is the running attempt."""

    delete: RemoteDelete
    retry: Retry = FIRST_TRY
    job: Job | None = None


class Outbox:
    """The entries by remote key, found also by content and by the file that caused them."""

    def __init__(self) -> None:
        self._entries: dict[str, OutboxEntry] = {}
        self._by_hash: defaultdict[str, set[str]] = defaultdict(set)
        self._by_file: defaultdict[str, set[str]] = defaultdict(set)

    def __iter__(self) -> Iterator[OutboxEntry]:
        return iter(list(self._entries.values()))

    def get(self, remote_key: str) -> OutboxEntry | None:
        """The entry of that key."""
        return self._entries.get(remote_key)

    def replace(
        self, file_id: str, deletes: Iterable[RemoteDelete]
    ) -> tuple[list[OutboxEntry], list[OutboxEntry]]:
        """Let exactly `deletes` be what that file caused; entries that stay keep their state. Returns those
        that went, because they are done or another file causes them now, and those that came."""
        wanted = {delete.remote_key: delete for delete in deletes}
        before = {entry.delete.remote_key: entry for entry in self.caused_by(file_id)}
        before |= {key: self._entries[key] for key in wanted if key in self._entries}
        gone = [entry for key, entry in before.items() if wanted.get(key) != entry.delete]
        for entry in gone:
            self.remove(entry.delete.remote_key)
        return gone, [self.add(delete) for key, delete in wanted.items() if key not in self._entries]

    def add(self, delete: RemoteDelete) -> OutboxEntry:
        """Put in one more delete, whose key has no entry yet."""
        entry = self._entries[delete.remote_key] = OutboxEntry(delete)
        self._by_hash[delete.content_hash].add(delete.remote_key)
        self._by_file[delete.file_id].add(delete.remote_key)
        return entry

    def remove(self, remote_key: str) -> None:
        """Forget the entry; does nothing when there is none."""
        entry = self._entries.pop(remote_key, None)
        if entry is not None:
            _discard(self._by_hash, entry.delete.content_hash, remote_key)
            _discard(self._by_file, entry.delete.file_id, remote_key)

    def caused_by(self, file_id: str) -> list[OutboxEntry]:
        """The entries that the file caused, and that wait for it."""
        return [self._entries[key] for key in sorted(self._by_file.get(file_id, ()))]

    def of_content(self, content_hash: str) -> list[OutboxEntry]:
        """The entries of that content."""
        return [self._entries[key] for key in sorted(self._by_hash.get(content_hash, ()))]


def _discard(index: dict[str, set[str]], name: str, remote_key: str) -> None:
    index[name].discard(remote_key)
    if not index[name]:
        del index[name]
