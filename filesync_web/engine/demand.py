"""Which files come to this device by themselves, and which only when they are asked for.

One that is read, shown or pinned is asked for, and stays so until it is evicted. The others come by
themselves, all of them or as far as there is to be room, or none; a version or a file in the trash never.
That is decided when the engine is shown a file, so that nothing waits in line that is not to come. Bytes that
are here are kept, whatever is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.records import FileRecord, TransferControl
from filesync_web.core.sizes import LARGE


@dataclass(frozen=True, slots=True)
class Downloads:
    """`on_demand`: no file comes by itself. `keep_bytes`: files come by themselves while what is here, and
    what is on its way, has not more bytes with them; None is no limit."""

    on_demand: bool = False
    keep_bytes: int | None = None


class LiveFile(Protocol):
    """What is asked about a file."""

    record: FileRecord
    control: TransferControl
    is_kept: bool

    @property
    def is_here(self) -> bool:
        """Whether the own copy has the record's content."""
        ...


class Demand:
    """Decides for one device. `stored`: the contents that are here, with their sizes in bytes."""

    def __init__(self, downloads: Downloads, stored: Mapping[str, int]) -> None:
        self._downloads = downloads
        self._sizes = dict(stored) if downloads.keep_bytes is not None else {}
        self._bytes = sum(self._sizes.values())

    def wants(self, file: LiveFile) -> bool:
        """Whether the file's bytes are to come when they are not here, and could be had."""
        record, control = file.record, file.control
        may_come = not (control.evicted or file.is_kept)
        comes = control.is_asked_for or (may_come and self._comes_by_itself(record))
        if self._downloads.keep_bytes is not None:
            if file.is_here or (comes and record.is_uploaded):
                self._count(record)
            elif control.evicted:
                self.gone(record.content_hash)
        return comes

    def gone(self, content_hash: str) -> None:
        """Those bytes are not to be here any more."""
        self._bytes -= self._sizes.pop(content_hash, 0)

    def _comes_by_itself(self, record: FileRecord) -> bool:
        limit = self._downloads.keep_bytes
        if self._downloads.on_demand or limit is None:
            return not self._downloads.on_demand
        return record.content_hash in self._sizes or self._bytes + _size_of(record) <= limit

    def _count(self, record: FileRecord) -> None:
        if record.content_hash not in self._sizes:
            self._sizes[record.content_hash] = _size_of(record)
            self._bytes += self._sizes[record.content_hash]


def _size_of(record: FileRecord) -> int:
    """The size in bytes; one that is not known may be large."""
    size = parse_metadata(record.metadata_json).size_bytes
    return LARGE if size is None else size
