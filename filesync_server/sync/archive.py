"""An event log as a text file: NDJSON, first what names the log, then an event a line.

    {"format": "filesync-event-log", "version": 1, "storeId": ..., "backendId": ..., "head": ..., ...}
    {"createdAt": "2027-01-15T08:00:00.000Z", "event": {"name": ..., "args": ..., "seqNum": 1, ...}}

Events are as they are on the wire. The first line says how many follow, so a file that was cut is noticed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO

from filesync_web.livestore.messages import (
    MAX_BATCH_BYTES,
    MAX_SEQ_NUM,
    BackendIdMismatch,
    Event,
    PulledEvent,
    WireError,
)
from filesync_web.livestore.wire import encoded_size, event_from_wire, event_to_wire, from_json, to_json

from .protocol import check_number
from .storage import STORE_ID, Log, StorageError, SyncStorage

_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMAT, _VERSION = "filesync-event-log", 1
_MAX_TEXT = 255
"""Characters of a time or of an id. Both are in each chunk of a pull, whose size is bounded."""
_MAX_LINE = 16 * MAX_BATCH_BYTES
"""Bytes; more than the largest event has, however it is escaped."""


class ArchiveError(ValueError):
    """The file is no event log, or not a whole one."""


async def export_lines(storage: SyncStorage, log: Log) -> AsyncIterator[bytes]:
    """The lines of a log up to its head, whatever is appended meanwhile. Raises OSError."""
    header = {"format": _FORMAT, "version": _VERSION, "storeId": log.store_id, "backendId": log.backend_id}
    header |= {"head": log.head, "length": log.length, "createdAt": log.created_at}
    yield _line(header)
    after = 0
    while after < log.head:
        page = await storage.read(log.store_id, after, log.backend_id)
        if isinstance(page, BackendIdMismatch) or not page.events:
            raise StorageError("the log was replaced during the export; start again")
        for pulled in page.events:
            after = pulled.event.seq_num
            if after <= log.head:
                yield _line({"createdAt": pulled.created_at, "event": event_to_wire(pulled.event)})


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of an archive's file; one that has no end is cut, so that it is no event."""
    return iter(partial(file.readline, _MAX_LINE), b"")


def read_archive(lines: Iterable[bytes]) -> tuple[Log, Iterator[PulledEvent]]:
    """What names the log, and its events, read and checked one by one. Raises ArchiveError, also later."""
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, b""))
    header = _parsed(first, 1)
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise ArchiveError(f"line 1 does not begin an event log ({_FORMAT}, version {_VERSION})")
    log = _named_log(header)
    return log, _events(log, numbered)


def _named_log(header: Mapping[str, Any]) -> Log:
    names = ("storeId", "backendId", "head", "length", "createdAt")
    values: list[Any] = [header.get(name) for name in names]
    store_id, backend_id, head, length, created_at = values
    are_texts = all(map(_is_short_text, (store_id, backend_id, created_at)))
    are_numbers = all(type(number) is int and 0 <= number <= MAX_SEQ_NUM for number in (head, length))
    if not are_texts or not are_numbers or not STORE_ID.fullmatch(store_id) or not backend_id:
        raise ArchiveError("line 1 does not name a log")
    return Log(store_id, backend_id, head, length, created_at)


def _events(log: Log, lines: Iterator[tuple[int, bytes]]) -> Iterator[PulledEvent]:
    head, length = 0, 0
    for number, line in lines:
        value = _parsed(line, number)
        try:
            event = event_from_wire(value.get("event"))
        except WireError as error:
            raise ArchiveError(f"line {number}: {error}") from error
        if not _is_short_text(value.get("createdAt")):
            raise ArchiveError(f"line {number}: createdAt must be a text of at most {_MAX_TEXT} characters")
        _check(event, head, number)
        head, length = event.seq_num, length + 1
        yield PulledEvent(event, value["createdAt"])
    if (head, length) != (log.head, log.length):
        raise ArchiveError(
            f"the file has {length} events up to {head}, but begins with {log.length} up to {log.head}:"
            " it is not whole"
        )


def _check(event: Event, head: int, number: int) -> None:
    if event.parent_seq_num != head:
        raise ArchiveError(f"line {number}: event {event.seq_num} does not follow event {head}")
    try:
        check_number(event)
    except WireError as error:
        raise ArchiveError(f"line {number}: {error}") from error
    if encoded_size(event) > MAX_BATCH_BYTES:
        raise ArchiveError(f"line {number}: the event has more than {MAX_BATCH_BYTES} bytes")


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT and not _SURROGATE.search(value)


def _line(value: Any) -> bytes:
    return to_json(value).encode() + b"\n"


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = from_json(line)
    except WireError as error:
        raise ArchiveError(f"line {number}: {error}") from error
    if not isinstance(value, dict):
        raise ArchiveError(f"line {number} is not an object")
    return value
