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
from random import Random

from filesync_web.aio.waiting import first_of
from filesync_web.errors import SyncAuthError, SyncError
from filesync_web.livestore.messages import Json
from filesync_web.livestore.ports import Socket, SocketClosedError, SocketFactory
from filesync_web.livestore.replica import Replica
from filesync_web.livestore.sync_protocol import (
    Confirm,
    Fail,
    Healthy,
    Output,
    Reset,
    Send,
    SyncProtocol,
    View,
)
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.livestore.wire import decode_server, encode, sync_query
from filesync_web.ports import Clock

logger = logging.getLogger(__name__)

BACKOFF_BASE = 1.0
BACKOFF_CAP = 30.0
CONNECT_TIMEOUT = 20.0
_REFUSED = {400, 401, 403, 404}

OnSync = Callable[[bool, str], None]
"""Called with whether there is a connection, and the last error ("" after success)."""


class SyncClient:
    """Syncs one replica while it is active. `on_change` is told the connection's state, `on_confirmed` that
    the log has changed for the other tabs as well; neither may raise.
    """

    def __init__(
        self,
        store_id: str,
        replica: Replica,
        options: SyncOptions,
        *,
        open_socket: SocketFactory,
        clock: Clock,
        random: Random,
        on_change: OnSync,
        on_confirmed: Callable[[], None],
    ) -> None:
        self._store_id = store_id
        self._replica = replica
        self._options = options
        self._open_socket = open_socket
        self._clock = clock
        self._random = random
        self._on_change = on_change
        self._on_confirmed = on_confirmed
        self._protocol = SyncProtocol(store_id)
        self._task: asyncio.Task[None] | None = None
        self._is_active = False
        self._incoming: deque[str | Exception] = deque()
        self._woken = asyncio.Event()
        self._nudged = False
        self._failures = 0
        self._error = ""

    def set_active(self, active: bool) -> None:
        """Begin or end syncing; does nothing when that is so already."""
        if active and not self._is_active:
            self._task = asyncio.create_task(self._run(self._task))
        elif not active and self._is_active and self._task is not None:
            self._task.cancel()
        self._is_active = active

    async def stop(self) -> None:
        """End syncing, and wait until the connection is closed."""
        self.set_active(False)
        if self._task is not None:
            await asyncio.wait({self._task})

    def wake(self) -> None:
        """The log has changed: there may be something to push."""
        self._woken.set()

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
                    await self._connection()
                except (SyncError, SocketClosedError) as error:
                    self._failed(error)
                except Exception as error:  # whatever it is, sync goes on
                    self._failed(error)
                    logger.exception("metadata sync of store %s failed", self._store_id)
                await self._pause()
        finally:
            self._report(False, "")

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._report(False, str(error))
        logger.info("metadata sync of store %s: %s", self._store_id, error)

    def _report(self, connected: bool, error: str) -> None:
        self._error = error
        self._on_change(connected, error)

    async def _pause(self) -> None:
        """Wait before the next attempt; a nudge ends it."""
        longest = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(self._failures - 1, 10))
        until = self._clock.monotonic() + self._random.uniform(0, longest)
        while not self._nudged and (left := until - self._clock.monotonic()) > 0:
            self._woken.clear()
            await first_of(self._woken.wait(), self._clock.sleep(left))
        self._nudged = False

    async def _connection(self) -> None:
        """One connection, from opening it until it fails; raises `SyncError` or `SocketClosedError`."""
        payload = await self._payload()
        socket = await self._connect(payload)
        reader = asyncio.create_task(self._read(socket))
        try:
            self._report(True, self._error)
            await self._converse(socket, payload)
        except asyncio.CancelledError:
            with contextlib.suppress(SocketClosedError):
                for message in self._protocol.closing():
                    await socket.send(encode(message))
            raise
        finally:
            reader.cancel()
            self._incoming.clear()
            await socket.close()

    async def _payload(self) -> Json:
        try:
            return await self._options.payload_now()
        except Exception as error:
            raise SyncAuthError(f"the payload for metadata sync could not be made: {error!r}") from error

    async def _connect(self, payload: Json) -> Socket:
        url = self._options.url
        query = sync_query(self._store_id, payload, self._options.transport)
        url = f"{url}{'&' if '?' in url else '?'}{query}"
        opened: list[Socket] = []

        async def opening() -> bool:
            opened.append(await self._open_socket(url))
            return True

        try:
            done = await first_of(opening(), self._clock.sleep(CONNECT_TIMEOUT))
            if not done.result():
                raise SyncError(f"no connection to the sync backend within {CONNECT_TIMEOUT:g} s")
        except SocketClosedError as error:
            if error.status in _REFUSED:
                raise SyncAuthError(
                    f"the sync backend refused the connection ({error.status}): check the URL, the store id "
                    "and the token"
                ) from error
            raise
        except asyncio.CancelledError:
            for socket in opened:
                await socket.close()
            raise
        return opened[0]

    async def _converse(self, socket: Socket, payload: Json) -> None:
        protocol, now = self._protocol, self._clock.monotonic
        await self._perform(socket, protocol.opened(self._view(), payload, now()))
        while True:
            self._woken.clear()
            while self._incoming:
                message = self._incoming.popleft()
                if isinstance(message, Exception):
                    raise message
                await self._perform(socket, protocol.received(decode_server(message), now()))
            if self._nudged:
                self._nudged = False
                await self._perform(socket, protocol.nudged(now()))
            await self._perform(socket, protocol.ticked(now()))
            await self._perform(socket, protocol.advanced(self._view(), now()))
            deadline = protocol.deadline
            if deadline is None:
                await self._woken.wait()
            else:
                await first_of(self._woken.wait(), self._clock.sleep(max(0.0, deadline - now())))

    async def _perform(self, socket: Socket, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case Send(message):
                    await socket.send(encode(message))
                case Confirm(events, backend_id, sent):
                    await self._replica.confirm(events, backend_id, sent)
                    self._on_confirmed()
                case Reset():
                    await self._replica.reset()
                    self._on_confirmed()
                    raise SyncError("the sync backend was reset; starting over from its first event")
                case Fail(error):
                    raise error
                case Healthy():
                    self._failures = 0
                    if self._error:
                        self._report(True, "")

    async def _read(self, socket: Socket) -> None:
        try:
            while True:
                self._incoming.append(await socket.receive())
                self._woken.set()
        except Exception as error:
            self._incoming.append(error)
            self._woken.set()

    def _view(self) -> View:
        replica = self._replica
        return View(replica.position.confirmed, replica.backend_id, replica.pending)
