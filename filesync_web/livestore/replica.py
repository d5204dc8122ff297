"""This tab's copy: the shared event log and the state that follows it, kept together.

Every operation on the log goes through here, one at a time, and its answer is applied to the state at once;
so the state is always the log as of `position`, and all tabs apply the same events in the same order. Commits
that wait for their turn go into the log together: one transaction, one flush, one change of the state.

The log is the truth, the state can be made anew from it. When its database is damaged, or its disk is full,
the next operation does that: from what is still committed, else in a new file, else in memory.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import compress
from typing import Any

from filesync_web.aio.futures import new_future
from filesync_web.aio.tasks import Tasks
from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import EventTooLargeError, OutdatedError, SchemaError, StoreError
from filesync_web.livestore import sequence
from filesync_web.livestore.messages import MAX_BATCH_BYTES, MAX_SEQ_NUM, Event
from filesync_web.livestore.ports import START, EventLog, LocalEntry, LocalEvent, LogDelta, Position
from filesync_web.livestore.recent import MAX_EVENTS
from filesync_web.livestore.schema import NewEvent, Schema
from filesync_web.livestore.state import Change, State, StateFailedError
from filesync_web.livestore.wire import encoded_size

logger = logging.getLogger(__name__)

MAX_TOGETHER = 100
"""Commits that go into the log together: in a browser, trying and applying them takes some 50 ms, in which
nobody else gets a turn."""

DESCRIBED_EVENTS = 20
"""Pending events that a description names, at most."""

OnChange = Callable[[Change], None]
OnVoid = Callable[[Sequence[LocalEvent]], None]
"""Called after each batch."""
OnAppend = Callable[[], None]
"""Called when new events of this tab are in the log, after the change that they made."""
OnOutdated = Callable[[OutdatedError], None]
"""Called when a newer version turns out to have taken over the log: this tab cannot use it any more."""


@dataclass(frozen=True, slots=True, eq=False)
class _Commit:
    """Events that go into the log all or none, and the future of who waits for that."""

    events: Sequence[NewEvent]
    local_events: list[LocalEvent]
    done: asyncio.Future[None]

    def end(self, error: BaseException | None = None) -> None:
        if self.done.done():  # whoever waited was cancelled
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Replica:
    """Log and state of one tab. The callbacks must not raise."""

    def __init__(
        self,
        schema: Schema,
        log: EventLog,
        session_id: str,
        *,
        on_change: OnChange,
        on_void: OnVoid,
        on_append: OnAppend,
        on_outdated: OnOutdated,
    ) -> None:
        self._schema = schema
        self._log = log
        self._on_change = on_change
        self._on_void = on_void
        self._on_append = on_append
        self._on_outdated = on_outdated
        self._turn = asyncio.Lock()
        self.session_id = session_id
        self.client_id = ""
        self.backend_id: str | None = None
        self.sync_enabled = True
        self.resets = 0
        self.recent: deque[Event] = deque(maxlen=MAX_EVENTS)
        """The newest confirmed events."""
        self.state: State
        self._saved = START
        self._failure: StateFailedError | None = None  # of the state, until it has been made anew
        self._is_kept = True  # in a file
        self._tasks = Tasks("the event log")
        self._commits: list[_Commit] = []
        self._appending: asyncio.Task[None] | None = None

    async def open(self, client_id: str) -> None:
        """Open the log and build the state: from what was saved and came after, or from all events."""
        self.client_id = await self._log.open(client_id)
        try:
            await self._make_state(self._saved_state, self._fresh_state, self._memory_state)
        except BaseException:
            if hasattr(self, "state"):
                self.state.close()
            await self._log.close()
            raise

    # --- the state, and when it fails ---

    async def _make_state(self, *ways: Callable[[], Awaitable[State]]) -> None:
        """Begin with the state that the first way gives which works, and bring it up to date."""
        for way in ways:
            try:
                self.state = await way()
            except (sqlite3.Error, StoreError) as error:
                logger.warning("the saved state cannot be used, it is made anew from the events: %s", error)
                continue
            self._saved = self.position
            delta = await self._log.read(self.position, all_pending=True)
            try:
                await self._apply(delta)
            except StateFailedError as error:
                logger.warning("the state cannot be kept, it is made anew from the events: %s", error)
                self.state.close()
                continue
            self._failure = None
            await self._read_recent()
            return
        raise StoreError("the state can be kept neither in a file nor in memory")

    async def _read_recent(self) -> None:
        """Read the newest confirmed events, which the saved state has applied already."""
        self.recent.clear()
        if head := self.position.confirmed:
            delta = await self._log.read(replace(self.position, confirmed=max(0, head - MAX_EVENTS)))
            self.recent.extend(e.event for e in delta.confirmed if e.event.seq_num <= head)

    async def _saved_state(self) -> State:
        return State(self._schema, await self._log.open_state())

    async def _committed_state(self) -> State:
        self.state.fall_back()
        return self.state

    async def _fresh_state(self) -> State:
        if self._failure is not None:
            self.state.close()
        return State(self._schema, await self._log.open_state(fresh=True))

    async def _memory_state(self) -> State:
        self._is_kept = False
        return State(self._schema)

    def state_failed(self, error: StateFailedError) -> None:
        """The state could not be read: the next operation, `refresh` say, makes it anew."""
        self._failure = error

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Inside, nobody else works on log and state, and the state is one that works."""
        async with self._turn:
            with self._telling_if_outdated():
                await self._mend_if_broken()
                yield

    @contextmanager
    def _telling_if_outdated(self) -> Iterator[None]:
        try:
            yield
        except OutdatedError as error:
            self._on_outdated(error)
            raise

    async def _mend_if_broken(self) -> None:
        if self._failure is not None:
            await self._mend_state(self._failure)

    async def _mend_state(self, failure: StateFailedError) -> None:
        logger.warning("the state is made anew from the events: %s", failure)
        self._failure = failure  # until it has worked
        anew = (self._fresh_state, self._memory_state)
        await self._make_state(*((self._committed_state, *anew) if failure.is_full else anew))
        self._on_change(self.state.everything())

    async def _take(self, delta: LogDelta) -> None:
        try:
            await self._apply(delta)
        except StateFailedError as error:
            await self._mend_state(error)

    async def _apply(self, delta: LogDelta) -> None:
        begins_anew = delta.position.epoch != self.position.epoch
        try:
            change = self.state.apply(delta)
        except StateFailedError:
            raise
        except BaseException as error:  # it may have applied some of it
            self._failure = StateFailedError(f"applying events has failed: {error!r}")
            raise
        self.backend_id = delta.backend_id
        self.sync_enabled = delta.sync_enabled
        self.resets = delta.resets
        if begins_anew:
            self.recent.clear()
        self.recent.extend(entry.event for entry in delta.confirmed)
        self._on_change(change)
        if self.state.void:
            void, self.state.void = self.state.void, []
            await self._log.discard([entry.id for entry in void])
            self._on_void([entry.event for entry in void])

    # --- what the store does ---

    async def close(self) -> None:
        """Close the log, once every commit that was begun has ended."""
        if self._appending is not None:
            await asyncio.wait([self._appending])
        async with self._turn:
            try:
                self.state.close()
            finally:
                await self._log.close()

    @property
    def position(self) -> Position:
        return self.state.position

    @property
    def pending(self) -> Sequence[LocalEntry]:
        """The events that the backend has not confirmed yet, oldest first."""
        return self.state.pending

    @property
    def shares_state(self) -> bool:
        """Whether it is enough that one tab saves the state."""
        return self._log.shares_state

    @property
    def unsaved(self) -> int:
        """How many events came after the state was last saved."""
        saved = self._saved if self._saved.epoch == self.position.epoch else START
        return self.position.confirmed - saved.confirmed + self.position.local - saved.local

    def describe(self) -> dict[str, Any]:
        """How far the log is, in JSON values, for a report: events by name, without their arguments."""
        position = self.position
        return {
            **{name: getattr(position, name) for name in ("epoch", "confirmed", "local")},
            "backend_id": self.backend_id,
            "resets": self.resets,
            "rebases": self.state.rebases,
            "unsaved": self.unsaved,
            "pending": len(self.pending),
            "first_pending": [
                {"id": entry.id, "name": entry.event.name} for entry in self.pending[:DESCRIBED_EVENTS]
            ],
            "last_confirmed": [
                {"number": event.seq_num, "name": event.name, "by": event.client_id} for event in self.recent
            ],
        }

    async def append(self, events: Sequence[NewEvent]) -> None:
        """Put new events into the log, but for those whose condition does not hold.

        Raises `SchemaError` or `EventTooLargeError`, and adds none, when one of them cannot be.
        """
        local_events = [self._local_event(event) for event in events]
        commit = _Commit(events, local_events, new_future())
        self._commits.append(commit)
        if self._appending is None or self._appending.done():
            self._appending = self._tasks.spawn(self._append_waiting(), "committing")
        await commit.done

    async def _append_waiting(self) -> None:
        while self._commits:
            async with self._turn:
                commits, self._commits = self._commits[:MAX_TOGETHER], self._commits[MAX_TOGETHER:]
                commits = [commit for commit in commits if not commit.done.cancelled()]
                try:
                    with self._telling_if_outdated():
                        await self._mend_if_broken()
                        await self._append_together(commits)
                except Exception as error:
                    for commit in commits:
                        commit.end(error)

    async def _append_together(self, commits: Sequence[_Commit]) -> None:
        outcomes = await self._rehearse([commit.events for commit in commits])
        counted: list[LocalEvent] = []
        for commit, outcome in zip(commits, outcomes, strict=True):
            if isinstance(outcome, Exception):
                commit.end(outcome)
            else:
                counted += compress(commit.local_events, outcome)
        await self._take(await self._log.append(counted, self.position))
        if counted:
            self._on_append()
        for commit in commits:
            commit.end()

    async def _rehearse(self, commits: Sequence[Sequence[NewEvent]]) -> list[list[bool] | Exception]:
        try:
            return self.state.rehearse(commits, self.client_id, self.session_id)
        except StateFailedError as error:
            await self._mend_state(error)
            return self.state.rehearse(commits, self.client_id, self.session_id)

    def _local_event(self, event: NewEvent) -> LocalEvent:
        if not isinstance(event, NewEvent):
            raise SchemaError(f"only events can be committed, not {event!r:.100}")
        definition = event.definition
        if self._schema.by_wire_name.get(definition.name) is not definition:
            raise SchemaError(f"event {definition.name} is not of this store's schema")
        ids = self.client_id, self.session_id
        size = encoded_size(Event(definition.name, event.args, MAX_SEQ_NUM, MAX_SEQ_NUM, *ids))
        if size >= MAX_BATCH_BYTES:
            raise EventTooLargeError(
                f"event {definition.name} has {size:,} encoded bytes; the limit is {MAX_BATCH_BYTES:,}: "
                "keep large content in a file"
            )
        where = event.condition
        condition = None if where is None else [where.sql, list(where.params)]
        key = definition.compaction_key(event.args)
        return LocalEvent(definition.name, event.args, *ids, definition.synced, key, condition)

    async def refresh(self) -> None:
        """Catch up with what other tabs have put into the log."""
        async with self._in_turn():
            await self._take(await self._log.read(self.position))

    async def confirm(
        self, events: Sequence[Event], backend_id: str, sent: Mapping[int, int], *, epoch: int | None = None
    ) -> None:
        """Take over events of the backend; those that are here already are left out. `sent`: see
        `sequence.confirm`. Does nothing when the log has begun another epoch than `epoch`: they are of a
        backend that is no more.

        The match is made against what this tab has seen of the log, and other tabs write to it as well: one
        may have committed an event that waits in front of nothing yet, or be syncing too and have written
        these very events. So the log takes the match only if nobody was faster, and in either case answers
        with what has happened since. That is applied, and what is left is matched anew.
        """
        async with self._in_turn():
            epoch = self.position.epoch if epoch is None else epoch
            while self.position.epoch == epoch:
                entries = sequence.confirm(events, self.position.confirmed, self.pending, sent)
                if not entries:
                    return
                await self._take(await self._log.confirm(entries, backend_id, self.position))

    async def reset(self, *, offers: bool) -> None:
        """The backend has lost what it had confirmed: begin anew with what it has, and keep what is pending.
        With `offers`, all that it had confirmed is pending again, in front of that; what it still has will be
        known again as it arrives, and only the rest is pushed.
        """
        async with self._in_turn():
            epoch = self.position.epoch
            while self.position.epoch == epoch:
                offered = await self._events_to_offer() if offers else []
                await self._take(await self._log.reset(self.position, offered))

    async def _events_to_offer(self) -> list[LocalEvent]:
        confirmed = (await self._log.read(replace(self.position, confirmed=0))).confirmed
        events = [entry.event for entry in confirmed if encoded_size(entry.event) < MAX_BATCH_BYTES]
        if len(events) < len(confirmed):
            logger.warning("%d events are too large to be offered again", len(confirmed) - len(events))
        return [LocalEvent(e.name, e.args, e.client_id, e.session_id, synced=True) for e in events]

    async def set_sync_enabled(self, enabled: bool) -> None:
        async with self._in_turn():
            await self._log.set_sync_enabled(enabled)
            await self._take(await self._log.read(self.position))

    async def save_state(self) -> None:
        """Keep the base, so that the next start need not apply all events."""
        async with self._in_turn():
            try:
                self.state.settle()
            except StateFailedError as error:
                await self._mend_state(error)
                return
            position = self.position
        if self._is_kept:
            await (
                self._log.save_state()
            )  # what comes meanwhile need not wait: the database is whole at any time
        self._saved = position
