"""Who may push to a store next: whoever was refused because others were faster goes first, for a moment.

A push has to continue the end of the log. A client that pushes without a pause moves that end on while
another still takes over what came, so that the other one's push is refused, again and again. Therefore such a
refusal gives a *turn*: until the refused connection has pushed again, pushes of connections that were
*served* after it wait. A connection is served when it joins and when a push of it is accepted; so no two wait
for each other, and among those that push all the time it goes round.

Each push costs all who listen, however little is in it. So while somebody is refused now and then, each
connection keeps `PAUSE` seconds between two pushes; what waits goes together.

What a turn can be abused for is bounded. A push waits for at most `TURN` seconds in all, whoever has turns.
A connection that lets its turn pass, or uses it for a push that it could know to be stale, gets no other for
`REST` seconds, unless a push of it is accepted. Pushes by HTTP, which have no connection, are taken for those
of one. All this is of one process: those who push to the same log at another one do not wait.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from filesync_web.livestore.messages import ServerAhead

TURN = 0.25
"""Seconds for which others wait: enough to receive what was missed, to rebase on it, and to push."""
REST = 5.0
"""Seconds until a connection that did not use its turn may have another."""
PAUSE = 0.1
"""Seconds between two pushes of one connection, for `CONTENDED` seconds after any refusal."""
CONTENDED = 1.0
MOMENT = 0.001
"""Seconds that are not worth waiting for."""


@dataclass(slots=True)
class _Pusher:
    """A connection. `served` grows: the smaller, the longer ago."""

    served: int
    pauses_until: float = -math.inf
    rests_until: float = -math.inf


@dataclass(frozen=True, slots=True)
class _Turn:
    """Until when others wait, and the `head` that the refused connection was told to push behind."""

    until: float
    head: int


class Turns:
    """The turns at one log, whose appends are serialised by `lock`. `clock` gives seconds of a monotonic
    clock, `sleep` waits for so many."""

    def __init__(
        self,
        lock: asyncio.Lock,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._served = itertools.count()
        self._pushers: dict[object, _Pusher] = {}
        self._contended_until = -math.inf
        self._turns: dict[object, _Turn] = {}
        self._ended = asyncio.Event()  # of any turn; a new one for each
        self.join(None)  # who pushes by HTTP

    def join(self, who: object) -> None:
        self._pushers[who] = _Pusher(next(self._served))

    def leave(self, who: object) -> None:
        self._pushers.pop(who, None)
        self._end_turn(who)

    @asynccontextmanager
    async def next_push(self, who: object) -> AsyncIterator[None]:
        """Hold the lock for a push of `who`, once those have pushed who go first, or its patience has
        ended."""
        patience = self._clock() + TURN
        while True:
            async with self._lock:  # a turn may be given to somebody while this waits for the lock
                left = min(patience, self._end_of_wait(who)) - self._clock()
                if left < MOMENT:
                    yield
                    return
                ended = self._ended
            await self._wait(ended, left)

    def accepted(self, who: object) -> None:
        """A push of `who` is in the log."""
        if who in self._pushers:
            self._pushers[who] = _Pusher(next(self._served), self._clock() + PAUSE)
        self._end_turn(who)

    def refused(self, who: object, refusal: ServerAhead, came_at: float) -> None:
        """A push of `who`, which came at that time, did not continue the log."""
        turn, now = self._end_turn(who), self._clock()
        pusher = self._pushers.get(who)
        if pusher is None or refusal.provided_num > refusal.minimum_expected_num:
            return  # the latter can never be pushed: nobody was faster
        self._contended_until = now + CONTENDED
        is_used = turn is not None and came_at < turn.until and refusal.provided_num >= turn.head
        if is_used or now >= pusher.rests_until:
            pusher.rests_until = now + REST
            self._turns[who] = _Turn(now + TURN, refusal.minimum_expected_num)

    def _end_of_wait(self, who: object) -> float:
        """Until when `who` waits for its own pause, and for the turns of those who go first."""
        own = self._pushers.get(who)
        ends = [
            turn.until
            for other, turn in self._turns.items()
            if own is None or self._pushers[other].served < own.served
        ]
        if own is not None and who not in self._turns and self._clock() < self._contended_until:
            ends.append(own.pauses_until)
        return max(ends, default=-math.inf)

    def _end_turn(self, who: object) -> _Turn | None:
        turn = self._turns.pop(who, None)
        if turn is not None:
            self._ended.set()
            self._ended = asyncio.Event()
        return turn

    async def _wait(self, ended: asyncio.Event, seconds: float) -> None:
        """Until a turn has ended, or so many seconds have passed."""
        waits = [asyncio.ensure_future(ended.wait()), asyncio.ensure_future(self._sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
