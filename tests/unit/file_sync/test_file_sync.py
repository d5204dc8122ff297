"""FileSync's calls on fakes: saving, URLs, local-only mode, preprocessors, and what is refused."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.blobs import MemoryBlob
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, a_device, is_data


async def test_local_only_mode_asks_nobody() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await tab.keep_nothing()
        first = await tab.sync.save_file(b"a")
        second = await tab.sync.update_file(first.file_id, b"b")
        await settle()
        assert set(device.blobs.blobs) == {second.content_hash}
        row = tab.row(first.file_id)
        assert row is not None
        assert (row.upload_status, row.download_status) == (Status.DONE, Status.DONE)
        await tab.sync.delete_file(first.file_id)
        await settle()
        assert not device.blobs.blobs
        assert not device.network.requests


async def test_a_full_device_refuses_the_save_and_keeps_nothing() -> None:
    async with a_device() as device:
        tab = await device.tab()
        device.blobs.quota = 3
        with pytest.raises(fs.QuotaExceededError):
            await tab.sync.save_file(b"too much")
        assert not device.blobs.blobs
        assert not tab.store.query(FILES.tables.files)


async def test_unneeded_bytes_are_collected_at_the_start() -> None:
    async with a_device() as device:
        await (await device.tab()).close()
        device.open_tabs.clear()
        orphan = await device.blobs.put(b"orphan")  # of a save that died halfway
        tab = await device.tab()
        kept = await tab.sync.save_file(b"kept")
        await settle()
        assert orphan.content_hash not in device.blobs.blobs
        assert kept.content_hash in device.blobs.blobs


async def test_urls_prefer_the_own_copy_and_fall_back_to_a_signed_one() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab()
        own = await tab.sync.save_file(b"own")
        url = await tab.sync.resolve_file_url(own.file_id)
        assert url is not None
        assert not url.startswith("/objects/")
        theirs = await tab.commit_remote_file(device, b"theirs")
        url = await tab.sync.resolve_file_url(theirs)
        assert url is not None
        assert url.startswith("/objects/")
        assert await tab.sync.get_file_url(theirs) is None
        with pytest.raises(fs.UnknownFileError, match="no live file"):
            await tab.sync.resolve_file_url("nobody")


async def test_preprocessors_change_what_is_saved() -> None:
    async def shout(source: MemoryBlob) -> fs.Preprocessed:
        changed = MemoryBlob(source.data.upper(), source.name, source.mime_type)
        return fs.Preprocessed(changed, fs.FileMetadata(custom={"loud": True}))

    async with a_device() as device:
        tab = await device.tab(local_only=True, preprocessors={"text/*": shout})
        result = await tab.sync.save_file(MemoryBlob(b"hello", "h.txt", "text/plain"))
        plain = await tab.sync.save_file(MemoryBlob(b"hello", "h.bin", "application/x-other"))
        assert device.blobs.blobs[result.content_hash] == b"HELLO"
        assert device.blobs.blobs[plain.content_hash] == b"hello"
        metadata = fs.get_file_metadata(tab.record(result.file_id))
        assert dict(metadata.custom) == {"name": "h.txt", "loud": True}


async def test_a_signed_url_is_handed_out_only_while_it_is_good() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab()
        theirs = await tab.commit_remote_file(device, b"theirs")
        first = await tab.sync.resolve_file_url(theirs)
        assert await tab.sync.resolve_file_url(theirs) == first
        await device.clock.advance(device.store.lifetime - 30)
        second = await tab.sync.resolve_file_url(theirs)
        assert second != first


async def test_a_schema_without_the_file_tables_is_refused() -> None:
    async with a_device() as device:
        schema = fs.make_schema(tables={}, events={}, materializers={})
        from filesync_web.files.tables import FileSyncTables
        from filesync_web.livestore.ports import StorePorts
        from filesync_web.livestore.store import Store
        from filesync_web.testing.livestore import MemoryEventLog, MemoryLeaderLock

        lock = MemoryLeaderLock(device.leaders)
        ports = StorePorts(MemoryEventLog(), device.hub.channel(), lock, device.clock)
        store = await Store.open(schema=schema, store_id="s", ports=ports)
        try:
            with pytest.raises(fs.SchemaError, match="create_file_sync_schema"):
                FileSyncTables(store, device.clock)
        finally:
            await store.close()


async def test_helpers_before_init_say_what_to_do() -> None:
    with pytest.raises(fs.NotInitializedError, match="init_file_sync"):
        await fs.save_file(b"x")
