"""Work that several want at once is done once, and not at all when nobody wants it any more."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.aio.shared import SharedWork
from filesync_web.aio.tasks import Tasks


class Work:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.begun


async def steps() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_wait_get_the_result_of_one_run() -> None:
    shared, work = SharedWork[int](Tasks("test")), Work()
    waiting = [asyncio.create_task(shared.result("a", work)) for _ in range(3)]
    await steps()
    work.go_on.set()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert await shared.result("a", work) == 2, "what has ended is begun anew"


async def test_a_run_goes_on_while_anybody_waits() -> None:
    shared, work = SharedWork[int](Tasks("test")), Work()
    first, second = (asyncio.create_task(shared.result("a", work)) for _ in range(2))
    await steps()
    first.cancel()
    await steps()
    work.go_on.set()
    assert await second == 1
    assert first.cancelled()
    assert work.cancelled == 0


async def test_a_run_that_nobody_waits_for_is_cancelled_and_another_can_begin_at_once() -> None:
    tasks = Tasks("test")
    shared, work = SharedWork[int](tasks), Work()
    only = asyncio.create_task(shared.result("a", work))
    await steps()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    another = asyncio.create_task(shared.result("a", work))
    await steps()
    assert (work.begun, work.cancelled) == (2, 1)
    work.go_on.set()
    assert await another == 2
    assert not len(tasks)


async def test_an_error_goes_to_all_who_wait() -> None:
    async def fail() -> int:
        raise ValueError("broken")

    shared = SharedWork[int](Tasks("test"))
    results = await asyncio.gather(*(shared.result("a", fail) for _ in range(2)), return_exceptions=True)
    assert [str(result) for result in results] == ["broken"] * 2


async def test_when_the_tasks_are_ended_who_waits_gets_nothing() -> None:
    tasks = Tasks("test")
    shared, work = SharedWork[int](tasks), Work()
    waiting = asyncio.create_task(shared.result("a", work))
    await steps()
    await tasks.cancel_and_wait()
    assert await waiting is None
