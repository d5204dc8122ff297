"""Uploads give way to saves that are under way, but not for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

from filesync_web.files.saves import BETWEEN, GIVING_WAY, LONG_SERIES, PACE
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import Device, Tab, a_device, is_put


def uploads(device: Device) -> int:
    return sum(map(is_put, device.network.requests))


async def slow(opened: asyncio.Event) -> AsyncIterator[bytes]:
    await opened.wait()
    yield b"slow"


async def save_beside(tab: Tab, source: AsyncIterator[bytes]) -> asyncio.Task[object]:
    """Save a file while another one is being saved, from that source; the save that goes on."""
    saving = asyncio.create_task(tab.sync.save_file(source))
    await settle()
    await tab.sync.save_file(b"first")
    return saving


async def test_an_upload_begins_when_all_that_is_being_saved_is_saved() -> None:
    async with a_device() as device:
        tab = await device.tab()
        opened = asyncio.Event()
        last = await save_beside(tab, slow(opened))
        await device.clock.advance(GIVING_WAY / 2)
        assert not uploads(device)
        opened.set()
        await last
        await settle()
        assert uploads(device)


async def test_an_upload_does_not_wait_for_a_save_that_lasts() -> None:
    async with a_device() as device:
        tab = await device.tab()
        recording = await save_beside(tab, slow(asyncio.Event()))
        await device.clock.advance(GIVING_WAY)
        assert uploads(device) == 1
        await tab.sync.save_file(b"second")
        await settle()
        assert uploads(device) == 2
        recording.cancel()
        await asyncio.wait([recording])


async def saved_and_uploaded(
    device: Device, tab: Tab, seconds: float, working: float = 0
) -> list[tuple[int, int]]:
    """Save files for 1/15 s each, without a pause but for work that lets nobody else run, of so many seconds;
    how many were saved and uploaded after each second."""
    saved = 0

    async def lasting() -> AsyncIterator[bytes]:
        await device.clock.sleep(1 / 15)
        yield b"file %d" % saved

    async def series() -> None:
        nonlocal saved
        while True:
            await tab.sync.save_file(lasting())
            saved += 1
            device.clock.oversleep(working)

    saving = asyncio.create_task(series())
    counts: list[tuple[int, int]] = []
    for step in range(1, round(seconds * 30) + 1):
        await device.clock.advance(1 / 30)
        if step % 30 == 0:
            counts.append((saved, uploads(device)))
    saving.cancel()
    await asyncio.wait([saving])
    return counts


async def test_uploads_give_way_to_saves_that_follow_each_other_but_go_on() -> None:
    async with a_device() as device:
        counts = await saved_and_uploaded(device, await device.tab(), 5)
        uploaded = [count for _saved, count in counts]
        assert uploaded[0] <= 1
        assert all(1 <= after - before <= 1 / PACE + 1 for before, after in pairwise(uploaded))


async def test_who_never_stops_saving_does_not_hold_up_uploads_for_ever() -> None:
    async with a_device() as device:
        counts = await saved_and_uploaded(device, await device.tab(), 3 * LONG_SERIES)
        waiting = [saved - count for saved, count in counts]
        assert waiting[-1] < max(waiting) / 2


async def test_work_between_two_saves_that_lets_nobody_run_is_no_pause() -> None:
    async with a_device() as device:
        counts = await saved_and_uploaded(device, await device.tab(), 10, working=1.2 * BETWEEN)
        assert max(saved - count for saved, count in counts) < 2 / PACE


async def test_uploads_begin_in_a_pause_between_saves() -> None:
    async with a_device() as device:
        tab = await device.tab()
        for number in range(3):
            await tab.sync.save_file(b"file %d" % number)
            await settle()
            assert uploads(device) == number + 1


async def test_a_save_that_fails_is_over_too() -> None:
    async with a_device() as device:
        tab = await device.tab()
        broken = await save_beside(tab, slow(asyncio.Event()))
        broken.cancel()
        await asyncio.wait([broken])
        await settle()
        assert uploads(device) == 1


async def test_files_that_are_saved_together_are_looked_at_together() -> None:
    async with a_device() as device:
        tab = await device.tab()
        told: list[set[str]] = []
        tab.store.on_events(lambda events: told.append({name for name, _args in events}))
        await asyncio.gather(*(tab.sync.save_file(b"file %d" % number) for number in range(150)))
        assert len(told) > 1  # commits
        assert all("v1.FileCreated" in names for names in told), "the engine came in between"
        await settle()
        assert uploads(device)
