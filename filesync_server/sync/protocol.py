"""One client's connection to a store's log, without I/O: frames in, frames and work out.

The shell (`connection.py`) feeds `receive()` with frames, does the `Work` that comes back (`Read`, `Append`)
and hands the results to `page_read()` and `push_done()`; the hub calls `broadcast()` when a push became
durable. Every method returns the frames to send, in order, and the work to do.

A pull stream first catches up: stored chunks go out one at a time, each after the `Ack` of the one before.
With the last of them a live stream becomes live: every broadcast goes out at once. `sent` is the last
sequence number that went out and `head` the highest that was announced, so nothing is lost or doubled when a
push happens during a read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise
from typing import TypeAlias

from filesync_web.livestore import messages as m
from filesync_web.livestore.wire import (
    decode_pull_request,
    decode_push_request,
    encode,
    encoded_size,
)

from .frames import RefusedFrameError, decode_frame
from .storage import Page, Rejection

MAX_GAP = 100_000
"""How far the number of an event may be behind that of its parent. Clients count by one; a log that begins
later is no fault, but one jump to the last number there is would end the log for everybody."""
MAX_STREAMS = 32
"""Pulls that one connection may have open at once."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the next page of the log for this pull; then call `page_read`."""

    request_id: str
    after: int
    backend_id: str | None


@dataclass(frozen=True, slots=True)
class Append:
    """Append the batch to the log and broadcast it; then call `push_done`."""

    request_id: str
    batch: tuple[m.Event, ...]
    backend_id: str | None


Work: TypeAlias = Read | Append


@dataclass(slots=True)
class Step:
    """What one input leads to. `is_over` says that the connection is of no more use and has to be closed."""

    frames: list[str] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    is_over: bool = False

    def send(self, message: m.ServerMessage) -> None:
        self.frames.append(encode(message))


class _Phase(Enum):
    READING = auto()
    """A `Read` is being done."""
    WAITING = auto()
    """A stored chunk is out; its `Ack` asks for more, or ends a finite pull."""
    LIVE = auto()
    """Broadcasts go out at once."""


@dataclass(slots=True)
class _Stream:
    live: bool
    sent: int
    head: int = 0
    phase: _Phase = _Phase.READING
    started: bool = False
    finished: bool = False


