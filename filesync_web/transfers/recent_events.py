"""The last events of the transfers as this tab has heard them, for a report; never more than a few."""

from __future__ import annotations

from collections import deque
from typing import Any

from filesync_web.core.display import FileSyncEvent
from filesync_web.ports import Clock

MOST = 100


class RecentEvents:
    """Keeps the last `MOST` events with their times, and how far the transfers are that have told it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[tuple[float, FileSyncEvent]] = deque(maxlen=MOST)
        self._progress: dict[str, FileSyncEvent] = {}

    def note(self, event: FileSyncEvent) -> None:
        """It has come now."""
        file_id = event.file_id or ""
        self._progress.pop(file_id, None)
        if not event.type.endswith(":progress"):
            self._events.append((self._clock.time(), event))
            return
        self._progress[file_id] = event
        if len(self._progress) > MOST:  # transfers that were broken off tell no end
            del self._progress[next(iter(self._progress))]

    def progress(self, file_id: str) -> tuple[int, int] | None:
        """How many bytes of a running transfer have moved, of how many (0: unknown); None when it has told
        nothing yet."""
        event = self._progress.get(file_id)
        return None if event is None else (event.loaded, event.total)

    def describe(self) -> list[dict[str, Any]]:
        """The last events in JSON values, the newest first; `at` in seconds since the epoch."""
        return [
            {"at": at, "type": event.type, "file_id": event.file_id, "error": event.error}
            for at, event in reversed(self._events)
        ]
