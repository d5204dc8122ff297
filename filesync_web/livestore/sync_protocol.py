"""The client's side of the sync protocol, without I/O and without a clock: what to say next, given what was
heard.

    opened     a connection stands: ping, and pull live from our cursor
    received   a message came: what to confirm, acknowledge, or give up for
    advanced   the log has moved: push the next batch when the way is free
    ticked     time has passed: ping, or give up a silent connection

One push at a time, numbered behind the confirmed head. The push's events come back over the live pull, and
that confirms them, in the form in which the backend keeps them for all clients. A backend that is ahead sends
what we lack by the live pull, which rebases the pending events, and the push is made again. Times are seconds
of a monotonic clock.

A backend may come back with less than it had: emptied, from an older copy, or another one. Its id tells, but
not that of a copy, which may even have grown past our head since, by other events. So each pull asks for the
last events once more that we have, and what comes has to begin with them (`recent`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import SyncError
from filesync_web.livestore import sequence
from filesync_web.livestore.messages import (
    Ack,
    BackendIdMismatch,
    Cause,
    Chunk,
    ClientMessage,
    Cursor,
    Defect,
    Event,
    Failure,
    Interrupt,
    Interrupted,
    Json,
    Ping,
    Pong,
    PulledEvent,
    PullRequest,
    PushRequest,
    ServerAhead,
    ServerMessage,
    Success,
)
from filesync_web.livestore.ports import LocalEntry
from filesync_web.livestore.recent import RecentEvents
from filesync_web.livestore.wire import pull_request, push_request

PING_EVERY = 10.0
PONG_TIMEOUT = 10.0
NUDGE_TIMEOUT = 3.0
ANSWER_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class View:
    """Where the log stands: its epoch, the newest confirmed events, whose they are, and what is pending."""

    epoch: int
    recent: Sequence[Event]
    backend_id: str | None
    pending: Sequence[LocalEntry]

    @property
    def head(self) -> int:
        return self.recent[-1].seq_num if self.recent else 0


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message."""

    message: ClientMessage


@dataclass(frozen=True, slots=True)
class Confirm:
    """Put these events into the log, durably, before anything that follows, unless it has begun another
    epoch. `sent`: the ids of the pending entries by the numbers under which they were pushed last."""

    events: tuple[Event, ...]
    backend_id: str
    epoch: int
    sent: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Reset:
    """The backend has not got what it had confirmed: drop that, or offer it again, then connect anew."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Close the connection and try again later."""

    error: SyncError


@dataclass(frozen=True, slots=True)
class Healthy:
    """Everything that there was to do has worked: the next failure is a first one."""


Output: TypeAlias = Send | Confirm | Reset | Fail | Healthy


def joined(outputs: Sequence[Output]) -> list[Output]:
    """The same outputs with one `Confirm` in place of several: it costs a transaction and a rebase, however
    many events it brings. What followed any of them still follows it; and of equal `Ack`s, which ask for
    more, one is enough."""
    events = tuple(event for output in outputs if isinstance(output, Confirm) for event in output.events)
    kept: list[Output] = []
    has_confirm = False
    for output in outputs:
        match output:
            case Confirm():
                if not has_confirm:
                    kept.append(replace(output, events=events))
                has_confirm = True
            case Send(Ack()) if output in kept:
                pass
            case _:
                kept.append(output)
    return kept


