"""Bytes in hand: what Python's file objects need, since their `read` and `write` cannot await.

All offsets and sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from filesync_web.core.light_dataclass import dataclass


class RandomAccess(Protocol):
    """Stored bytes that are read at any place.

    They stay readable until `close`, also when the content is deleted meanwhile.
    """

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    def read_into(self, offset: int, into: memoryview) -> int:
        """Fill `into`, a writable view of single bytes, with those from `offset` on; returns how many came:
        fewer than fit only at the end.

        Raises `UnreadableError`, an `OSError`, when the device no longer gives them, or after `close`.
        """
        ...

    def close(self) -> None:
        """Let go of the bytes; does nothing the second time."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedBytes:
    """New bytes that are complete: a source of their store, which takes them without another copy.

    `handle`: a blob handle of them, until they are stored or discarded. `publish`, for the store's `put`
    alone, gives them, with that MIME type, the name of their hash; it returns hash and size.
    """

    size: int
    handle: Any
    publish: Callable[[str], Awaitable[tuple[str, int]]]


class NewBytes(Protocol):
    """Bytes on their way into a store, written at any place. Nobody else sees them."""

    @property
    def size(self) -> int:
        """How many bytes there are: up to the last one that was written."""
        ...

    def write(self, offset: int, data: memoryview) -> None:
        """Write single bytes; what lies between the end and `offset` becomes zeros.

        Where the platform writes in another place, the bytes wait in memory until that has taken them (see
        `drain`). Raises `QuotaExceededError`, `StorageError`, also those of an earlier write.
        """
        ...

    async def drain(self) -> None:
        """Return when few of the written bytes wait in memory. Raises the error of an earlier write."""
        ...

    async def finish(self) -> FinishedBytes:
        """Nothing more is written: take the hash. Raises the errors of `write`."""
        ...

    async def discard(self) -> None:
        """Remove the bytes, unless they were stored; does nothing the second time."""
        ...