class Connection:
    """What one client may ask for and what it is told. `store_id` is the store that it was admitted to, to
    read it at least."""

    def __init__(self, store_id: str, *, may_push: bool = True) -> None:
        self._store_id = store_id
        self._may_push = may_push
        self._streams: dict[str, _Stream] = {}
        self._pushes: set[str] = set()
        self._first_id: int | None = None

    @property
    def live_pulls(self) -> int:
        """The pulls that are to hear of every push, or will once they have read what there is."""
        return sum(stream.live for stream in self._streams.values())

    def receive(self, frame: str | bytes) -> Step:
        """A frame from the client."""
        step = Step()
        try:
            message = decode_frame(frame)
        except RefusedFrameError as error:
            step.send(error.answer)
            return step
        match message:
            case m.Ping():
                step.send(m.Pong())
            case m.Ack(request_id):
                self._acknowledged(request_id, step)
            case m.Interrupt(request_id):
                if self._streams.pop(request_id, None):
                    step.send(m.Failure(request_id, (m.Interrupted(),)))
            case m.Request():
                self._requested(message, step)
            case m.Eof():
                pass
        return step

    def page_read(self, request_id: str, page: Page | m.BackendIdMismatch) -> Step:
        """The answer to `Read`."""
        step = Step()
        stream = self._streams.get(request_id)
        if stream is None:
            return step  # interrupted meanwhile
        if isinstance(page, m.BackendIdMismatch):
            del self._streams[request_id]
            step.send(m.Failure(request_id, (page,)))
            return step
        if page.events or not stream.started:
            step.send(m.Chunk(request_id, (m.PullResponse(page.events, page.backend_id, page.remaining),)))
        if page.events:
            stream.sent = page.events[-1].event.seq_num
        stream.started = True
        stream.finished = page.remaining == 0
        stream.phase = _Phase.LIVE if stream.live and stream.finished else _Phase.WAITING
        if stream.phase is _Phase.LIVE and stream.head > stream.sent:
            _read_on(request_id, stream, step)  # a push happened while we read
        return step

    def push_done(self, request_id: str, rejection: Rejection | None) -> Step:
        """The answer to `Append`; the broadcast of an accepted push comes before it."""
        step = Step()
        self._pushes.discard(request_id)
        step.send(m.Failure(request_id, (rejection,)) if rejection else m.Success(request_id, {}))
        return step

    def broadcast(self, backend_id: str, events: Sequence[m.PulledEvent]) -> Step:
        """A push became durable. Broadcasts arrive in the order of the log."""
        step = Step()
        last = events[-1].event.seq_num
        for request_id, stream in self._streams.items():
            stream.head = max(stream.head, last)
            if stream.phase is not _Phase.LIVE:
                continue
            news = tuple(pulled for pulled in events if pulled.event.seq_num > stream.sent)
            if news and news[0].event.parent_seq_num != stream.sent:
                _read_on(request_id, stream, step)  # broadcasts were missed: read them instead
            elif news:
                step.send(m.Chunk(request_id, (m.PullResponse(news, backend_id),)))
                stream.sent = last
        return step

    def _requested(self, request: m.Request, step: Step) -> None:
        if request.id in self._streams or request.id in self._pushes:
            return  # as sync-cf: an id that is in use gets no answer
        if self._first_id is None:
            self._first_id = int(request.id)
        try:
            if request.tag == m.PULL:
                self._pull(request.id, decode_pull_request(request.payload), step)
            elif request.tag == m.PUSH:
                self._push(request.id, decode_push_request(request.payload), step)
            else:
                step.send(m.Defect(f"unknown request tag: {request.tag}"))
        except m.WireError as error:
            step.send(m.Failure(request.id, (m.Die(str(error)),)))

    def _pull(self, request_id: str, pull: m.PullRequest, step: Step) -> None:
        check_store(self._store_id, pull.store_id)
        if len(self._streams) >= MAX_STREAMS:
            raise m.WireError(f"a connection has at most {MAX_STREAMS} pulls open")
        after = pull.cursor.seq_num if pull.cursor else 0
        self._streams[request_id] = _Stream(pull.live, sent=after)
        step.work.append(Read(request_id, after, pull.cursor.backend_id if pull.cursor else None))

    def _push(self, request_id: str, push: m.PushRequest, step: Step) -> None:
        check_store(self._store_id, push.store_id)
        check_push(push.batch, may_push=self._may_push)
        self._pushes.add(request_id)
        step.work.append(Append(request_id, push.batch, push.backend_id))

    def _acknowledged(self, request_id: str, step: Step) -> None:
        stream = self._streams.get(request_id)
        if stream is None:
            self._acknowledged_nothing(request_id, step)
        elif stream.phase is not _Phase.WAITING:
            return  # the Ack of a live chunk, or one too many
        elif stream.finished:
            del self._streams[request_id]
            step.send(m.Success(request_id))
        else:
            _read_on(request_id, stream, step)

    def _acknowledged_nothing(self, request_id: str, step: Step) -> None:
        # A client that lost its socket may go on with the Ack of a pull that this connection never saw;
        # silence would leave it waiting for ever (livestorejs/livestore#1365), and an interruption would end
        # LiveStore's pulling for good. A closed socket makes it start over. Ids grow, so an older one than
        # our first is such a pull.
        if self._first_id is None or int(request_id) < self._first_id:
            step.is_over = True


def _read_on(request_id: str, stream: _Stream, step: Step) -> None:
    stream.phase = _Phase.READING
    step.work.append(Read(request_id, stream.sent, None))


def check_store(admitted: str, named: str) -> None:
    """Refuse a request for another store than the client was admitted to. Raises WireError."""
    if named != admitted:
        raise m.WireError(f"payload.storeId is {named!r}, but the connection is for another store")


def check_number(event: m.Event) -> None:
    """Refuse a number that is not behind its parent's, or too far behind it. Raises WireError."""
    gap = event.seq_num - event.parent_seq_num
    if gap <= 0:
        raise m.WireError(f"seqNum {event.seq_num} does not come after its parent {event.parent_seq_num}")
    if gap > MAX_GAP:
        raise m.WireError(
            f"seqNum {event.seq_num} is more than {MAX_GAP} behind its parent {event.parent_seq_num}"
        )


def check_push(batch: Sequence[m.Event], *, may_push: bool) -> None:
    """Refuse a push of who may only read, what could not be pulled again, and what is not one chain. Raises
    WireError."""
    if not may_push:
        raise m.WireError("you may read this store, and not push to it")
    if len(batch) > m.MAX_BATCH_EVENTS:
        raise m.WireError(f"a push has at most {m.MAX_BATCH_EVENTS} events, this one has {len(batch)}")
    for event in batch:
        check_number(event)
    for before, event in pairwise(batch):
        if event.parent_seq_num != before.seq_num:
            raise m.WireError(
                f"event {event.seq_num} follows event {before.seq_num},"
                f" but names {event.parent_seq_num} as its parent"
            )
    size = sum(encoded_size(event) for event in batch)
    if size > m.MAX_BATCH_BYTES:
        raise m.WireError(f"a push has at most {m.MAX_BATCH_BYTES} bytes of events, this one has {size}")
