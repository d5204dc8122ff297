"""How far a new device is with a long log."""

from __future__ import annotations

import pytest

from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.livestore.support import Device, note_added


@pytest.fixture
def backend() -> MemorySyncBackend:
    return MemorySyncBackend(chunk_events=3)


async def test_a_new_device_is_told_how_much_of_a_long_log_is_still_to_come(backend):
    one = await Device().tab("one", open_socket=backend.open_socket)
    for i in range(250):
        await one.commit(note_added(id=str(i)))
    await settle()
    device = Device()
    two = await device.tab("two", open_socket=backend.open_socket)
    other = await device.tab("another tab", open_socket=backend.open_socket)
    remaining = {two: [], other: []}
    for store, told in remaining.items():
        store.on_sync_status(lambda status, told=told: told.append(status.remaining))
    while not (two.sync_status.caught_up and other.sync_status.caught_up):
        await settle()
    for told in remaining.values():
        counted = [count for count in told if count]
        assert counted, "it was told while it came"
        assert counted == sorted(counted, reverse=True)
        assert told[-1] == 0
    for store in (one, two, other):
        await store.close()
