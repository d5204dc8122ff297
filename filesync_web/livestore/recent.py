"""The last events that a backend has confirmed, by which one is told that has lost them.

Pure. Each pull asks from some events before the head on, so that what comes has to begin with them. One event
would do if no two were alike: equal ones of one client in a row look the same when they have moved by a
place, and so a few are compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from filesync_web.livestore.messages import Event, PullResponse
from filesync_web.livestore.sequence import is_same
from filesync_web.livestore.wire import encoded_size

MAX_EVENTS = 16
MAX_BYTES = 20_000
"""Of them, one may be larger than this."""


class RecentEvents:
    """Keeps the newest confirmed events of a log, and what of them the present pull has to bring."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = deque(events, MAX_EVENTS)
        self._wanted: dict[int, Event] = {}
        self._missing: set[int] = set()

    @property
    def head(self) -> int:
        """The number of the newest; 0 when there is none."""
        return self._events[-1].seq_num if self._events else 0

    @property
    def newest(self) -> Sequence[Event]:
        """All that are kept, oldest first."""
        return tuple(self._events)

    def add(self, events: Iterable[Event]) -> None:
        """These are confirmed, behind the others."""
        self._events.extend(events)

    def begin(self) -> int:
        """A pull begins: the number after which it has to ask; 0 for from the beginning."""
        self._wanted, size = {}, 0
        for event in reversed(self._events):
            size += encoded_size(event)
            if self._wanted and size > MAX_BYTES:
                break
            self._wanted[event.seq_num] = event
        self._missing = set(self._wanted)
        return self._wanted[min(self._wanted)].parent_seq_num if self._wanted else 0

    def are_lost(self, value: PullResponse) -> bool:
        """Whether what the pull has brought shows that the backend has not got them any more."""
        if not self._wanted:
            return False
        head, before = max(self._wanted), self._wanted[min(self._wanted)].parent_seq_num
        for number, event in ((pulled.event.seq_num, pulled.event) for pulled in value.batch):
            if number > head:
                return event.parent_seq_num < head  # it does not follow ours, but one before it
            if number > before:
                if number not in self._wanted or not is_same(event, self._wanted[number]):
                    return True
                self._missing.discard(number)
        return value.remaining == 0 and (bool(self._missing) or not value.batch)
