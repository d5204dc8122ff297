"""Which own bytes go: those that an edit or a deletion in the log has released, and leftovers; no others."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.livestore.messages import Event
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, a_device, forgotten, hash_of, restart, saved, synced


async def test_what_a_save_has_left_that_died_halfway_is_no_orphan() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await saved(tab, b"whole")
        await device.blobs.put(b"half")  # and then the tab was killed
        tab = await restart(device)
        assert list(device.blobs.blobs.values()) == [b"whole"]
        assert not await tab.sync.list_orphans()


async def test_a_failed_save_of_orphaned_bytes_does_not_remove_them() -> None:
    async with a_device() as device:
        _backend, tab = await forgotten(device, b"precious")
        for is_noted in (False, True):
            if is_noted:
                assert await tab.sync.list_orphans()
            with pytest.raises(fs.EventTooLargeError):
                await tab.sync.save_file(b"precious", name="n" * 1_000_000)
            await device.clock.advance(10)
            assert list(device.blobs.blobs.values()) == [b"precious"]


async def test_saving_orphaned_bytes_once_more_makes_them_a_file() -> None:
    async with a_device() as device:
        _backend, tab = await forgotten(device, b"precious")
        assert await tab.sync.list_orphans()
        (file,) = await saved(tab, b"precious")
        assert not await tab.sync.list_orphans()
        assert not tab.store.query(FILES.tables.orphans)
        await tab.sync.delete_file(file.file_id, purge=True)
        await settle()
        assert not device.blobs.blobs


async def test_an_edit_made_elsewhere_removes_the_old_bytes_here() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        file_id = await tab.commit_remote_file(device, b"old")
        await settle()
        assert list(device.blobs.blobs.values()) == [b"old"]
        new = hash_of(b"new")
        device.store.objects[f"s/{new}"] = b"new"
        updated = FILES.events.file_updated(
            id=file_id,
            path=f"livestore-filesync-files/s/{new}",
            remote_key=f"s/{new}",
            content_hash=new,
            updated_at=int(device.clock.time() * 1000),
        )
        await tab.store.commit(updated)
        await settle()
        assert list(device.blobs.blobs.values()) == [b"new"]


async def test_an_offline_edit_of_a_file_that_was_deleted_meanwhile_is_kept() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        (file,) = await saved(tab, b"original")
        await device.clock.advance(5)
        backend.offline = True
        deleted = FILES.events.file_deleted(id=file.file_id, deleted_at=int(device.clock.time() * 1000))
        await device.clock.advance(1)
        edited = await tab.sync.update_file(file.file_id, b"edited offline", name="mine.txt")
        await settle()
        backend.append(Event(deleted.definition.name, deleted.args, 0, 0, "other", "s"))
        backend.offline = False
        await device.clock.advance(60)
        record = tab.record(file.file_id)
        assert (record.is_live, record.content_hash) == (True, edited.content_hash), "it has come back"
        assert fs.get_file_metadata(record).name == "mine.txt"
        assert (await tab.sync.read_bytes(file.file_id)) == b"edited offline"
        assert not await tab.sync.list_orphans()


async def test_what_is_offered_to_the_backend_again_has_not_vanished() -> None:
    async with a_device() as device:
        backend = synced(device)
        device.sync = fs.SyncOptions("ws://backend/sync")
        tab = await device.tab()
        files = await saved(tab, b"one", b"two")
        await device.clock.advance(5)
        backend.reset()
        await device.clock.advance(60)
        tab = await restart(device)
        assert all(tab.record(file.file_id).is_uploaded for file in files)
        assert sorted(device.blobs.blobs.values()) == [b"one", b"two"]
        assert not await tab.sync.list_orphans()
        await tab.sync.delete_file(files[0].file_id, purge=True)
        await settle()
        assert list(device.blobs.blobs.values()) == [b"two"]


async def test_what_a_server_has_lost_with_its_backend_is_uploaded_again() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        backend = synced(device)
        device.sync = fs.SyncOptions("ws://backend/sync", on_backend_reset="offer")
        tab = await device.tab()
        files = await saved(tab, b"one", b"two")
        await device.clock.advance(5)
        assert len(device.store.objects) == 2
        device.store.objects.clear()
        backend.reset()
        await device.clock.advance(60)
        assert sorted(device.store.objects.values()) == [b"one", b"two"]
        assert all(tab.record(file.file_id).is_uploaded for file in files)
