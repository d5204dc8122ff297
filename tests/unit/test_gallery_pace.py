"""The pace at which the gallery reads what has changed."""

from __future__ import annotations

import asyncio

from demo.pace import LONGEST_REST, REST, Pace


async def test_all_that_was_asked_for_meanwhile_is_one_piece_of_work() -> None:
    done: list[None] = []
    pace = Pace(lambda: done.append(None))
    for _ in range(1_000):
        pace.ask()
    assert not done, "it is not done by who asks"
    await asyncio.sleep(0.01)
    assert len(done) == 1
    await asyncio.sleep(0.01)
    assert len(done) == 1, "nobody has asked again"


async def test_a_flood_of_changes_leaves_most_of_the_time_to_others() -> None:
    loop = asyncio.get_running_loop()
    done: list[float] = []

    def work() -> None:
        done.append(loop.time())
        pace.took(0.01)

    pace = Pace(work)
    until = loop.time() + 0.5
    while loop.time() < until:
        pace.ask()
        await asyncio.sleep(0)
    assert 2 <= len(done) <= 1 + 0.5 / (REST * 0.01)


async def test_no_rest_is_so_long_that_the_page_seems_to_stand_still() -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    pace = Pace(done.set)
    pace.took(1_000)
    asked = loop.time()
    pace.ask()
    await asyncio.wait_for(done.wait(), 20)
    assert loop.time() - asked >= LONGEST_REST - 0.01


async def test_work_that_asks_for_more_gets_it() -> None:
    done: list[None] = []

    def work() -> None:
        done.append(None)
        if len(done) < 3:
            pace.ask()

    pace = Pace(work)
    pace.ask()
    await asyncio.sleep(0.05)
    assert len(done) == 3
