"""No wait of the transfers minds when the wall clock is set by a day. What is measured by dates, since it
outlives the process, is not here: how long orphans are kept (`test_orphans.py`)."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.http import Reply
from tests.unit.file_sync.scene import Device, Tab, a_device, is_data, saved

DAY = 86_400.0

both_ways = pytest.mark.parametrize("shift", [-DAY, DAY], ids=["back", "forward"])


async def is_due(device: Device, seconds: float, shift: float) -> None:
    """Let almost all of a wait pass, beside a clock that is set in its middle."""
    await device.clock.advance(seconds / 2)
    device.clock.shift_wall_clock(shift)
    await settle()
    await device.clock.advance(seconds / 2 - 1)


def uploads(tab: Tab, file: fs.FileOperationResult) -> bool:
    return tab.record(file.file_id).is_uploaded


@both_ways
async def test_a_retry(shift: float) -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(503, {"Retry-After": "120"}))
        tab = await device.tab()
        (file,) = await saved(tab, b"busy")
        await is_due(device, 120, shift)
        assert not uploads(tab, file)
        await device.clock.advance(2)
        assert uploads(tab, file)


@both_ways
async def test_a_rest_at_an_error(shift: float) -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(413))
        tab = await device.tab(retry=fs.RetryPolicy(rest=600.0))
        (file,) = await saved(tab, b"refused")
        await is_due(device, 300, shift)  # the rest is shortened by up to a half
        row = tab.row(file.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        await device.clock.advance(302)
        assert uploads(tab, file)


@both_ways
async def test_a_delete_in_the_outbox(shift: float) -> None:
    async with a_device() as device:
        device.network.plan("/v1/delete", Reply(503, {"Retry-After": "120"}))
        tab = await device.tab()
        await tab.keep_nothing()
        (file,) = await saved(tab, b"doomed")
        await tab.sync.delete_file(file.file_id)
        await settle()
        await is_due(device, 120, shift)
        assert device.store.objects
        await device.clock.advance(2)
        assert not device.store.objects


@both_ways
async def test_a_probe_while_offline(shift: float) -> None:
    async with a_device() as device:
        device.network.online = False
        tab = await device.tab(health_check_interval=20.0)
        (file,) = await saved(tab, b"waits")
        device.network.online = True
        await is_due(device, 20, shift)
        assert not tab.sync.is_online()
        await device.clock.advance(2)
        assert tab.sync.is_online()
        assert uploads(tab, file)


@both_ways
async def test_a_url_that_was_handed_out(shift: float) -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab(auto_prioritize=False)
        file_id = await tab.commit_remote_file(device, b"theirs")
        device.store.lifetime = 900.0
        first = await tab.sync.resolve_file_url(file_id)
        await is_due(device, 840, shift)
        assert await tab.sync.resolve_file_url(file_id) == first
        await device.clock.advance(2)
        assert await tab.sync.resolve_file_url(file_id) != first
