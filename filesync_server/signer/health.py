"""Whether the object store answers, for `GET /health`: asked seldom, however many clients want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..objects.port import ObjectStore, ObjectStoreError, StoreUnavailableError

_MAX_AGE = 5.0
"""Seconds for which the store's answer is reused, however many ask."""
_CHECK_TIMEOUT = 5.0


class Health:
    """The store's health, asked at most once in `_MAX_AGE` seconds and by one request at a time."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known_until = float("-inf")
        self._trouble = ""

    async def trouble(self) -> str:
        """What is wrong, in words for everybody; empty when the store answers."""
        async with self._lock:
            if self._clock() >= self._known_until:
                self._trouble = await self._ask()
                self._known_until = self._clock() + _MAX_AGE
            return self._trouble

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                await self._store.check()
        except (StoreUnavailableError, TimeoutError):
            return "the object store does not answer"
        except ObjectStoreError:
            return "the object store refuses the signer; its keys or its bucket are wrong"
        return ""
