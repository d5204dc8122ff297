"""Of many saves at once several are recorded together; of few none waits for others."""

from __future__ import annotations

import asyncio

from filesync_web.files.save_groups import LARGEST_GROUP, LONGEST_DELAY, SIBLINGS, SaveGroups
from filesync_web.testing.clock import ManualClock, settle


class Saves:
    """Saves that store their bytes until they are told to go on; `recorded` are those that may commit."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.groups = SaveGroups(self.clock)
        self.recorded: list[int] = []
        self._stored: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, count: int) -> None:
        self._stored = [asyncio.Event() for _ in range(count)]
        self.tasks = [asyncio.create_task(self._save(number)) for number in range(count)]
        await settle()

    async def store(self, *numbers: int) -> None:
        """The bytes of these saves are stored."""
        for number in numbers:
            self._stored[number].set()
        await settle()

    async def end(self) -> None:
        await self.store(*range(len(self.tasks)))
        await asyncio.wait(self.tasks)

    async def _save(self, number: int) -> None:
        async with self.groups.storing():
            await self._stored[number].wait()
        await self.groups.turn()
        self.recorded.append(number)


async def test_one_of_few_waits_for_nobody() -> None:
    saves = Saves()
    await saves.begin(SIBLINGS)
    await saves.store(2)
    assert saves.recorded == [2]
    await saves.end()


async def test_one_of_many_waits_for_others_but_not_for_long() -> None:
    saves = Saves()
    await saves.begin(SIBLINGS + 3)
    await saves.store(0)
    await saves.store(2)
    await saves.clock.advance(LONGEST_DELAY * 0.9)
    assert not saves.recorded
    await saves.clock.advance(LONGEST_DELAY * 0.1)
    assert sorted(saves.recorded) == [0, 2]
    await saves.end()
    assert len(saves.recorded) == SIBLINGS + 3


async def test_a_full_group_goes_at_once() -> None:
    saves = Saves()
    await saves.begin(LARGEST_GROUP + SIBLINGS)
    for number in range(LARGEST_GROUP):
        assert not saves.recorded
        await saves.store(number)
    assert sorted(saves.recorded) == list(range(LARGEST_GROUP))
    await saves.end()


async def test_all_go_when_few_are_left_to_wait_for() -> None:
    saves = Saves()
    await saves.begin(SIBLINGS + 2)
    await saves.store(0, 1)
    assert not saves.recorded
    await saves.store(2)
    assert sorted(saves.recorded) == [0, 1, 2]
    await saves.end()


async def test_the_others_go_when_one_that_waits_is_cancelled() -> None:
    saves = Saves()
    await saves.begin(SIBLINGS + 3)
    await saves.store(0, 1)
    saves.tasks[0].cancel()
    await settle()
    assert saves.recorded == [1]
    await saves.end()
