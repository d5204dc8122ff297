"""Tabs of an older version, when a newer one has converted the log."""

from __future__ import annotations

import pytest

from filesync_web.errors import OutdatedError
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import Device, bodies, note_added


async def test_a_tab_of_a_newer_version_takes_over_and_the_older_ones_refuse() -> None:
    device = Device()
    leader, follower = await device.tab("leader"), await device.tab("follower")
    await leader.commit(note_added(id="a"))
    await settle()
    newer = await device.tab("newer", log_format=2)
    assert (leader.leader, follower.leader, newer.leader) == (False, False, True)
    for older in (leader, follower):
        with pytest.raises(OutdatedError):
            await older.commit(note_added(id="b"))
        assert older.sync_status.outdated
        assert older.sync_status.last_error == "the event log is of a newer version"
        assert bodies(older) == {"a": ""}, "what it has read stays readable"
    await newer.commit(note_added(id="c"))
    await settle()
    assert bodies(newer) == {"a": "", "c": ""}
    with pytest.raises(OutdatedError):
        await device.tab("late")
    for tab in (leader, follower, newer):
        await tab.close()


async def test_an_older_tab_that_was_frozen_finds_out_when_it_wakes() -> None:
    device = Device()
    older = await device.tab("older")
    device.channels["older"].frozen = True
    newer = await device.tab("newer", log_format=2)
    await device.clock.advance(3)
    await settle()
    assert newer.leader, "it has taken the lock"
    device.channels["older"].thaw()
    await settle()
    assert not older.leader
    assert older.sync_status.outdated
    assert not newer.sync_status.outdated
    await older.close()
    await newer.close()


async def test_an_older_leader_lets_go_of_the_backend_for_the_newer_tab() -> None:
    device, backend = Device(), MemorySyncBackend()
    older = await device.tab("older", open_socket=backend.open_socket)
    await older.commit(note_added(id="a"))
    newer = await device.tab("newer", log_format=2, open_socket=backend.open_socket)
    await device.clock.advance(1)
    assert len(backend.sockets) == 1
    assert (older.sync_status.connected, newer.sync_status.connected) == (False, True)
    assert older.sync_status.last_error == "the event log is of a newer version"
    assert newer.sync_status.pending == 0, "what the older one has committed is pushed"
    await older.close()
    await newer.close()
