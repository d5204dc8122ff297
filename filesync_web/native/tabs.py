"""A CPython process is alone with its store: nobody to talk to, nobody to compete with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from filesync_web.livestore.ports import Message


class SoleChannel:
    """The `Channel` port without other tabs."""

    def post(self, message: Message) -> None:
        """Nobody hears it."""

    def listen(self, callback: Callable[[Message], None]) -> None:
        """Nobody speaks."""

    def close(self) -> None:
        """Nothing to do."""


class SoleLeaderLock:
    """The `LeaderLock` port without competitors: always granted, never lost."""

    async def acquire(self, *, steal: bool = False) -> None:
        """Granted at once."""

    async def lost(self) -> None:
        """Never returns."""
        await asyncio.get_running_loop().create_future()

    def release(self) -> None:
        """Nothing to do."""
