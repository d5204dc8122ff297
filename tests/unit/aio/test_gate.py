"""A gate through which only so many may be at a time."""

from __future__ import annotations

import asyncio

from filesync_web.aio.gate import Gate
from filesync_web.testing.clock import settle


class Visitors:
    """Tasks that go through a gate and stay inside until they are let out."""

    def __init__(self, room: int) -> None:
        self.gate = Gate(room)
        self.inside: list[str] = []
        self.out: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, priority: float = 0) -> None:
        self.out[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._visit(name, priority))
        await settle()

    async def leave(self, name: str) -> None:
        self.out[name].set()
        await settle()

    async def _visit(self, name: str, priority: float) -> None:
        async with self.gate.inside(priority):
            self.inside.append(name)
            await self.out[name].wait()
            self.inside.remove(name)


async def test_so_many_are_inside_and_the_most_urgent_goes_first() -> None:
    visitors = Visitors(2)
    for name, priority in [("a", 0), ("b", 0), ("c", 0), ("d", 1), ("e", 2), ("f", 1)]:
        await visitors.come(name, priority)
    assert visitors.inside == ["a", "b"]
    for leaving, entering in [("a", "e"), ("b", "d"), ("e", "f"), ("d", "c")]:
        await visitors.leave(leaving)
        assert visitors.inside[-1] == entering
        assert len(visitors.inside) == 2
    await visitors.leave("f")
    await visitors.leave("c")
    assert visitors.inside == []


async def test_who_gives_up_takes_no_room() -> None:
    visitors = Visitors(1)
    for name in ("a", "b", "c"):
        await visitors.come(name)
    visitors.tasks["b"].cancel()
    await settle()
    await visitors.leave("a")
    assert visitors.inside == ["c"]
    visitors.tasks["c"].cancel()
    await settle()
    visitors.inside.clear()
    await visitors.come("d")
    assert visitors.inside == ["d"]
    await visitors.leave("d")


async def test_who_is_cancelled_when_it_is_let_in_lets_the_next_one_in() -> None:
    visitors = Visitors(1)
    for name in ("a", "b", "c"):
        await visitors.come(name)
    visitors.out["a"].set()
    await settle(1)
    assert visitors.inside == []
    visitors.tasks["b"].cancel()
    await settle()
    assert visitors.inside == ["c"]
    await visitors.leave("c")
