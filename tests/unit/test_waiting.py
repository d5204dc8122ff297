"""Waiting for a condition: what is returned, what the failure says, and what ends the wait."""

from __future__ import annotations

import asyncio

import pytest

from tests.harness.waiting import until, wait_until


async def test_the_first_true_answer_is_returned() -> None:
    found: list[int] = []
    asyncio.get_running_loop().call_soon(found.append, 7)
    assert await until(lambda: found, "something was found") == [7]


async def test_a_condition_may_be_a_coroutine_function() -> None:
    answers = iter([0, 0, 3])

    async def condition() -> int:
        await asyncio.sleep(0)
        return next(answers)

    assert await until(condition, "an answer that is not 0") == 3


async def test_the_failure_says_what_was_awaited() -> None:
    with pytest.raises(AssertionError, match=r"^not within 0\.01 s: the moon is full$"):
        await until(lambda: False, "the moon is full", timeout=0.01)
    with pytest.raises(AssertionError, match=r"^not within 0\.01 s: the moon is full$"):
        wait_until(lambda: False, lambda: "the moon is full", timeout=0.01)


async def test_a_condition_that_hangs_is_given_up() -> None:
    with pytest.raises(AssertionError, match="an answer"):
        await until(asyncio.Event().wait, "an answer", timeout=0.01)


async def test_an_error_of_the_condition_is_not_hidden() -> None:
    def broken() -> bool:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await until(broken, "never")
    with pytest.raises(TimeoutError, match="of its own"):
        wait_until(broken, "never")


def test_without_a_loop_the_first_true_answer_is_returned() -> None:
    answers = iter([0, 0, 3])
    assert wait_until(lambda: next(answers), "an answer that is not 0") == 3
