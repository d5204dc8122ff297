"""How long orphaned bytes are kept."""

from __future__ import annotations

import math

import pytest

from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, a_device, forgotten, restart

DAY = 24 * 3600.0


@pytest.mark.parametrize("days", [29, 31])
async def test_orphans_are_kept_for_their_grace(days: int) -> None:
    async with a_device() as device:
        await forgotten(device, b"bytes")
        await restart(device)
        device.clock.shift_wall_clock(days * DAY)
        tab = await restart(device)
        await device.clock.advance(400)
        assert len(device.blobs.blobs) == (1 if days < 30 else 0)
        assert len(await tab.sync.list_orphans()) == len(device.blobs.blobs)
        assert len(tab.store.query(FILES.tables.orphans)) == len(device.blobs.blobs)


async def test_without_a_connection_no_grace_is_over() -> None:
    async with a_device() as device:
        backend, _tab = await forgotten(device, b"bytes")
        await restart(device)
        backend.offline = True
        device.clock.shift_wall_clock(365 * DAY)
        tab = await restart(device)
        await device.clock.advance(1000)
        await tab.sync.collect_garbage()
        assert device.blobs.blobs
        backend.offline = False
        await device.clock.advance(1000)
        assert not device.blobs.blobs


@pytest.mark.parametrize(("grace", "kept"), [(0, 0), (3600.0, 0), (math.inf, 1)])
async def test_the_grace_is_an_option(grace: float, kept: int) -> None:
    async with a_device() as device:
        await device.blobs.put(b"of an unknown log")
        tab = await device.tab(local_only=True, orphan_grace=grace)
        await settle()
        device.clock.shift_wall_clock(1000 * DAY)
        await tab.sync.collect_garbage()
        assert len(device.blobs.blobs) == kept
