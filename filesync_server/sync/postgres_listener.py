"""How a server process hears of what others append to the same PostgreSQL: LISTEN, and a look now and then.

A notification is only a hint that saves time and reads: what was appended is always read from the log. One
that is lost (with the connection, or behind a pooler that does not pass notifications) costs a delay of up to
`LOOK_INTERVAL` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from .storage import OnAppend

CHANNEL = "filesync_events"
LOOK_INTERVAL = 10.0
"""Seconds between two looks at the logs without a notification; each also tests the connection."""

_ANSWER_TIMEOUT = 10.0
_BACKOFF_BASE, _BACKOFF_CAP = 0.2, 5.0

log = logging.getLogger(__name__)


def hint(store_id: str, head: int) -> str:
    """What a notification says."""
    return f"{head} {store_id}"


class PostgresListener:
    """Listens from its making until `close`, over a connection of its own that it renews."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], on_append: OnAppend) -> None:
        self._connect = connect
        self._on_append = on_append
        self._failures = 0
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the connection that listens to the sync database was lost: %s", error)
            self._on_append(None, None)  # pushes do not wait for this connection
            self._failures += 1
            longest = min(_BACKOFF_CAP, _BACKOFF_BASE * 2 ** min(self._failures, 10))
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - no secret

    async def _listen(self) -> None:
        """Until the connection is lost. Raises the error that says so."""
        connection = await self._connect()
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(CHANNEL, self._on_notification)
            while True:
                self._on_append(None, None)  # what was appended before we listened, or without a notification
                self._failures = 0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_INTERVAL):
                        await lost.wait()
                await connection.execute("SELECT 1", timeout=_ANSWER_TIMEOUT)
        finally:
            connection.terminate()

    def _on_notification(self, _connection: Any, _sender: int, _channel: str, payload: str) -> None:
        head, _, store_id = payload.partition(" ")
        if store_id and head.isascii() and head.isdigit():
            self._on_append(store_id, int(head))
        else:
            self._on_append(None, None)
