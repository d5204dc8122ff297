"""The shell of one WebSocket: moves frames between the socket and the protocol, and does the protocol's work.

Frames go out through a bounded queue. A client that reads more slowly than others write fills it and is
disconnected; it loses nothing, since its cursor brings back what it missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Sequence

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from filesync_web.livestore.messages import PulledEvent

from ..shared.identity import Identity
from .hub import Hub
from .protocol import Append, Connection, Read, Step

MAX_QUEUED_BYTES = 8 * 1024**2
"""How much may wait for a slow reader (characters of JSON)."""

_CLOSE_TIMEOUT = 1.0
_LOOK_AGAIN = 60.0
"""Seconds after which the time is looked at again: somebody may set the clock."""
_NORMAL, _GOING_AWAY, _TRY_AGAIN = 1000, 1001, 1013

log = logging.getLogger(__name__)


class SyncConnection:
    """One admitted client; a `hub.Listener`."""

    def __init__(self, hub: Hub, store_id: str, socket: WebSocket, identity: Identity) -> None:
        self._hub = hub
        self._store_id = store_id
        self._socket = socket
        self._ends_at = math.inf if identity.expires_at is None else identity.expires_at
        self._protocol = Connection(store_id, may_push=identity.allows(store_id, "write"))
        self._queue: deque[str] = deque()
        self._queued = 0
        self._changed = asyncio.Event()
        self._closing: int | None = None
        self._dropped = asyncio.Event()

    async def run(self) -> None:
        """Serve the (accepted) socket until either side ends it, or the client's token is over."""
        self._hub.join(self._store_id, self)
        jobs = (self._send_all(), self._receive_all(), self._dropped.wait(), self._expired())
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self._store_id, self)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                log.error("sync connection failed", exc_info=outcome)
        await self._close()

    # --- the hub's side (never blocks) ----------------------------------------------------------------------

    def broadcast(self, backend_id: str, events: Sequence[PulledEvent]) -> None:
        step = self._protocol.broadcast(backend_id, events)
        self._enqueue(step)
        if step.work:  # cannot be done from here; the client reads it by its cursor
            self._drop()

    def shut_down(self) -> None:
        # Without a word on what is under way: clients retry what a lost socket has cut off, but LiveStore
        # takes an interruption for the end of its syncing.
        self._end(_GOING_AWAY)

    @property
    def live_pulls(self) -> int:
        return self._protocol.live_pulls

    @property
    def waiting_bytes(self) -> int:
        return self._queued

    # --- the socket's side ----------------------------------------------------------------------------------

    async def _receive_all(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("text")
            await self._do(self._protocol.receive(message["bytes"] if frame is None else frame))

    async def _expired(self) -> None:
        """Wait until the client's token is over. A client that gets another one comes back with it."""
        ends = self._ends_at
        while (left := ends - time.time()) > 0:  # noqa: ASYNC110 - the wall clock has no event
            await asyncio.sleep(min(left, _LOOK_AGAIN))
        log.info("the token of a sync client has expired: its connection ends")
        self._end(_TRY_AGAIN)

    async def _do(self, step: Step) -> None:
        self._enqueue(step)
        if step.is_over:
            self._end(_TRY_AGAIN)
        for work in step.work:
            try:
                after = await self._work(work)
            except OSError as error:
                # Clients try again after a lost socket; an answer that says it went wrong would be final.
                log.warning("the event log of a store cannot be used: %s", error)
                self._end(_TRY_AGAIN)
                return
            await self._do(after)

    async def _work(self, work: Read | Append) -> Step:
        if isinstance(work, Read):
            page = await self._hub.read(self._store_id, work.after, work.backend_id)
            return self._protocol.page_read(work.request_id, page)
        rejection = await self._hub.append(self._store_id, work.batch, work.backend_id, self)
        return self._protocol.push_done(work.request_id, rejection)

    async def _send_all(self) -> None:
        while True:
            while self._queue:
                frame = self._queue.popleft()
                self._queued -= len(frame)
                await self._socket.send_text(frame)
            if self._closing is not None:
                return
            self._changed.clear()
            await self._changed.wait()

    def _enqueue(self, step: Step) -> None:
        if self._closing is not None:
            return
        self._queue.extend(step.frames)
        self._queued += sum(map(len, step.frames))
        if self._queued > MAX_QUEUED_BYTES:
            log.info("a sync client reads too slowly and is disconnected")
            self._drop()
        self._changed.set()

    def _end(self, code: int) -> None:
        self._closing = self._closing or code
        self._changed.set()

    def _drop(self) -> None:
        """Disconnect at once, whatever waits to be sent."""
        self._end(_TRY_AGAIN)
        self._queue.clear()
        self._queued = 0
        self._dropped.set()

    async def _close(self) -> None:
        if self._socket.application_state is WebSocketState.DISCONNECTED:
            return
        # A client that does not read does not let us say good-bye either.
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._socket.close(self._closing or _NORMAL)
