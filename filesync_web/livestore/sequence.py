"""The order of events: which arriving ones are our own, and how pending ones are numbered for a push.

Pure. The backend decides the order. A pending event has no sequence number of its own: it is numbered behind
the confirmed head each time it is pushed, so that a rebase is nothing but a new head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filesync_web.livestore.messages import MAX_BATCH_BYTES, Event
from filesync_web.livestore.ports import ConfirmedEntry, LocalEntry
from filesync_web.livestore.wire import encoded_size

PUSH_EVENTS = 50
"""Most events in one push, as LiveStore's own client does."""


def confirm(arrived: Iterable[Event], head: int, pending: Sequence[LocalEntry]) -> list[ConfirmedEntry]:
    """The arriving events that are new (behind `head`), each with the pending entry that it confirms.

    Own events come back in the order in which they were pushed, so only the oldest pending entry can match.
    They are told by their content, not by what we remember of the push: after a crash between push and answer
    this is what keeps an event from being doubled.
    """
    confirmed: list[ConfirmedEntry] = []
    waiting = iter(pending)
    own = next(waiting, None)
    for event in arrived:
        if event.seq_num <= head:
            continue  # delivered twice
        head = event.seq_num
        if own is not None and _is_same(event, own):
            confirmed.append(ConfirmedEntry(event, own.id))
            own = next(waiting, None)
        else:
            confirmed.append(ConfirmedEntry(event))
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


def _is_same(event: Event, entry: LocalEntry) -> bool:
    own = entry.event
    return (event.client_id, event.session_id, event.name, event.args) == (
        own.client_id,
        own.session_id,
        own.name,
        own.args,
    )
