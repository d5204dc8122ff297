"""Nothing that waits minds when the wall clock is set: a user does it, and so does the network."""

from __future__ import annotations

import pytest

from filesync_web.livestore.ports import Socket
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import Device, note_added

DAY = 86_400.0

both_ways = pytest.mark.parametrize("shift", [-DAY, DAY], ids=["back", "forward"])


class CountedBackend(MemorySyncBackend):
    """Counts who wants to connect."""

    attempts = 0

    async def open_socket(self, url: str) -> Socket:
        self.attempts += 1
        return await super().open_socket(url)


@pytest.fixture
def backend() -> CountedBackend:
    return CountedBackend()


@both_ways
async def test_the_pause_between_two_attempts(backend: CountedBackend, shift: float) -> None:
    device = Device()
    backend.offline = True
    store = await device.tab(open_socket=backend.open_socket)
    await device.clock.advance(300)  # the pauses are long by now
    attempts = backend.attempts
    device.clock.shift_wall_clock(shift)
    await store.commit(note_added(id="a"))  # makes it look at the clock
    await settle()
    assert backend.attempts == attempts
    await device.clock.advance(30)
    assert backend.attempts > attempts
    await store.close()


@both_ways
async def test_pings_go_on_and_none_is_taken_for_unanswered(backend: CountedBackend, shift: float) -> None:
    device = Device()
    store = await device.tab(open_socket=backend.open_socket)
    await device.clock.advance(5)
    device.clock.shift_wall_clock(shift)
    await store.commit(note_added(id="a"))
    await device.clock.advance(60)
    assert backend.attempts == 1
    backend.silent = True
    device.clock.shift_wall_clock(shift)
    await device.clock.advance(25)
    assert backend.attempts > 1
    await store.close()


@both_ways
async def test_a_push_that_is_not_answered(backend: CountedBackend, shift: float) -> None:
    device = Device()
    store = await device.tab(open_socket=backend.open_socket)
    backend.deaf_to_pushes = True
    await store.commit(note_added(id="a"))
    await device.clock.advance(10)
    device.clock.shift_wall_clock(shift)
    await device.clock.advance(15)
    assert backend.attempts == 1
    backend.deaf_to_pushes = False
    await device.clock.advance(10)
    assert backend.attempts == 2
    assert store.sync_status.pending == 0
    await store.close()


@both_ways
async def test_a_frozen_leader_is_replaced_in_time(shift: float) -> None:
    device = Device()
    one, two = await device.tab("one"), await device.tab("two")
    device.channels["one"].frozen = True
    await device.clock.advance(1.0)  # it has asked
    device.clock.shift_wall_clock(shift)
    await device.clock.advance(1.0)
    assert two.leader
    await two.close()
    await one.close()


@both_ways
async def test_the_state_is_saved_in_time(backend: CountedBackend, shift: float) -> None:
    device = Device()
    store = await device.tab()
    await store.commit(*(note_added(id=str(n)) for n in range(1200)))
    await device.clock.advance(1)
    device.clock.shift_wall_clock(shift)
    assert device.storage.state is None
    await device.clock.advance(1.5)
    assert device.storage.state is not None
    await store.close()
