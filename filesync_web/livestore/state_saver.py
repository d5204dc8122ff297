"""When one tab's state is kept, so that the next start need not apply all events."""

from __future__ import annotations

from filesync_web.aio.tasks import Tasks
from filesync_web.livestore.replica import Replica
from filesync_web.ports import Clock

EVENTS = 1000
"""How many must have come since the state was last kept."""
DELAY = 2.0
"""Seconds from then on, in which more of them come."""
PATIENCE = 8
"""How many times as many events as those that wait for the backend are not kept while it takes them."""


class StateSaver:
    """Keeps the state of one replica, in one of these tasks."""

    def __init__(self, replica: Replica, clock: Clock, tasks: Tasks) -> None:
        self._replica = replica
        self._clock = clock
        self._tasks = tasks
        self._is_saving = False

    def look(self, *, is_connected: bool) -> None:
        """Keep the state soon, if it is worth it."""
        if not self._is_saving and self._is_worth_it(is_connected):
            self._is_saving = True
            self._tasks.spawn(self._save(), "saving the state")

    def _is_worth_it(self, is_connected: bool) -> bool:
        """Whether many events came after the state was last kept: many also beside those that wait for the
        backend, since keeping it applies these again. While the backend takes them, it waits for the last."""
        patience = PATIENCE if is_connected else 1
        return self._replica.unsaved >= max(EVENTS, patience * len(self._replica.pending))

    async def _save(self) -> None:
        try:
            await self._clock.sleep(DELAY)
            await self._replica.save_state()
        finally:
            self._is_saving = False
