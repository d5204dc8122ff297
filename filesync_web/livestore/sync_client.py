"""Metadata sync of the leading tab: the one shell around `sync_protocol`.

Connects, hands messages over in both directions, keeps what arrives in the log before it acknowledges it, and
connects again after a failure: exponential backoff with full jitter from 1 s up to 30 s, starting over after
a connection on which everything worked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from filesync_web.aio.tasks import Tasks, raise_if_cancelled
from filesync_web.aio.waiting import first_of
from filesync_web.errors import SyncError
from filesync_web.livestore.connector import Connection, Connector
from filesync_web.livestore.messages import ServerMessage
from filesync_web.livestore.ports import Socket, SocketClosedError, StorePorts
from filesync_web.livestore.replica import Replica
from filesync_web.livestore.sequence import PUSH_EVENTS
from filesync_web.livestore.sync_protocol import (
    Confirm,
    Fail,
    Healthy,
    Output,
    Reset,
    Send,
    SyncProtocol,
    View,
    joined,
)
from filesync_web.livestore.sync_status import BackendReset
from filesync_web.livestore.wire import decode_server, encode

logger = logging.getLogger(__name__)

BACKOFF_BASE = 1.0
BACKOFF_CAP = 30.0
GOODBYE_TIMEOUT = 1.0
GATHERED_EVENTS = 100
"""Events of others that one transaction takes over: more of them would hold up the page."""

MOST_GAPS = 5
"""Push gaps that a push is put off at most: by as many as the last one had events."""

OnSync = Callable[[bool, str, bool, int], None]
"""Called with whether there is a connection, the last error ("" after success), whether everything that the
backend had has come over this connection, and how many events of that are still to come."""


class _BackendLostError(SyncError):
    """The backend has not got what it had confirmed."""


class SyncClient:
    """Syncs one replica while it is active. `on_change` is told the connection's state, `on_confirmed` that
    the log has changed for the other tabs as well; neither may raise.
    """

    def __init__(
        self,
        replica: Replica,
        connector: Connector,
        ports: StorePorts,
        *,
        on_change: OnSync,
        on_confirmed: Callable[[], None],
    ) -> None:
        self._replica = replica
        self._connector = connector
        self._clock = ports.clock
        self._random = ports.random
        self._on_change = on_change
        self._on_confirmed = on_confirmed
        self._owner = f"metadata sync of store {connector.store_id!r}"
        self._protocol = SyncProtocol(connector.store_id)
        self._tasks = Tasks(self._owner)
        self._of_connection = Tasks(self._owner)
        self._running: asyncio.Task[None] | None = None
        self._is_active = False
        self._incoming: deque[ServerMessage | Exception] = deque()
        self._woken = asyncio.Event()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = 0.0
        self._push_gap = ports.push_gap
        self._push_at = 0.0
        self._is_put_off = False  # what is pending is pushed when the alarm rings
        self._nudged = False
        self._failures = 0
        self._error = ""
        self._is_caught_up = False

    def set_active(self, active: bool) -> None:
        """Begin or end syncing; does nothing when that is so already."""
        if active and not self._is_active:
            self._running = self._tasks.spawn(self._run(self._running), "syncing")
        elif not active and self._is_active and self._running is not None:
            self._running.cancel()
        self._is_active = active

    async def stop(self) -> None:
        """End syncing, and wait until the connection is closed."""
        self.set_active(False)
        if self._running is not None:
            await asyncio.wait({self._running})

    def wake(self) -> None:
        """The log has changed: there may be something to push, if that is not put off."""
        if not self._is_put_off:
            self._woken.set()

    def describe(self) -> dict[str, Any]:
        """Where it syncs to, in JSON values, for a report."""
        options = self._connector.options
        return {"url": options.url, "transport": options.transport, "failures_in_a_row": self._failures}

    def tokens(self) -> set[str]:
        """What must not be told of the last connection."""
        return self._connector.tokens()

    def nudge(self) -> None:
        """Connect now, or test the connection."""
        self._nudged = True
        self._woken.set()

    async def _run(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        try:
            while True:
                try:
                    await self._sync_once()
                except Exception as error:  # whatever it is, sync goes on
                    raise_if_cancelled()
                    self._failed(error)
                await self._pause()
        finally:
            self._report(False, "")

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._report(False, str(error))
        if isinstance(error, SyncError | SocketClosedError):
            logger.info("%s: %s", self._owner, error)
        else:
            logger.error("%s failed: %s", self._owner, error, exc_info=error)

    def _report(self, connected: bool, error: str, *, is_caught_up: bool = False, remaining: int = 0) -> None:
        self._error = error
        self._is_caught_up = is_caught_up
        self._on_change(connected, error, is_caught_up, remaining)

    async def _pause(self) -> None:
        """Wait before the next attempt; a nudge ends it."""
        longest = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(self._failures - 1, 10))
        until = self._clock.monotonic() + self._random.uniform(0, longest)
        while not self._nudged and (left := until - self._clock.monotonic()) > 0:
            self._woken.clear()
            await first_of(self._woken.wait(), self._clock.sleep(left))
        self._nudged = False

    async def _sync_once(self) -> None:
        """One connection, from opening it until it fails; raises why."""
        try:
            await self._use(await self._connector.connect())
        except _BackendLostError as error:
            self._report(False, str(error))
            await self._begin_anew()
            raise

    async def _use(self, connection: Connection) -> None:
        socket = connection.socket
        self._of_connection.spawn(self._read(socket), "reading")
        try:
            self._report(True, self._error)
            await self._converse(connection)
        except asyncio.CancelledError:
            await first_of(self._say_goodbye(socket), self._clock.sleep(GOODBYE_TIMEOUT))
            raise
        finally:
            try:
                await self._of_connection.cancel_and_wait()
            finally:  # also when syncing is ended meanwhile, which cancels that wait
                self._alarm = None
                self._incoming.clear()
                await socket.close()

    async def _say_goodbye(self, socket: Socket) -> None:
        with contextlib.suppress(SocketClosedError):
            for message in self._protocol.closing():
                await socket.send(encode(message))

    async def _converse(self, connection: Connection) -> None:
        socket, protocol, now = connection.socket, self._protocol, self._clock.monotonic
        await self._perform(socket, protocol.opened(self._view(), connection.payload, now()))
        while True:
            self._woken.clear()
            if self._incoming:
                await self._perform(socket, self._hear())
            if self._nudged:
                self._nudged = False
                await self._perform(socket, protocol.nudged(now()))
            await self._perform(socket, protocol.ticked(now()))
            await self._push(socket)
            if protocol.deadline is not None:
                self._wake_at(protocol.deadline)
            if not self._incoming:
                await self._woken.wait()

    def _hear(self) -> list[Output]:
        """What follows from the messages that have come: what they confirm is taken over together. Where
        others push faster than this tab can write, it catches up all the same, and has its turn to push."""
        outputs: list[Output] = []
        number = 0
        while self._incoming and number < GATHERED_EVENTS:
            message = self._incoming[0]
            if isinstance(message, Exception):
                if outputs:
                    break  # what came before it counts
                raise message
            self._incoming.popleft()
            follow = self._protocol.received(message, self._clock.monotonic())
            outputs += follow
            number += sum(len(output.events) for output in follow if isinstance(output, Confirm))
            if any(isinstance(output, Reset | Fail) for output in follow):
                break
        return joined(outputs)

    async def _push(self, socket: Socket) -> None:
        """Push what is pending. After a push of all that was, the next one is put off: what is committed
        meanwhile goes with it. The more went, the longer, since nobody watches single events of a burst. One
        that was refused is made again at once, before others push more.
        """
        now = self._clock.monotonic()
        self._is_put_off = now < self._push_at and not self._protocol.is_refused
        if self._is_put_off:
            self._wake_at(self._push_at)
            return
        view = self._view()
        outputs = self._protocol.advanced(view, now)
        if len(view.pending) <= PUSH_EVENTS and any(isinstance(output, Send) for output in outputs):
            self._push_at = now + self._push_gap * min(len(view.pending), MOST_GAPS)
        await self._perform(socket, outputs)

    def _wake_at(self, deadline: float) -> None:
        """Wake up then, or earlier: an alarm that is set stays, since deadlines move on with each message.

        To wake up for nothing now and then is cheaper than to set another alarm each time."""
        if self._alarm is not None and not self._alarm.done():
            if self._alarm_at <= deadline:
                return
            self._alarm.cancel()
        self._alarm_at = deadline
        delay = max(0.0, deadline - self._clock.monotonic())
        self._alarm = self._of_connection.spawn(self._ring(delay), "alarm")

    async def _ring(self, delay: float) -> None:
        await self._clock.sleep(delay)
        self._woken.set()

    async def _perform(self, socket: Socket, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case Send(message):
                    await socket.send(encode(message))
                case Confirm(events, backend_id, epoch, sent):
                    await self._replica.confirm(events, backend_id, sent, epoch=epoch)
                    self._on_confirmed()
                    if self._protocol.remaining:
                        self._report(True, "", remaining=self._protocol.remaining)
                case Reset():
                    raise _BackendLostError("the sync backend has lost events that it had confirmed")
                case Fail(error):
                    raise error
                case Healthy():
                    self._failures = 0
                    if self._error or not self._is_caught_up:
                        self._report(True, "", is_caught_up=True)

    async def _begin_anew(self) -> None:
        """Offer the backend again what it has lost, or drop that, as the app wants it."""
        replica = self._replica
        last_event = replica.recent[-1].name if replica.recent else ""
        reset = BackendReset(last_event, len(replica.pending))
        offers = await self._connector.options.offers_again(reset)
        what = "is offered again" if offers else "is dropped here as well"
        logger.warning("%s: the backend has lost what it had confirmed; that %s", self._owner, what)
        await replica.reset(offers=offers)
        self._on_confirmed()

    async def _read(self, socket: Socket) -> None:
        try:
            while True:
                self._incoming.append(decode_server(await socket.receive()))
                self._woken.set()
        except Exception as error:
            self._incoming.append(error)
            self._woken.set()

    def _view(self) -> View:
        replica = self._replica
        return View(replica.position.epoch, tuple(replica.recent), replica.backend_id, replica.pending)
