"""Locks between everything that shares one `MemoryLocks` object."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Lock:
    """Who holds it, and who waits, first come first served (as Web Locks do)."""

    shared: int = 0
    exclusive: bool = False
    waiting: deque[tuple[bool, asyncio.Future[None]]] = field(default_factory=deque)

    def can_grant(self, exclusive: bool) -> bool:
        return not self.exclusive and not (exclusive and self.shared)

    def grant(self, exclusive: bool) -> None:
        if exclusive:
            self.exclusive = True
        else:
            self.shared += 1

    def release(self, exclusive: bool) -> None:
        if exclusive:
            self.exclusive = False
        else:
            self.shared -= 1
        self.wake()

    def wake(self) -> None:
        """Grant the lock to those who wait, as far as it goes."""
        while self.waiting:
            exclusive, granted = self.waiting[0]
            if granted.done():
                self.waiting.popleft()
                continue
            if not self.can_grant(exclusive):
                return
            self.waiting.popleft()
            self.grant(exclusive)
            granted.set_result(None)


class MemoryLocks:
    """The `Locks` port inside one process; objects that should exclude each other share one instance."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    @asynccontextmanager
    async def hold(self, name: str, *, exclusive: bool) -> AsyncIterator[None]:
        """Hold the lock inside the context."""
        lock = self._locks.setdefault(name, _Lock())
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lock.waiting.append((exclusive, granted))
        lock.wake()
        try:
            await granted
        except asyncio.CancelledError:
            # Granted and cancelled in the same turn: give it back.
            if granted.done() and not granted.cancelled():
                lock.release(exclusive)
            granted.cancel()
            lock.wake()
            raise
        try:
            yield
        finally:
            lock.release(exclusive)

    @asynccontextmanager
    async def try_hold(self, name: str) -> AsyncIterator[bool]:
        """Hold the lock inside the context if nobody holds it now."""
        lock = self._locks.setdefault(name, _Lock())
        granted = lock.can_grant(exclusive=True)
        if granted:
            lock.grant(exclusive=True)
        try:
            yield granted
        finally:
            if granted:
                lock.release(exclusive=True)
