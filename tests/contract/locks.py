"""What locks between the users of one store must do. A test class gives `locks`."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.ports import Locks


class LocksContract:
    """Sharing, excluding, cancelling."""

    async def test_many_share_and_one_excludes(self, locks: Locks) -> None:
        order: list[str] = []
        both, go = asyncio.Barrier(3), asyncio.Event()

        async def use(name: str, exclusive: bool) -> None:
            async with locks.hold("x", exclusive=exclusive):
                order.append(f"{name} in")
                if not exclusive:
                    await both.wait()
                await go.wait()
                order.append(f"{name} out")

        readers = [asyncio.create_task(use(name, False)) for name in ("a", "b")]
        await both.wait()
        writers = [asyncio.create_task(use(name, True)) for name in ("c", "d")]
        async with locks.hold("another name", exclusive=True):
            assert len(order) == 2
        go.set()
        await asyncio.gather(*readers, *writers)
        assert sorted(order[:2]) == ["a in", "b in"]
        assert order[4:6] in (["c in", "c out"], ["d in", "d out"])
        assert order[6:] in (["c in", "c out"], ["d in", "d out"])

    async def test_a_cancelled_waiter_leaves_the_lock_to_others(self, locks: Locks) -> None:
        async def wait() -> None:
            async with locks.hold("x", exclusive=True):
                raise AssertionError("it must not be granted")

        async with locks.hold("x", exclusive=True):
            waiter = asyncio.create_task(wait())
            await asyncio.sleep(0)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
        async with locks.hold("x", exclusive=True):
            pass

    async def test_an_error_inside_releases_the_lock(self, locks: Locks) -> None:
        for exclusive in (True, False, True):
            with pytest.raises(RuntimeError):
                async with locks.hold("any / name: ä", exclusive=exclusive):
                    raise RuntimeError("on purpose")

    async def test_a_taken_lock_is_not_waited_for(self, locks: Locks) -> None:
        for exclusive in (True, False):
            async with locks.hold("x", exclusive=exclusive), locks.try_hold("x") as held:
                assert not held
        async with locks.try_hold("x") as held:
            assert held
            async with locks.try_hold("x") as again:
                assert not again
        async with locks.hold("x", exclusive=False):
            pass
