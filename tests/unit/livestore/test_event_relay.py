"""How the events of the transfers reach the other tabs."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.core.display import FileSyncEvent
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.transfers.event_relay import EventRelay
from tests.unit.livestore.support import Device, recorder


async def test_progress_goes_with_what_comes_next_or_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filesync_web.transfers.event_relay.PROGRESS_DELAY", 3600.0)
    device = Device()
    leader, other = await device.tab("leader"), await device.tab("other")
    relay, hearing = (EventRelay(store, ManualClock()) for store in (leader, other))
    heard, hear = recorder()
    hearing.open()
    hearing.add(hear)
    messages, count = recorder()
    device.hub.channel().listen(count)

    progress = [FileSyncEvent("download:progress", "a", loaded, 5) for loaded in range(5)]
    for event in progress:
        relay.tell(event)
        await settle()
    assert (messages, heard) == ([], [])
    complete = FileSyncEvent("download:complete", "a")
    relay.tell(complete)
    await settle()
    assert (len(messages), heard) == (1, [*progress, complete])

    monkeypatch.setattr("filesync_web.transfers.event_relay.PROGRESS_DELAY", 0.01)
    is_heard = asyncio.Event()
    hearing.add(lambda _event: is_heard.set())
    relay.tell(progress[-1])
    await is_heard.wait()
    assert (len(messages), heard[len(progress) + 1 :]) == (2, [progress[-1]])
    hearing.close()
    await other.close()
    await leader.close()
