"""The order in which waiting transfers start: a view of the rows, kept as two heaps.

Each key waits until its time; of those whose time has come, the highest priority goes first, then the
oldest. A key that is put again or discarded leaves its old heap entry behind, which is skipped when it
surfaces.
"""

from __future__ import annotations

import heapq

Rank = tuple[float, int, str]
"""(-priority, age, key): sorts first what is to go first."""


class ReadyQueue:
    """A priority queue with due times; every operation takes O(log n)."""

    def __init__(self) -> None:
        self._current: dict[str, tuple[float, Rank]] = {}
        self._due: list[tuple[float, Rank]] = []
        self._ready: list[Rank] = []

    def __len__(self) -> int:
        return len(self._current)

    def put(self, key: str, *, priority: float, age: int, not_before: float, now: float) -> None:
        """Let `key` wait until `not_before` (seconds), in place of an earlier entry of the same key."""
        item = (not_before, (-priority, age, key))
        if self._current.get(key) == item:
            return
        self._current[key] = item
        if not_before <= now:
            heapq.heappush(self._ready, item[1])
        else:
            heapq.heappush(self._due, item)

    def discard(self, key: str) -> None:
        """Let `key` wait no more."""
        self._current.pop(key, None)

    def pop(self, now: float) -> str | None:
        """Take out the first key whose time has come, or None."""
        while self._due and self._due[0][0] <= now:
            item = heapq.heappop(self._due)
            if self._current.get(item[1][2]) == item:
                heapq.heappush(self._ready, item[1])
        while self._ready:
            rank = heapq.heappop(self._ready)
            current = self._current.get(rank[2])
            if current is not None and current[1] == rank and current[0] <= now:
                del self._current[rank[2]]
                return rank[2]
        return None

    def next_due(self) -> float | None:
        """When the next key that was not yet due at the last `pop` becomes ready; None when there is none."""
        while self._due and self._current.get(self._due[0][1][2]) != self._due[0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None
