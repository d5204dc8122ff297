"""What is said of a file is changed without its content, whatever else happens to it at that time."""

from __future__ import annotations

import asyncio

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, devices, is_put


def metadata_of(tab: Tab, file_id: str) -> fs.FileMetadata:
    [record] = tab.store.query(FILES.tables.files.where(id=file_id))
    return fs.get_file_metadata(record)


async def test_a_renamed_file_moves_no_bytes() -> None:
    async with a_device() as device:
        tab = await device.tab()
        saved = await tab.sync.save_file(b"data", name="old.txt")
        await settle()
        asked = len(device.network.requests)
        await tab.sync.rename_file(saved.file_id, "folder/new.txt")
        await settle()
        assert metadata_of(tab, saved.file_id).name == "folder/new.txt"
        assert metadata_of(tab, saved.file_id).size_bytes == 4
        assert tab.store.query(FILES.tables.files)[0].is_uploaded
        assert [r.url for r in device.network.requests[asked:] if "/health" not in r.url] == []
        assert device.store.objects == {f"s/{saved.content_hash}": b"data"}


async def test_metadata_is_added_to_what_there_is_and_taken_away_by_none() -> None:
    async with a_device() as device:
        tab = await device.tab()
        metadata = fs.FileMetadata(custom={"album": "Summer", "draft": True, "empty": None})
        saved = await tab.sync.save_file(b"data", name="a.txt", metadata=metadata)
        await tab.sync.set_metadata(
            saved.file_id, mime_type="text/markdown", custom={"draft": None, "stars": 5}
        )
        found = metadata_of(tab, saved.file_id)
        assert found.mime_type == "text/markdown"
        assert found.custom == {"name": "a.txt", "album": "Summer", "empty": None, "stars": 5}


async def test_what_cannot_be_said_is_refused() -> None:
    async with a_device() as device:
        tab = await device.tab()
        saved = await tab.sync.save_file(b"data", name="a.txt")
        with pytest.raises(fs.InvalidArgumentError, match="not empty"):
            await tab.sync.rename_file(saved.file_id, "")
        with pytest.raises(fs.InvalidArgumentError, match="JSON"):
            await tab.sync.set_metadata(saved.file_id, custom={"x": object()})
        with pytest.raises(fs.UnknownFileError):
            await tab.sync.rename_file("nobody", "x")
        assert metadata_of(tab, saved.file_id).custom == {"name": "a.txt"}


async def test_a_rename_at_whatever_moment_an_upload_ends_holds_and_undoes_nothing() -> None:
    for turns in range(60):
        async with a_device() as device:
            tab = await device.tab()
            device.store.hold = is_put
            saved = await tab.sync.save_file(b"data", name="old.txt")
            request = await device.network.next("PUT")
            device.store.hold = lambda _request: False
            await settle()
            device.store.objects[f"s/{saved.content_hash}"] = b"data"
            request.respond(200)
            for _turn in range(turns):
                await asyncio.sleep(0)
            await tab.sync.rename_file(saved.file_id, "new.txt")
            await settle()
            assert metadata_of(tab, saved.file_id).name == "new.txt", f"after {turns} turns"
            assert tab.store.query(FILES.tables.files)[0].is_uploaded, f"after {turns} turns"
            assert len([r for r in device.network.requests if is_put(r)]) == 1, f"after {turns} turns"


async def two_devices(here: Device, there: Device) -> tuple[Tab, Tab]:
    """Two devices of one store."""
    here.backend = there.backend = MemorySyncBackend()
    return await here.tab(), await there.tab(local_only=True)


async def until_equal(*tabs: Tab) -> None:
    for _turn in range(200):
        await settle()
        rows = [tab.store.query(FILES.tables.files) for tab in tabs]
        if all(row == rows[0] for row in rows) and not any(tab.store.sync_status.pending for tab in tabs):
            return
    raise AssertionError(f"they stay different: {rows}")


async def test_a_rename_elsewhere_before_the_upload_was_known_holds_and_keeps_the_key() -> None:
    async with devices(2) as [here, there]:
        first, second = await two_devices(here, there)
        here.store.hold = is_put
        saved = await first.sync.save_file(b"data", name="old.txt")
        await until_equal(first, second)
        await second.store.set_sync_enabled(False)
        await settle()
        await second.sync.rename_file(saved.file_id, "new.txt")
        request = await here.network.next("PUT")
        here.store.hold = lambda _request: False
        here.store.objects[f"s/{saved.content_hash}"] = b"data"
        request.respond(200)
        await settle()
        assert first.store.query(FILES.tables.files)[0].is_uploaded
        await second.store.set_sync_enabled(True)
        await until_equal(first, second)
        for tab in (first, second):
            assert metadata_of(tab, saved.file_id).name == "new.txt"
            assert tab.store.query(FILES.tables.files)[0].is_uploaded


async def test_a_rename_does_not_undo_an_edit_elsewhere() -> None:
    async with devices(2) as [here, there]:
        first, second = await two_devices(here, there)
        await first.keep_nothing()
        saved = await first.sync.save_file(b"old", name="old.txt")
        await until_equal(first, second)
        await second.store.set_sync_enabled(False)
        await settle()
        await second.sync.rename_file(saved.file_id, "new.txt")
        edited = await first.sync.update_file(saved.file_id, b"new")
        await settle()
        await second.store.set_sync_enabled(True)
        await until_equal(first, second)
        [record] = first.store.query(FILES.tables.files)
        assert (record.content_hash, record.is_uploaded) == (edited.content_hash, True)
        assert here.store.objects == {f"s/{edited.content_hash}": b"new"}
