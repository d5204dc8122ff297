"""Files that stay elsewhere until somebody wants them: `downloads="on_demand"`, and `keep_bytes`."""

from __future__ import annotations

import asyncio

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Tab, a_device, hash_of, saved

CONTENT = b"elsewhere"


def status(tab: Tab) -> fs.SyncStatus:
    return fs.get_sync_status(tab.store.query(FILES.tables.local_file_state))


async def test_a_file_stays_elsewhere_until_it_is_read() -> None:
    async with a_device() as device:
        tab = await device.tab(downloads="on_demand")
        file_id = await tab.commit_remote_file(device, CONTENT)
        await settle()
        assert device.blobs.blobs == {}
        assert status(tab).on_demand_file_ids == (file_id,)
        shown = fs.get_file_display_state(tab.record(file_id), tab.row(file_id))
        assert (shown.is_on_demand, shown.can_display, shown.has_local_copy) == (True, True, False)
        handle = await tab.sync.read_file(file_id)
        assert handle.data == CONTENT
        assert status(tab).on_demand_count == 0


async def test_a_file_is_read_that_nobody_has_looked_at_yet() -> None:
    async with a_device() as device:
        tab = await device.tab(downloads="on_demand", auto_prioritize=False)
        file_id = await tab.commit_remote_file(device, CONTENT)
        assert tab.row(file_id) is None
        reading = asyncio.create_task(tab.sync.read_file(file_id))
        await settle()
        assert (await reading).data == CONTENT


@pytest.mark.parametrize("ask", ["get_file_url", "resolve_file_url", "pin_file"])
async def test_asking_for_a_url_or_pinning_brings_the_file(ask: str) -> None:
    async with a_device() as device:
        tab = await device.tab(downloads="on_demand")
        wanted = await tab.commit_remote_file(device, CONTENT)
        other = await tab.commit_remote_file(device, b"other")
        await settle()
        await getattr(tab.sync, ask)(wanted)
        await settle()
        assert device.blobs.blobs == {hash_of(CONTENT): CONTENT}
        assert status(tab).on_demand_file_ids == (other,)


async def test_what_was_asked_for_stays_wanted_after_a_restart_and_comes_anew_when_it_is_edited() -> None:
    async with a_device() as device:
        tab = await device.tab(downloads="on_demand")
        file_id = await tab.commit_remote_file(device, CONTENT)
        await settle()
        await tab.sync.read_file(file_id)
        await tab.close()
        tab = await device.tab(downloads="on_demand")
        new = b"edited elsewhere"
        key = f"s/{hash_of(new)}"
        device.store.objects[key] = new
        edited = FILES.events.file_updated(
            id=file_id,
            path=f"livestore-filesync-files/{key}",
            remote_key=key,
            content_hash=hash_of(new),
            updated_at=1,
        )
        await tab.store.commit(edited)
        await settle()
        assert hash_of(new) in device.blobs.blobs


async def test_what_is_saved_here_is_here_and_can_be_evicted() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        tab = await device.tab(downloads="on_demand")
        (result,) = await saved(tab, CONTENT)
        assert hash_of(CONTENT) in device.blobs.blobs
        await tab.sync.evict_file(result.file_id)
        await settle()
        assert status(tab).on_demand_file_ids == (result.file_id,)
        assert (await tab.sync.read_file(result.file_id)).data == CONTENT


async def test_eager_downloads_end_where_the_bytes_are_enough() -> None:
    async with a_device() as device:
        tab = await device.tab(keep_bytes=25)
        events = FILES.events
        for number in range(4):
            content = b"%010d" % number
            await tab.commit_remote_file(device, content)
            record = tab.record(f"s/{hash_of(content)}")
            about = events.file_updated(
                id=record.id,
                path=record.path,
                remote_key=record.remote_key,
                content_hash=record.content_hash,
                metadata_json='{"sizeBytes": 10}',
                updated_at=number,
            )
            await tab.store.commit(about)
        await settle()
        assert sum(map(len, device.blobs.blobs.values())) <= 25
        assert status(tab).on_demand_count >= 2
        wanted = status(tab).on_demand_file_ids[0]
        assert (await tab.sync.read_file(wanted)).data
