"""Space: pins, eviction, and downloads on demand, on fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import FILES, a_device, is_data, saved

HOUR = 3600


async def test_an_evicted_file_is_downloaded_again_when_it_is_read() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"bytes")
        await tab.sync.evict_file(file.file_id)
        assert not device.blobs.blobs
        await device.clock.advance(HOUR)
        assert not device.blobs.blobs, "nobody wants it"
        row = tab.row(file.file_id)
        assert row is not None
        assert (row.local_hash, row.download_status) == ("", Status.DONE)
        status = fs.get_sync_status(tab.store.query(FILES.tables.local_file_state))
        assert (status.on_demand_file_ids, status.has_pending) == ((file.file_id,), False)
        display = fs.get_file_display_state(tab.record(file.file_id), row)
        assert (display.is_on_demand, display.has_local_copy, display.can_display) == (True, False, True)
        assert (await tab.sync.read_file(file.file_id)).data == b"bytes"
        row = tab.row(file.file_id)
        assert row is not None
        assert (row.local_hash, row.download_status) == (file.content_hash, Status.DONE)


async def test_an_evicted_file_is_shown_at_once_by_a_signed_url_and_comes_back() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"shown")
        await tab.sync.evict_file(file.file_id)
        device.store.hold = is_data
        url = await tab.sync.resolve_file_url(file.file_id)
        assert url is not None
        assert url.startswith("/objects/")
        (await device.network.next("GET /objects")).respond(200, b"shown")
        await settle()
        assert await tab.sync.get_file_url(file.file_id) == f"memory:{file.content_hash}"


async def test_what_is_not_uploaded_pinned_or_local_only_is_not_evicted() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab()
        file = await tab.sync.save_file(b"mine")
        await settle()
        with pytest.raises(fs.NotEvictableError, match="not uploaded"):
            await tab.sync.evict_file(file.file_id)
        request = await device.network.next("PUT")
        device.store.objects[f"s/{file.content_hash}"] = b"mine"
        request.respond(200)
        await settle()
        await tab.sync.pin_file(file.file_id)
        with pytest.raises(fs.NotEvictableError, match="pinned"):
            await tab.sync.evict_file(file.file_id)
        assert await tab.sync.free_space(1) == 0
        await tab.sync.unpin_file(file.file_id)
        await tab.sync.evict_file(file.file_id)
        assert not device.blobs.blobs
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        (file,) = await saved(tab, b"only here")
        with pytest.raises(fs.NotEvictableError, match="local-only"):
            await tab.sync.evict_file(file.file_id)
        with pytest.raises(fs.NotEvictableError, match="local-only"):
            await tab.sync.free_space(1)


async def test_offline_nothing_is_evicted() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"kept")
        device.network.online = False
        with pytest.raises(fs.NotEvictableError, match="cannot be asked"):
            await tab.sync.evict_file(file.file_id)
        assert await tab.sync.free_space(1) == 0
        assert file.content_hash in device.blobs.blobs


async def test_space_is_freed_by_least_recent_use() -> None:
    async with a_device() as device:
        tab = await device.tab()
        files = []
        for content in (b"aaaa", b"bbbb", b"cccc"):
            files += await saved(tab, content)
            await device.clock.advance(1)
        await device.clock.advance(HOUR)  # each timer in it takes turns, which takes seconds in a browser
        await tab.sync.read_file(files[0].file_id)
        await settle()
        assert await tab.sync.free_space(5) == 8
        assert list(device.blobs.blobs) == [files[0].content_hash]


async def test_reading_often_is_recorded_once_an_hour() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"popular")
        first = tab.store.query(FILES.tables.blob_use)
        await device.clock.advance(HOUR - 1)
        await tab.sync.get_file_url(file.file_id)
        await settle()
        assert tab.store.query(FILES.tables.blob_use) == first
        await device.clock.advance(1)
        await tab.sync.get_file_url(file.file_id)
        await settle()
        (use,) = tab.store.query(FILES.tables.blob_use)
        assert use.used_at - first[0].used_at == HOUR * 1000


@pytest.mark.parametrize("left", [None, b"shorter", b"the wrong one"])
async def test_an_object_that_is_lost_is_uploaded_again_instead(left: bytes | None) -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        tab = await device.tab()
        (file,) = await saved(tab, b"the last copy")
        key = f"s/{file.content_hash}"
        del device.store.objects[key]
        if left is not None:
            device.store.objects[key] = left
        with pytest.raises(fs.NotEvictableError, match="lost"):
            await tab.sync.evict_file(file.file_id)
        await settle()
        assert device.blobs.blobs[file.content_hash] == b"the last copy"
        assert device.store.objects[key] == b"the last copy"
        assert tab.record(file.file_id).is_uploaded


async def test_a_store_that_tells_no_hash_is_asked_for_the_size() -> None:
    async with a_device() as device:
        device.store.features, device.store.tells_hash = ["head"], False
        tab = await device.tab()
        (file,) = await saved(tab, b"bytes")
        await tab.sync.evict_file(file.file_id)
        assert not device.blobs.blobs


async def test_another_tab_asks_the_object_store_as_well() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        leader, follower = await device.tab(), await device.tab()
        (file,) = await saved(leader, b"shared")
        device.store.objects.clear()
        with pytest.raises(fs.NotEvictableError, match="lost"):
            await follower.sync.evict_file(file.file_id)
        await settle()
        assert leader.record(file.file_id).is_uploaded
        await follower.sync.evict_file(file.file_id)
        await settle()
        assert not device.blobs.blobs
        assert (await follower.sync.read_file(file.file_id)).data == b"shared"


async def test_equal_files_are_evicted_and_come_back_together() -> None:
    async with a_device() as device:
        tab = await device.tab()
        first, second = await saved(tab, b"same", b"same")
        await tab.sync.evict_file(first.file_id)
        assert not device.blobs.blobs
        await tab.sync.read_file(second.file_id)
        rows = [tab.row(file.file_id) for file in (first, second)]
        assert [row.local_hash for row in rows if row is not None] == [second.content_hash] * 2
        await tab.sync.delete_file(second.file_id, purge=True)
        await settle()
        assert list(device.blobs.blobs) == [first.content_hash], "the last copy stays"
        await tab.sync.evict_file(first.file_id)
        assert not device.blobs.blobs
        assert list(device.store.objects) == [f"s/{first.content_hash}"]


async def test_bytes_of_an_evicted_file_that_are_here_again_outlive_the_loss_of_its_object() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (evicted,) = await saved(tab, b"bytes")
        await tab.sync.evict_file(evicted.file_id)
        (same,) = await saved(tab, b"bytes")
        device.store.objects.clear()
        await tab.sync.update_file(same.file_id, b"other bytes")
        await settle()
        await tab.sync.collect_garbage()
        assert device.blobs.blobs[evicted.content_hash] == b"bytes"


@pytest.mark.parametrize("is_removed", [False, True])
async def test_an_eviction_that_dies_in_its_middle_loses_nothing_and_can_be_done_again(
    monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"gone soon")
        remove = device.blobs.delete

        async def die(content_hash: str) -> None:
            if is_removed:
                await remove(content_hash)
            raise asyncio.CancelledError(content_hash)

        await tab.sync.stop()
        with monkeypatch.context() as patch:
            patch.setattr(device.blobs, "delete", die)
            with pytest.raises(asyncio.CancelledError):
                await tab.sync.evict_file(file.file_id)
        await tab.close()
        device.open_tabs.clear()
        tab = await device.tab()
        await settle()
        row = tab.row(file.file_id)
        assert row is not None
        here, absent = (file.content_hash, Status.DONE), ("", Status.DONE)
        assert (row.local_hash, row.download_status) == (absent if is_removed else here)
        assert bool(device.blobs.blobs) is not is_removed
        await tab.sync.evict_file(file.file_id)
        assert not device.blobs.blobs
        assert (await tab.sync.read_file(file.file_id)).data == b"gone soon"


async def test_a_save_without_room_evicts_and_is_done() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (old,) = await saved(tab, b"old bytes")
        device.blobs.quota = 12
        (new,) = await saved(tab, b"new bytes")
        assert list(device.blobs.blobs) == [new.content_hash]
        edited = await tab.sync.update_file(old.file_id, b"newer bytes")
        assert list(device.blobs.blobs) == [edited.content_hash]


async def test_what_could_not_fit_evicts_nothing() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (old,) = await saved(tab, b"a" * 100)
        (pinned,) = await saved(tab, b"b" * 100)
        await tab.sync.pin_file(pinned.file_id)
        device.blobs.quota = 300  # 100 are free, and 100 more could be
        for hopeless in (b"c" * 201, b"c" * 1000):
            with pytest.raises(fs.QuotaExceededError):
                await tab.sync.save_file(hopeless)
            file_id = await tab.commit_remote_file(device, hopeless)
            with pytest.raises(fs.TransferError, match="no room"):
                await tab.sync.read_file(file_id)
        assert set(device.blobs.blobs) == {old.content_hash, pinned.content_hash}
        (new,) = await saved(tab, b"d" * 200)
        assert set(device.blobs.blobs) == {new.content_hash, pinned.content_hash}


async def test_without_an_estimate_room_is_made_as_far_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_size: int) -> None:
        return None

    async with a_device() as device:
        tab = await device.tab()
        await saved(tab, b"old bytes")
        monkeypatch.setattr(device.blobs, "has_room", unknown)
        device.blobs.quota = 12
        (new,) = await saved(tab, b"new bytes")
        assert list(device.blobs.blobs) == [new.content_hash]


async def test_a_source_that_needs_room_is_preprocessed_once() -> None:
    async with a_device() as device:
        preprocessed: list[bytes] = []

        def shrink(source: bytes) -> bytes:
            preprocessed.append(source)
            return source[:9]

        tab = await device.tab(preprocessors={"image/*": shrink})
        await saved(tab, b"old bytes")
        device.blobs.quota = 12
        new = await tab.sync.save_file(b"new bytes and more", mime_type="image/png")
        assert device.blobs.blobs == {new.content_hash: b"new bytes"}
        assert len(preprocessed) == 1


async def test_a_stream_without_room_is_not_read_twice() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"too much"

    async with a_device() as device:
        tab = await device.tab()
        (old,) = await saved(tab, b"old bytes")
        device.blobs.quota = 12
        with pytest.raises(fs.QuotaExceededError):
            await tab.sync.save_file(stream())
        assert list(device.blobs.blobs) == [old.content_hash]
        assert len(tab.store.query(FILES.tables.files)) == 1


async def test_a_download_without_room_says_what_to_do() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (old,) = await saved(tab, b"old bytes")
        device.blobs.quota = 12
        file_id = await tab.commit_remote_file(device, b"from elsewhere")
        await settle()
        row = tab.row(file_id)
        assert row is not None
        assert row.download_status is Status.ERROR
        assert "free_space" in row.last_sync_error
        with pytest.raises(fs.TransferError, match="free_space"):
            await tab.sync.read_file(file_id)
        device.blobs.quota = 14
        await tab.sync.evict_file(old.file_id)
        await tab.sync.retry_errors()
        await device.clock.advance(1)
        assert (await tab.sync.read_file(file_id)).data == b"from elsewhere"


async def test_a_pin_survives_an_edit_and_a_pause_and_brings_the_bytes_back() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"old")
        await tab.sync.evict_file(file.file_id)
        await asyncio.gather(tab.sync.pin_file(file.file_id), tab.sync.pause_transfer(file.file_id))
        await tab.sync.resume_transfer(file.file_id)
        await settle()
        assert list(device.blobs.blobs.values()) == [b"old"]
        await tab.sync.update_file(file.file_id, b"new")
        await settle()
        with pytest.raises(fs.NotEvictableError, match="pinned"):
            await tab.sync.evict_file(file.file_id)


async def test_an_edit_of_an_evicted_file_stays_here() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"old")
        await tab.sync.evict_file(file.file_id)
        edited = await tab.sync.update_file(file.file_id, b"new")
        await settle()
        await tab.sync.collect_garbage()
        assert list(device.blobs.blobs) == [edited.content_hash]


async def test_what_the_sync_backend_has_not_confirmed_stays() -> None:
    async with a_device() as device:
        device.backend = MemorySyncBackend()
        device.backend.offline = True
        tab = await device.tab()
        (file,) = await saved(tab, b"unheard of")
        with pytest.raises(fs.NotEvictableError, match="not confirmed"):
            await tab.sync.evict_file(file.file_id)
        assert await tab.sync.free_space(1) == 0
        device.backend.offline = False
        await device.clock.advance(30)
        await tab.sync.evict_file(file.file_id)
        assert not device.blobs.blobs


async def test_persistence_is_asked_for_after_the_first_save() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        assert (await tab.sync.storage_status()).persisted is False
        await saved(tab, b"precious")
        assert (await tab.sync.storage_status()).persisted is True
