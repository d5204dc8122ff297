"""Which deletions become final, and when: remembered on the device, so that closing the page forgets none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol


class Memory(Protocol):
    """A text that lasts, and that all tabs read."""

    def read(self) -> str: ...

    def write(self, text: str) -> None: ...


class Purges:
    """File ids with the time from which on their deletion is final, in seconds since the epoch."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def plan(self, file_ids: Iterable[str], at: float) -> None:
        """Have these deletions become final then, instead of whenever it was to be before."""
        self._write(self._read() | dict.fromkeys(file_ids, at))

    def cancel(self, file_ids: Iterable[str]) -> None:
        """Leave these files alone."""
        left = self._read()
        for file_id in file_ids:
            left.pop(file_id, None)
        self._write(left)

    def cancel_all(self) -> None:
        """Leave all files alone."""
        self._write({})

    def due(self, now: float) -> list[str]:
        """The files whose deletion is final now."""
        return [file_id for file_id, at in self._read().items() if at <= now]

    def __contains__(self, file_id: str) -> bool:
        return file_id in self._read()

    @property
    def next_at(self) -> float | None:
        """When the next one is; None when none is planned."""
        return min(self._read().values(), default=None)

    def _read(self) -> dict[str, float]:
        """Whatever somebody may have written there."""
        try:
            planned = json.loads(self._memory.read() or "{}")
        except ValueError:
            return {}
        if not isinstance(planned, dict):
            return {}
        return {file_id: at for file_id, at in planned.items() if isinstance(at, int | float)}

    def _write(self, planned: dict[str, float]) -> None:
        self._memory.write(json.dumps(planned))
