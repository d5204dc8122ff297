"""Work whose result several may want at once, and that is done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from filesync_web.aio.tasks import Tasks, raise_if_cancelled

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Run(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class SharedWork(Generic[T]):
    """Runs of work by key, which belong to the given `tasks`. A run that nobody waits for any longer is
    cancelled."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._runs: dict[str, _Run[T]] = {}

    async def result(self, key: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Join the run of that key, or begin one. None when its tasks were ended; raises what the work
        raises."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = _Run(self._tasks.spawn(begin(), key, on_end=_look_at_error))
            run.task.add_done_callback(lambda _task: self._forget(key, run))
        run.waiting += 1
        try:
            return await asyncio.shield(run.task)
        except asyncio.CancelledError:
            raise_if_cancelled()
            return None
        finally:
            run.waiting -= 1
            if not run.waiting and not run.task.done():
                self._forget(key, run)  # who comes now begins anew
                run.task.cancel()

    def _forget(self, key: str, run: _Run[T]) -> None:
        if self._runs.get(key) is run:
            del self._runs[key]


def _look_at_error(task: asyncio.Task[Any]) -> None:
    """It was raised to those who waited; asyncio would complain when there were none."""
    if not task.cancelled():
        task.exception()
