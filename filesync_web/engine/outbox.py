"""The objects that this client answers for: it deletes each remotely when nothing needs it any more.

They are those that it has put into the object store, or was about to, and those of the files that were
edited or deleted here. Each has its *causes*: the files of which that is true. It is *due* once no live file
has its content, and each cause is deleted or has its new content uploaded. Until then the old content is
kept, here and remotely, and the entry stays: whoever answers for shared content still does when the last file
of that content goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import field

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import RemoteDelete
from filesync_web.engine.effects import Job
from filesync_web.engine.retry import FIRST_TRY, Retry


@dataclass(slots=True)
class OutboxEntry:
    """An object that is to be deleted sooner or later: its causes, as they are stored, by file id. `job` is
    the running attempt."""

    content_hash: str
    remote_key: str
    causes: dict[str, RemoteDelete] = field(default_factory=dict)
    retry: Retry = FIRST_TRY
    job: Job | None = None

    @property
    def queued_at(self) -> int:
        """When the first of its causes came."""
        return min(cause.queued_at for cause in self.causes.values())


class Outbox:
    """The entries by content, found also by the files that caused them. One without causes is none."""

    def __init__(self) -> None:
        self._entries: dict[str, OutboxEntry] = {}
        self._by_file: defaultdict[str, set[str]] = defaultdict(set)

    def __iter__(self) -> Iterator[OutboxEntry]:
        return iter(list(self._entries.values()))

    def get(self, content_hash: str) -> OutboxEntry | None:
        """The entry of a content."""
        return self._entries.get(content_hash)

    def caused_by(self, file_id: str) -> list[OutboxEntry]:
        """The entries of which that file is a cause."""
        return [self._entries[content] for content in sorted(self._by_file.get(file_id, ()))]

    def replace(self, file_id: str, deletes: Iterable[RemoteDelete]) -> list[OutboxEntry]:
        """Let exactly `deletes` be what that file caused; returns the entries for which that is news."""
        wanted = {delete.content_hash: delete for delete in deletes}
        before = {entry.content_hash: entry for entry in self.caused_by(file_id)}
        for content_hash in before.keys() - wanted.keys():
            self._remove_cause(before[content_hash], file_id)
        for delete in wanted.values():
            self.add(delete)
        now = {entry.content_hash: entry for entry in self.caused_by(file_id)}
        return [(before | now)[content_hash] for content_hash in sorted(before.keys() ^ now.keys())]

    def add(self, delete: RemoteDelete) -> None:
        """Put in a cause, in place of an earlier one of the same object and file."""
        content_hash = delete.content_hash
        entry = self._entries.setdefault(content_hash, OutboxEntry(content_hash, delete.remote_key))
        entry.causes[delete.file_id] = delete
        self._by_file[delete.file_id].add(content_hash)

    def remove(self, entry: OutboxEntry) -> list[RemoteDelete]:
        """Take out an entry; returns its causes."""
        causes = list(entry.causes.values())
        for cause in causes:
            self._remove_cause(entry, cause.file_id)
        return causes

    def _remove_cause(self, entry: OutboxEntry, file_id: str) -> None:
        del entry.causes[file_id]
        self._by_file[file_id].discard(entry.content_hash)
        if not self._by_file[file_id]:
            del self._by_file[file_id]
        if not entry.causes:
            del self._entries[entry.content_hash]
