"""Bytes in hand: what Python's file objects need, since their `read` and `write` cannot await.

All offsets and sizes are bytes.
"""

from __future__ import annotations

from typing import Protocol


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