class SyncProtocol:
    """One client for all its connections, because request ids grow for the life of the client."""

    def __init__(self, store_id: str) -> None:
        self._store_id = store_id
        self._last_id = -1
        self._pull = ""
        self._sent: dict[int, int] = {}  # also of the connection before, whose last answer is not known
        self.is_refused = False
        """Others were faster than the last push, which has to be made again."""
        self._clear()

    def _clear(self) -> None:
        self._payload: Json = None
        self._backend_id: str | None = None
        self._epoch = 0
        self._recent = RecentEvents()
        self._is_caught_up = False
        self.remaining = 0
        """How many events of the backlog are still to come, where the backend tells."""
        self._was_overtaken = False
        self._push = ""
        self._batch: tuple[Event, ...] = ()
        self._wait_for_head = 0
        self._answer_by: float | None = None
        self._ping_at: float | None = None
        self._pong_by: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to call `ticked` at the latest; None: never."""
        times = [t for t in (self._answer_by, self._ping_at, self._pong_by) if t is not None]
        return min(times, default=None)

    def opened(self, view: View, payload: Json, now: float) -> list[Output]:
        """A new connection."""
        self._clear()
        self._payload = payload
        self._epoch = view.epoch
        self._recent = RecentEvents(view.recent)
        self._backend_id = view.backend_id if view.recent else None
        return [*self._ping(now), self._pull_on(now)]

    def closing(self) -> list[ClientMessage]:
        """What to say before the connection is closed on purpose."""
        return [Interrupt(self._pull)]

    def received(self, message: ServerMessage, now: float) -> list[Output]:
        """A message of the backend. Answers to requests of earlier connections are ignored."""
        match message:
            case Pong():
                self._pong_by = None
                return []
            case Chunk(self._pull):
                return self._pulled(message, now)
            case Success(self._push) if self._push:
                return self._pushed(now)
            case Failure(self._push, causes) if self._push:
                return self._refused(causes, now)
            case Success(self._pull):
                return [Fail(SyncError("the backend has ended the live pull"))]
            case Failure(self._pull, causes):
                return self._failed("the pull", causes)
            case Defect(defect):
                return [Fail(SyncError(f"the backend did not understand a message: {defect!r:.200}"))]
            case _:
                return []

    def advanced(self, view: View, now: float) -> list[Output]:
        """Push what is pending, when nothing stands in the way."""
        if view.epoch != self._epoch:
            return [Fail(SyncError("the log has begun anew in another tab; connecting again"))]
        if view.head > self._recent.head:
            return self._follow(view, now)
        if not self._is_caught_up or self._push or view.head < self._wait_for_head:
            return []
        if self._wait_for_head:
            self._wait_for_head, self._answer_by = 0, None
        if not view.pending:
            return [Healthy()]
        self._batch = sequence.next_batch(view.pending, view.head)
        self._sent = {
            event.seq_num: entry.id for event, entry in zip(self._batch, view.pending, strict=False)
        }
        self._push = self._next_id()
        self._answer_by = now + ANSWER_TIMEOUT
        push = PushRequest(self._store_id, self._batch, self._backend_id, self._payload)
        return [Send(push_request(self._push, push))]

    def _follow(self, view: View, now: float) -> list[Output]:
        """Another tab has moved the log on: it syncs too, for a moment. What it has heard need not be what
        this connection will hear, when the backend has come back with less in between; so pull from there.
        """
        self._recent = RecentEvents(view.recent)
        return [Send(Interrupt(self._pull)), self._pull_on(now)]

    def ticked(self, now: float) -> list[Output]:
        """Time has passed."""
        if self._pong_by is not None and now >= self._pong_by:
            return [Fail(SyncError("the connection is dead: a ping was not answered"))]
        if self._answer_by is not None and now >= self._answer_by:
            return [Fail(SyncError("the backend did not answer a request"))]
        if self._ping_at is not None and now >= self._ping_at:
            return self._ping(now)
        return []

    def nudged(self, now: float) -> list[Output]:
        """Find out soon whether the connection still lives."""
        outputs = self._ping(now)
        self._pong_by = now + NUDGE_TIMEOUT
        return outputs

    def _next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def _ping(self, now: float) -> list[Output]:
        self._ping_at = now + PING_EVERY
        self._pong_by = self._pong_by or now + PONG_TIMEOUT
        return [Send(Ping())]

    def _pull_on(self, now: float) -> Output:
        """Pull live, beginning with our newest events."""
        before = self._recent.begin()
        cursor = Cursor(self._backend_id, before) if before and self._backend_id is not None else None
        self._pull = self._next_id()
        self._is_caught_up = self._was_overtaken = False
        self._answer_by = now + ANSWER_TIMEOUT
        pull = PullRequest(self._store_id, live=True, cursor=cursor, payload=self._payload)
        return Send(pull_request(self._pull, pull))

    def _pulled(self, chunk: Chunk, now: float) -> list[Output]:
        """A page of the backlog, or what is new.

        It is taken over only where it continues our head. LiveStore's backend sends a new event at once, also
        between the pages of a backlog, and never again: taken over, it would move the head past the pages
        that are still to come, and those would be left out as old ones. So it is dropped, and when the
        backlog has been read, what comes behind it is pulled again.
        """
        outputs: list[Output] = []
        for value in chunk.values:
            if not _is_in_order(value.batch):
                return [*outputs, Fail(SyncError("the backend's events are not in order"))]
            if self._backend_id not in {None, value.backend_id} or self._recent.are_lost(value):
                return [Reset()]
            self._backend_id = value.backend_id
            new = tuple(pulled.event for pulled in value.batch if pulled.event.seq_num > self._recent.head)
            if new and new[0].parent_seq_num > self._recent.head:
                self._was_overtaken = True
                continue
            if new:
                outputs.append(Confirm(new, value.backend_id, self._epoch, self._sent))
                self._recent.add(new)
            self._is_caught_up = not value.remaining
            self.remaining = value.remaining or 0
        outputs.append(Send(Ack(self._pull)))
        if self._is_caught_up and self._was_overtaken:
            return [*outputs, Send(Interrupt(self._pull)), self._pull_on(now)]
        if not self._push and not self._wait_for_head:
            self._answer_by = None
        return outputs

    def _pushed(self, now: float) -> list[Output]:
        self.is_refused = False
        pushed = self._batch[-1].seq_num
        self._push, self._batch, self._answer_by = "", (), None
        if self._recent.head < pushed:
            self._wait_for(pushed, now)
        return [Healthy()]

    def _wait_for(self, head: int, now: float) -> None:
        """Push nothing until the live pull has brought the events up to `head`."""
        self._wait_for_head = head
        self._answer_by = now + ANSWER_TIMEOUT

    def _refused(self, causes: Sequence[Cause], now: float) -> list[Output]:
        head = self._batch[0].parent_seq_num
        self._push, self._batch, self._answer_by = "", (), None
        for cause in causes:
            if isinstance(cause, ServerAhead):
                if cause.minimum_expected_num < head:
                    return [Reset()]  # it has lost events that it had confirmed: restored from an old backup
                self.is_refused = True
                self._wait_for(max(cause.minimum_expected_num, head + 1), now)
                return []
        return self._failed("the push", causes)

    def _failed(self, what: str, causes: Sequence[Cause]) -> list[Output]:
        if any(isinstance(cause, BackendIdMismatch) for cause in causes):
            return [Reset()]
        if causes and all(isinstance(cause, Interrupted) for cause in causes):
            return [Fail(SyncError(f"{what} was ended by the backend"))]
        return [Fail(SyncError(f"{what} was refused: {'; '.join(f'{cause!r:.200}' for cause in causes)}"))]


def _is_in_order(batch: Sequence[PulledEvent]) -> bool:
    """Whether each event has a greater number than the one before: the last one's becomes the log's head."""
    return all(before.event.seq_num < after.event.seq_num for before, after in pairwise(batch))
