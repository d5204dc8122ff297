"""Calls of the signer that come at the same time go in one request, where the signer offers `batch`.

A queue of small files asks for one URL after the other, and each question takes as long as a round trip.
So whoever asks waits until the end of the loop's turn, or, while two requests are under way, for the end of
one of them; all who wait by then go together. Each gets its own answer or error. One who gives up disturbs no
other; the request is aborted when all of them have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from filesync_web.aio.tasks import Tasks
from filesync_web.errors import ServerError

Q = TypeVar("Q")
A = TypeVar("A")

MAX_OPERATIONS = 100
"""Of one batch; the contract's limit."""
MAX_REQUESTS = 2
"""At a time. A browser has six connections to a server of HTTP/1.1, for everything."""


@dataclass(slots=True)
class _Waiting(Generic[Q, A]):
    question: Q
    answer: asyncio.Future[A]


class Batches(Generic[Q, A]):
    """Asks questions together: `ask` gets one or more, and answers each, in order, by a value or by an error;
    what it raises is the answer to all of them."""

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]) -> None:
        self._ask = ask
        self._waiting: list[_Waiting[Q, A]] = []
        self._is_due = False
        self._tasks = Tasks("signer")

    async def answer(self, question: Q) -> A:
        """The answer to one question."""
        loop = asyncio.get_running_loop()
        waiting: _Waiting[Q, A] = _Waiting(question, loop.create_future())
        self._waiting.append(waiting)
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._send)
        return await waiting.answer

    def _send(self) -> None:
        """Let those who wait go, as far as there is room."""
        self._is_due = False
        self._waiting = [waiting for waiting in self._waiting if not waiting.answer.done()]
        while self._waiting and len(self._tasks) < MAX_REQUESTS:
            some, self._waiting = self._waiting[:MAX_OPERATIONS], self._waiting[MAX_OPERATIONS:]
            task = self._tasks.spawn(self._answer(some), "batch", on_end=lambda _task: self._send())
            for waiting in some:
                waiting.answer.add_done_callback(partial(_stop_if_unwanted, some, task))

    async def _answer(self, some: list[_Waiting[Q, A]]) -> None:
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


def results_of(members: Any, count: int) -> list[dict[str, Any] | None]:
    """The results in a signer's answer to a batch of `count` operations, None for one that is none; raises
    `ServerError` when it is no such answer."""
    results = members.get("results")
    if not isinstance(results, list) or len(results) != count:
        raise ServerError(f"the signer's answer to a batch of {count} has not so many results")
    return [result if _is_result(result) else None for result in results]


def _is_result(value: object) -> bool:
    return isinstance(value, dict) and type(value.get("status")) is int and 200 <= value["status"] <= 599
