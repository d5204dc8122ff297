"""Who leads, on a clock that the test moves."""

from __future__ import annotations

from filesync_web.livestore.election import ANSWER_TIMEOUT, ASK_EVERY
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import Device, bodies, note_added, recorder


async def test_the_first_tab_leads_and_the_next_follows_when_it_closes() -> None:
    device = Device()
    one, two = await device.tab("one"), await device.tab("two")
    assert (one.leader, two.leader) == (True, False)
    changes, note = recorder()
    two.on_leader_change(note)
    await one.close()
    await settle()
    assert two.leader
    assert changes == [True]
    await two.close()


async def test_a_leader_that_answers_keeps_leading() -> None:
    device = Device()
    one, two, three = await device.tab("one"), await device.tab("two"), await device.tab("three")
    await device.clock.advance(60)
    assert (one.leader, two.leader, three.leader) == (True, False, False)
    for tab in (one, two, three):
        await tab.close()


async def test_a_frozen_leader_is_replaced_within_2_s_and_notices_when_it_wakes() -> None:
    device, backend = Device(), MemorySyncBackend()
    one = await device.tab("one", open_socket=backend.open_socket)
    two = await device.tab("two", open_socket=backend.open_socket)
    changes, note = recorder()
    one.on_leader_change(note)
    device.channels["one"].frozen = True
    await device.clock.advance(2.0)
    assert two.leader
    assert ASK_EVERY + ANSWER_TIMEOUT < 2.0
    device.channels["one"].thaw()
    await device.clock.advance(30)
    assert (one.leader, two.leader) == (False, True)
    assert changes == [False]
    assert len(backend.sockets) == 1
    await two.close()
    await settle()
    assert one.leader
    await one.close()


async def test_a_tab_that_did_not_run_itself_does_not_take_silence_for_an_answer() -> None:
    """Its own timers come late, and before the answer that waits in its queue."""
    device = Device()
    one, two = await device.tab("one"), await device.tab("two")
    await device.clock.advance(0.5)  # two has asked
    device.channels["two"].frozen = True
    device.clock.oversleep(60)  # two sleeps through its deadline
    await device.clock.advance(0)
    device.channels["two"].thaw()
    await device.clock.advance(10)
    assert (one.leader, two.leader) == (True, False)
    await one.close()
    await two.close()


async def test_two_leaders_at_once_do_no_harm() -> None:
    """The old one still syncs for a moment after its lock was stolen: nothing is doubled or lost."""
    device, backend = Device(), MemorySyncBackend()
    one = await device.tab("one", open_socket=backend.open_socket)
    two = await device.tab("two", open_socket=backend.open_socket)
    two._sync.set_active(True)  # as if it led as well
    assert one.leader
    await settle()
    assert len(backend.sockets) == 2
    for n in range(30):
        await one.commit(note_added(id=f"one-{n}"))
        await two.commit(note_added(id=f"two-{n}"))
    await device.clock.advance(60)
    assert len(backend.events) == 60
    assert len(device.storage.confirmed) == 60
    assert device.storage.local == []
    assert bodies(one) == bodies(two)
    await one.close()
    await two.close()


async def test_closing_gives_up_the_place_in_the_queue() -> None:
    device = Device()
    one, two, three = await device.tab("one"), await device.tab("two"), await device.tab("three")
    await two.close()
    await one.close()
    await settle()
    assert three.leader
    await three.close()
    assert device.locks.holder is None
    assert device.hub.channels == []
