"""Questions that come at the same time are asked together.

Whoever asks waits until the end of the loop's turn, or, while as many requests are under way as may be, for
the end of one of them; all who wait by then go together. Each gets its own answer or error. One who gives up
disturbs no other; a request is aborted when all who wait for it have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from filesync_web.aio.futures import new_future
from filesync_web.aio.tasks import Tasks

Q = TypeVar("Q")
A = TypeVar("A")

Ask = Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]
"""Gets one or more questions, and answers each, in order, by a value or by an error; what it raises is the
answer to all of them."""


@dataclass(slots=True)
class _Waiting(Generic[Q, A]):
    question: Q
    answer: asyncio.Future[A]


class Batches(Generic[Q, A]):
    """Asks up to `most()` questions at a time, in up to `at_once()` requests. `name` says in what, for the
    log."""

    def __init__(
        self, name: str, ask: Ask[Q, A], *, most: Callable[[], int], at_once: Callable[[], int]
    ) -> None:
        self._ask = ask
        self._most = most
        self._at_once = at_once
        self._waiting: list[_Waiting[Q, A]] = []
        self._is_due = False
        self._tasks = Tasks(name)

    async def answer(self, question: Q) -> A:
        """The answer to one question."""
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Q, A] = _Waiting(question, new_future())
        self._waiting.append(waiting)
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._send)
        return await waiting.answer

    def _send(self) -> None:
        """Let those who wait go, as far as there is room."""
        self._is_due = False
        while self._waiting and len(self._tasks) < self._at_once():
            some, self._waiting = self._waiting[: self._most()], self._waiting[self._most() :]
            some = [waiting for waiting in some if not waiting.answer.done()]
            if some:
                task = self._tasks.spawn(self._answer(some), "ask", on_end=lambda _task: self._send())
                for waiting in some:
                    waiting.answer.add_done_callback(partial(_stop_if_unwanted, some, task))

    async def _answer(self, some: list[_Waiting[Q, A]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = await self._ask([waiting.question for waiting in some])
        except Exception as error:  # whatever it is, it is for those who asked
            answers = [error] * len(some)
        for waiting, answer in zip(some, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)


def _stop_if_unwanted(some: list[_Waiting[Q, A]], task: asyncio.Task[None], _answer: object) -> None:
    if all(waiting.answer.cancelled() for waiting in some):
        task.cancel()
