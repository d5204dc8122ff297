"""The tasks that an object has begun: kept until they end, their errors logged, ended with their owner.

An asyncio task that nobody keeps may be collected in the middle of its work, an error that nobody asks for is
told when it is too late, and a cancelled task is not over until it has cleaned up behind itself. Whoever
begins work in the background does it through a `Tasks` of its own, and ends it there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from filesync_web.aio.futures import new_task

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The tasks of one owner, who is named in what is logged: `Tasks("store 'notes'")`."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[Any]] = set()
        self._asked: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """How many have not ended yet; one that was cancelled ends when it has cleaned up."""
        return len(self._running)

    def spawn(
        self,
        work: Coroutine[Any, Any, T],
        name: str,
        *,
        on_end: Callable[[asyncio.Task[T]], object] | None = None,
    ) -> asyncio.Task[T]:
        """Begin `work`. `name` says what it does, for the log.

        An error is logged, unless `on_end` is given: that is told the task when it has ended, however it
        did (also when it was cancelled before its first step), and must not raise.
        """
        task = new_task(work, f"{self._owner}: {name}")
        self._running.add(task)

        def ended(task: asyncio.Task[T]) -> None:  # one callback, since each is a turn of the event loop
            self._running.discard(task)
            self._asked.discard(task)
            (on_end or _log_error)(task)

        task.add_done_callback(ended)
        return task

    def cancel(self) -> None:
        """Ask all to end, without waiting for it.

        Nobody is asked twice, so that what cleans up is not disturbed. A caller that is one of them goes on.
        """
        for task in self._others() - self._asked:
            self._asked.add(task)
            task.cancel()

    async def cancel_and_wait(self) -> None:
        """`cancel` all, also those that they begin meanwhile, and return when all have ended."""
        while running := self._others():
            self.cancel()
            await asyncio.wait(running)

    def _others(self) -> set[asyncio.Task[Any]]:
        """Those that run, but for the one that asks."""
        return self._running - {asyncio.current_task()}


def raise_if_cancelled() -> None:
    """Raise `CancelledError` when the running task has been asked to end. For whoever catches every error
    and goes on: one that is raised while a cancelled task cleans up takes the place of its cancellation."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _log_error(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s failed: %s", task.get_name(), error, exc_info=error)
