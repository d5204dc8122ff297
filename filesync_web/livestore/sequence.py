"""The order of events: which arriving ones are our own, and how pending ones are numbered for a push.

Pure. The backend decides the order. A pending event has no sequence number of its own: it is numbered behind
the confirmed head each time it is pushed, so that a rebase is nothing but a new head.

An own event has to be known again when it comes back, or it would be pushed once more, for ever. It is told
by who made it (client, session, name) and by one of two things: its value, or the number under which it was
pushed last. A value may come back changed, as a backend that keeps numbers in JavaScript makes 1 of 1.0; and
the number is not known any more after a crash.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from filesync_web.livestore.messages import MAX_BATCH_BYTES, Event, Json
from filesync_web.livestore.ports import ConfirmedEntry, LocalEntry, LocalEvent
from filesync_web.livestore.wire import encoded_size, to_json

PUSH_EVENTS = 50
"""Most events in one push, as LiveStore's own client does."""

_ESCAPED_SURROGATE = re.compile(r"\\ud[89a-f][0-9a-f]{2}")
_Identity: TypeAlias = tuple[str, str, str]


def confirm(
    arrived: Iterable[Event], head: int, pending: Sequence[LocalEntry], sent: Mapping[int, int] | None = None
) -> list[ConfirmedEntry]:
    """The arriving events that are new and continue the chain from `head`, each with the pending entry that
    it confirms.

    `sent`: the entries' ids by the sequence numbers under which they were pushed last, as far as is known.
    """
    confirmed: list[ConfirmedEntry] = []
    waiting = _Waiting(pending, sent or {})
    for event in arrived:
        if event.seq_num <= head:
            continue  # delivered twice
        if event.parent_seq_num > head:
            break  # what came before it has not come yet
        head = event.seq_num
        confirmed.append(ConfirmedEntry(event, waiting.take(event)))
    return confirmed


def next_batch(pending: Sequence[LocalEntry], head: int) -> tuple[Event, ...]:
    """The oldest pending events, numbered behind `head`, as many as one push may hold."""
    batch: list[Event] = []
    size = 0
    for entry in pending[:PUSH_EVENTS]:
        event = numbered(entry, head)
        size += encoded_size(event)
        if batch and size >= MAX_BATCH_BYTES:
            break
        batch.append(event)
        head = event.seq_num
    return tuple(batch)


def numbered(entry: LocalEntry, head: int) -> Event:
    """The entry's event as the next one behind `head`."""
    event = entry.event
    return Event(event.name, event.args, head + 1, head, event.client_id, event.session_id)


def is_same(one: Event | LocalEvent, other: Event | LocalEvent) -> bool:
    """Whether the two are one event, as far as makers and values tell."""
    if _identity(one) != _identity(other):
        return False
    return bool(one.args == other.args) or _essence(one.args) == _essence(other.args)


class _Waiting:
    """The pending entries that no arriving event has confirmed yet."""

    def __init__(self, pending: Sequence[LocalEntry], sent: Mapping[int, int]) -> None:
        self._pending = pending
        self._sent = sent
        self._taken: set[int] = set()
        self._oldest = 0

    def take(self, event: Event) -> int | None:
        """The id of the entry that the event is, which then waits no longer; None for a foreign event."""
        entry = self._find(event)
        if entry is None:
            return None
        self._taken.add(entry.id)
        while self._oldest < len(self._pending) and self._pending[self._oldest].id in self._taken:
            self._oldest += 1
        return entry.id

    def _find(self, event: Event) -> LocalEntry | None:
        if self._oldest == len(self._pending):
            return None
        oldest = self._pending[self._oldest]
        if is_same(event, oldest.event):
            return oldest  # events come back in the order in which they were pushed
        made_alike = self._by_identity.get(_identity(event), ())
        of_its_maker = [entry for entry in made_alike if entry.id not in self._taken]
        same = (entry for entry in of_its_maker if is_same(event, entry.event))
        sent = self._sent.get(event.seq_num)
        return next(same, None) or next((entry for entry in of_its_maker if entry.id == sent), None)

    @cached_property
    def _by_identity(self) -> Mapping[_Identity, Sequence[LocalEntry]]:
        found = defaultdict(list)
        for entry in self._pending:
            found[_identity(entry.event)].append(entry)
        return found


def _identity(event: Event | LocalEvent) -> _Identity:
    return event.client_id, event.session_id, event.name


def _essence(args: Json) -> Json:
    """What no backend changes of a value: numbers as JavaScript has them, and no lone surrogates, for which
    UTF-8 has no bytes."""
    return json.loads(_ESCAPED_SURROGATE.sub("\ufffd", to_json(args)), parse_int=float)
