"""Which tab leads: the holder of one lock, as long as it answers.

The lock alone finds a new leader when the old one is closed or crashes. A tab that the browser has frozen
keeps its lock; so the others ask now and then, and when no answer comes within `ANSWER_TIMEOUT` seconds they
take the lock away. The leader answers at once instead of sending heartbeats by a timer: timers of background
tabs are throttled, messages are not.

Two may believe for a moment that they lead: one has taken the lock from a frozen tab, and that one wakes. It
does no harm. Each writes to the log only behind the head that it has seen, so of two writes the second has
no effect, and the backend refuses a push that does not start at its head. The tab that was robbed learns it
from its lock, and ends what it does as the leader before it queues again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from filesync_web.aio.tasks import Tasks, raise_if_cancelled
from filesync_web.aio.waiting import first_of
from filesync_web.livestore.ports import LeaderLock, Message
from filesync_web.ports import Clock

logger = logging.getLogger(__name__)

ASK_EVERY = 0.5
ANSWER_TIMEOUT = 1.2
RETRY_DELAY = 5.0
"""Seconds until a lock that could not be had is asked for again."""
_LATE = 1.0  # a wait that took so much longer says that this tab itself did not run

ASK = "who-leads"
ANSWER = "leader"


class Election:
    """Takes part for one tab.

    `post(kind)` sends a message to the other tabs; hand what they send to `on_message`. `on_change` is told
    whether this tab leads; the lock is given up when it has returned. `on_trouble` is told why this tab
    cannot lead, each reason once. Neither may raise.
    """

    def __init__(
        self,
        lock: LeaderLock,
        clock: Clock,
        post: Callable[[str], None],
        on_change: Callable[[bool], Awaitable[None]],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._post = post
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._trouble = ""
        self._answered = asyncio.Event()
        self._tasks = Tasks("the election of the leading tab")
        self.is_leader = False

    def start(self) -> None:
        """Take part from now on."""
        self._tasks.spawn(self._run(), "taking part")

    async def close(self) -> None:
        """Give up the lock, or the place in the queue for it."""
        await self._tasks.cancel_and_wait()

    def on_message(self, message: Message) -> None:
        """Another tab has sent a message of the type `ASK` or `ANSWER`."""
        if message["type"] == ANSWER:
            self._answered.set()
        elif self.is_leader:
            self._post(ANSWER)

    async def _run(self) -> None:
        while True:
            try:
                await self._lead_once()
            except Exception as error:  # there may be no locks here at all
                raise_if_cancelled()
                self._tell_trouble(f"this tab or process cannot lead: {error}")
                await self._clock.sleep(RETRY_DELAY)

    async def _lead_once(self) -> None:
        try:
            await self._acquire()
            self._trouble = ""
            await self._lead(True)
            await self._lock.lost()
        finally:
            await self._lead(False)
            self._lock.release()

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.warning("%s", trouble)
            self._on_trouble(trouble)

    async def _lead(self, is_leader: bool) -> None:
        if is_leader != self.is_leader:
            self.is_leader = is_leader
            if is_leader:
                self._post(ANSWER)
            await self._on_change(is_leader)

    async def _acquire(self) -> None:
        async def queued() -> bool:
            await self._lock.acquire()
            return True

        done = await first_of(queued(), self._leader_is_silent())
        if not done.result():
            await self._lock.acquire(steal=True)

    async def _leader_is_silent(self) -> bool:
        """Return False once the leader has not answered."""
        while True:
            self._answered.clear()
            await self._clock.sleep(ASK_EVERY)
            if self._answered.is_set():
                continue  # another tab has asked
            asked = self._clock.monotonic()
            self._post(ASK)
            await self._clock.sleep(ANSWER_TIMEOUT)
            was_awake = self._clock.monotonic() - asked < ANSWER_TIMEOUT + _LATE
            if was_awake and not self._answered.is_set():
                return False
