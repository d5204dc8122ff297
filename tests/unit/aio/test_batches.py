"""Questions that come at the same time are asked together. What it is used for has tests of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from filesync_web.aio.batches import Batches
from filesync_web.testing.clock import settle


class Asked:
    """Answers a number by its double, when it is let to; a negative one is an error."""

    def __init__(self, *, most: int = 10, at_once: int = 1) -> None:
        self.requests: list[list[int]] = []
        self.go = asyncio.Event()
        self.batches: Batches[int, int] = Batches(
            "test", self.ask, most=lambda: most, at_once=lambda: at_once
        )

    async def ask(self, questions: Sequence[int]) -> Sequence[int | Exception]:
        self.requests.append(list(questions))
        await self.go.wait()
        if 0 in questions:
            raise ZeroDivisionError
        return [ValueError(str(n)) if n < 0 else 2 * n for n in questions]

    def answers(self, *questions: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.batches.answer(question)) for question in questions]


async def test_each_gets_its_own_answer_or_error() -> None:
    asked = Asked()
    asked.go.set()
    ended = await asyncio.gather(*asked.answers(1, -2, 3), return_exceptions=True)
    assert (ended[0], str(ended[1]), ended[2]) == (2, "-2", 6)
    assert asked.requests == [[1, -2, 3]]


async def test_what_is_raised_is_the_answer_to_all() -> None:
    asked = Asked()
    asked.go.set()
    ended = await asyncio.gather(*asked.answers(1, 0), return_exceptions=True)
    assert [type(end) for end in ended] == [ZeroDivisionError] * 2
    assert await asked.batches.answer(4) == 8


async def test_no_more_at_a_time_than_may_be() -> None:
    asked = Asked(most=2, at_once=2)
    tasks = asked.answers(1, 2, 3, 4, 5)
    await settle()
    assert asked.requests == [[1, 2], [3, 4]]
    asked.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
    assert asked.requests[2:] == [[5]]


async def test_a_request_ends_when_nobody_waits_for_it() -> None:
    asked = Asked()
    first = asked.answers(1, 2)
    await settle()
    second = asked.answers(3)
    first[0].cancel()
    await settle()
    assert asked.requests == [[1, 2]]
    first[1].cancel()
    await settle()
    assert asked.requests == [[1, 2], [3]]
    asked.go.set()
    assert await second[0] == 6
    with pytest.raises(asyncio.CancelledError):
        await first[0]
