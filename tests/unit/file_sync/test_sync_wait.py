"""Waiting until everything is uploaded and confirmed, and what is told when it takes too long."""

from __future__ import annotations

import asyncio

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import FILES, a_device, is_put


async def test_it_returns_when_all_is_uploaded_and_confirmed() -> None:
    async with a_device() as device:
        device.backend = MemorySyncBackend()
        tab = await device.tab()
        device.store.hold = is_put
        saved = await tab.sync.save_file(b"data", name="a.txt")
        waiting = asyncio.create_task(tab.sync.wait_until_synced())
        request = await device.network.next("PUT")
        await settle()
        assert not waiting.done()
        device.store.objects[f"s/{saved.content_hash}"] = b"data"
        request.respond(200)
        await waiting
        assert tab.store.unconfirmed() == []


async def test_only_the_files_that_are_named_are_waited_for() -> None:
    async with a_device() as device:
        tab = await device.tab()
        first = await tab.sync.save_file(b"first")
        await settle()
        device.store.hold = is_put
        second = await tab.sync.save_file(b"second")
        await tab.sync.wait_until_synced([first.file_id])
        waiting = asyncio.create_task(tab.sync.wait_until_synced([second.file_id]))
        await settle()
        assert not waiting.done()
        await tab.sync.delete_file(second.file_id)
        await waiting  # nobody waits for what is deleted


async def test_in_local_only_mode_there_is_nothing_to_wait_for() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await tab.sync.save_file(b"data")
        await tab.sync.wait_until_synced()


async def test_who_has_waited_too_long_hears_what_hinders_it() -> None:
    async with a_device() as device:
        tab = await device.tab()
        device.store.hold = is_put
        paused = await tab.sync.save_file(b"paused")
        failing = await tab.sync.save_file(b"failing")
        await tab.sync.pause_transfer(paused.file_id)
        request = await device.network.next(lambda r: is_put(r) and failing.content_hash in r.url)
        request.respond(413)
        await settle()
        with pytest.raises(fs.SyncTimeoutError, match="2 files are not uploaded") as told:
            await tab.sync.wait_until_synced(timeout=0.01)
        assert isinstance(told.value, TimeoutError)
        assert f"1 of them are paused or cancelled, {paused.file_id}" in str(told.value)
        assert f"file {failing.file_id} has failed" in str(told.value)
        device.network.online = False
        device.connectivity.set_online(False)
        await settle()
        with pytest.raises(fs.SyncTimeoutError, match="the signer cannot be reached"):
            await tab.sync.wait_until_synced(timeout=0.01)


async def test_who_has_waited_too_long_hears_of_the_sync_backend() -> None:
    async with a_device() as device:
        device.backend = MemorySyncBackend()
        tab = await device.tab()
        await tab.store.set_sync_enabled(False)
        await settle()
        await tab.sync.save_file(b"data")
        await settle()
        with pytest.raises(fs.SyncTimeoutError, match=r"sync backend has not confirmed \d+ events"):
            await tab.sync.wait_until_synced(timeout=0.01)


async def test_ids_are_checked() -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.UnknownFileError):
            await tab.sync.wait_until_synced(["nobody"])
        with pytest.raises(fs.InvalidArgumentError, match="several ids"):
            await tab.sync.wait_until_synced("nobody")


async def test_who_wants_to_hear_of_errors_waits_only_while_there_is_hope() -> None:
    async with a_device() as device:
        tab = await device.tab(retry=fs.RetryPolicy(max_attempts=1))
        device.store.hold = is_put
        failing, other = await tab.sync.save_file(b"failing"), await tab.sync.save_file(b"other")
        waiting = asyncio.create_task(tab.sync.wait_until_synced(stop_at_errors=True))
        only = asyncio.create_task(tab.sync.wait_until_synced([failing.file_id], stop_at_errors=True))
        request = await device.network.next(lambda r: is_put(r) and failing.content_hash in r.url)
        request.respond(413)
        await settle()
        assert not waiting.done()
        with pytest.raises(fs.TransferError, match=f"1 files are not uploaded, file {failing.file_id} for"):
            await only
        request = await device.network.next(lambda r: is_put(r) and other.content_hash in r.url)
        request.respond(200)
        with pytest.raises(fs.TransferError, match="1 files are not uploaded"):
            await waiting


async def test_a_record_that_names_no_content_is_not_waited_for() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.store.commit(
            FILES.events.file_created(id="odd", path="p", content_hash="h", created_at=1, updated_at=1)
        )
        await tab.sync.wait_until_synced(timeout=1)


async def test_many_files_are_not_all_looked_at_with_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        tab = await device.tab()
        device.store.hold = is_put
        for number in range(20):
            await tab.sync.save_file(bytes([number]))
        tables = tab.sync._sync_wait._tables
        looks: list[int] = []
        look = type(tables).not_uploaded
        monkeypatch.setattr(type(tables), "not_uploaded", lambda self: (looks.append(1), look(self))[1])
        waiting = asyncio.create_task(tab.sync.wait_until_synced())
        for _ in range(20):
            request = await device.network.next("PUT")
            device.store.objects[f"s/{request.url.partition('?')[0].rpartition('/')[2]}"] = request.body
            request.respond(200)
            await settle()
        await waiting
        assert len(looks) < 6
