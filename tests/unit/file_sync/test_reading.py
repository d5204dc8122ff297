"""Reading a file: the own copy, the wait for its download, and how that wait ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from filesync_web.testing.http import Reply
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, hash_of, is_data, saved, synced


async def reading(tab: Tab, device: Device, content: bytes) -> tuple[str, asyncio.Task[object]]:
    """Begin to read a file that another client has uploaded, and whose download is held."""
    device.store.hold = is_data
    file_id = await tab.commit_remote_file(device, content)
    task = asyncio.create_task(tab.sync.read_file(file_id))
    await settle()
    return file_id, task


async def test_reading_waits_for_the_download_or_not() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id, task = await reading(tab, device, b"slow")
        with pytest.raises(fs.BlobNotFoundError, match=r"not on this device$"):
            await tab.sync.read_file(file_id, wait=False)
        (await device.network.next()).respond(200, b"slow")
        assert getattr(await task, "data", None) == b"slow"


async def test_what_another_client_has_yet_to_upload_says_so() -> None:
    async with a_device() as device:
        tab = await device.tab()
        content_hash, times = "a" * 64, {"created_at": 1, "updated_at": 1}
        path = f"livestore-filesync-files/s/{content_hash}"
        created = FILES.events.file_created(id="id", path=path, content_hash=content_hash, **times)
        await tab.store.commit(created)
        with pytest.raises(fs.BlobNotFoundError, match="has not uploaded them yet"):
            await tab.sync.read_file("id")


async def test_where_files_have_no_paths_that_is_said() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file = await tab.sync.save_file(b"data")
        with pytest.raises(fs.InvalidArgumentError, match="open_file"):
            tab.sync.local_path(file.file_id)


async def test_who_gives_up_waiting_leaves_the_download_going() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id, task = await reading(tab, device, b"slow")
        task.cancel()
        await settle()
        assert task.cancelled()
        (await device.network.next()).respond(200, b"slow")
        await settle()
        assert (await tab.sync.read_file(file_id, wait=False)).data == b"slow"


async def test_waiting_ends_with_the_error_the_deletion_or_the_file_sync() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id, task = await reading(tab, device, b"deleted")
        await tab.sync.delete_file(file_id)
        with pytest.raises(fs.UnknownFileError):
            await task
        file_id, task = await reading(tab, device, b"cancelled")
        await tab.sync.cancel_transfer(file_id)
        with pytest.raises(fs.TransferCancelledError):
            await task
        device.network.plan("GET /objects", Reply(413))
        file_id, task = await reading(tab, device, b"refused")
        with pytest.raises(fs.TransferError, match="413"):
            await task
        file_id, task = await reading(tab, device, b"abandoned")
        await tab.close()
        device.open_tabs.clear()
        with pytest.raises((fs.TransferError, fs.StoreClosedError)):
            await task


@pytest.mark.parametrize("local_only", [False, True])
async def test_reading_after_the_end_raises_and_never_hangs(local_only: bool) -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab(local_only=local_only)
        file_id = await tab.commit_remote_file(device, b"elsewhere")
        own = await tab.sync.save_file(b"here")
        await tab.sync.dispose()
        with pytest.raises((fs.TransferCancelledError, fs.BlobNotFoundError)):
            await asyncio.wait_for(tab.sync.read_file(file_id), 30)
        assert (await tab.sync.read_file(own.file_id)).data == b"here"


async def test_reading_while_it_ends_raises_and_never_hangs() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab()
        file_id = await tab.commit_remote_file(device, b"elsewhere")
        await settle()
        for turns in range(12):  # wherever the reader is when the end comes
            tab.sync._reader._is_closed = False
            reading = asyncio.ensure_future(tab.sync.read_file(file_id))
            await settle(turns)
            tab.sync._reader.close()
            with pytest.raises(fs.TransferCancelledError):
                await asyncio.wait_for(reading, 30)


async def test_reading_ends_when_the_store_is_closed_under_it() -> None:
    async with a_device() as device:
        tab = await device.tab()
        _file_id, task = await reading(tab, device, b"never comes")
        await tab.store.close()
        with pytest.raises(fs.StoreClosedError):
            await asyncio.wait_for(task, 30)


async def test_bytes_that_somebody_took_away_are_downloaded_again() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"stolen")
        device.blobs.blobs.clear()
        assert (await tab.sync.read_file(file.file_id)).data == b"stolen"


@pytest.mark.parametrize("count", [1, 30])
async def test_however_many_wait_each_looks_for_its_bytes_twice(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: Counter[str] = Counter()
    async with a_device() as device:
        tab = await device.tab(max_concurrent_downloads=2)
        open_ = device.blobs.open

        async def counting(content_hash: str, **about: Any) -> Any:
            looked[content_hash] += 1
            return await open_(content_hash, **about)

        monkeypatch.setattr(device.blobs, "open", counting)
        device.store.hold = is_data
        contents = [b"content %d" % number for number in range(count)]
        file_ids = [await tab.commit_remote_file(device, content) for content in contents]
        reading = [asyncio.create_task(tab.sync.read_file(file_id)) for file_id in file_ids]
        await settle()
        device.store.hold = lambda _request: False
        while held := device.network.held:
            held[0].respond(
                200, device.store.objects[held[0].url.removeprefix("/objects/").partition("?")[0]]
            )
            await settle()
        assert [blob.data for blob in await asyncio.gather(*reading)] == contents
        assert looked == {hash_of(content): 2 for content in contents}


async def test_what_is_asked_for_at_once_is_asked_for_in_one_commit() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab()
        file_ids = [await tab.commit_remote_file(device, b"content %d" % number) for number in range(30)]
        await settle()
        told: list[list[str]] = []
        tab.store.on_events(lambda events: told.append([name for name, _args in events]))
        reading = [asyncio.create_task(tab.sync.read_file(file_id)) for file_id in file_ids]
        await settle()
        prioritized = [names for names in told if any("ransferControl" in name for name in names)]
        assert [len(names) for names in prioritized] == [30]
        for task in reading:
            task.cancel()
        await settle()


async def test_who_waits_takes_bytes_that_another_file_brings() -> None:
    async with a_device() as device:
        tab = await device.tab()
        _file_id, task = await reading(tab, device, b"the same")
        await tab.sync.stop()  # nobody tells the other file's row
        await tab.sync.save_file(b"the same")
        assert getattr(await asyncio.wait_for(task, 5), "data", None) == b"the same"


async def test_waiting_ends_when_the_object_turns_out_to_be_lost() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id, task = await reading(tab, device, b"lost")
        record = tab.record(file_id)
        await tab.store.commit(tab.sync._workspace.events.remote_key_changed(record, ""))
        with pytest.raises(fs.BlobNotFoundError):
            await asyncio.wait_for(task, 5)


async def test_waiting_ends_when_the_backend_has_lost_the_file() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab(start=False, auto_prioritize=False)  # no row of this device tells of the file
        file_id, task = await reading(tab, device, b"forgotten")
        await device.clock.advance(5)
        backend.reset()
        await device.clock.advance(30)
        with pytest.raises(fs.UnknownFileError, match=file_id):
            await asyncio.wait_for(task, 5)
