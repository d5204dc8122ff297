"""Edits and deletes on fakes: whose bytes go, when, and what becomes of the transfers under way."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.http import Reply
from tests.unit.file_sync.scene import FILES, a_device, is_data, is_put, saved


async def test_deleting_one_of_two_equal_files_keeps_the_bytes_until_the_last_goes() -> None:
    async with a_device() as device:
        tab = await device.tab()
        first = await tab.sync.save_file(b"same")
        second = await tab.sync.save_file(b"same")
        await settle()
        await tab.sync.delete_file(first.file_id, purge=True)
        await settle()
        assert list(device.store.objects) == [f"s/{second.content_hash}"]
        assert list(device.blobs.blobs) == [second.content_hash]
        await tab.sync.delete_file(second.file_id, purge=True)
        await settle()
        assert not device.store.objects
        assert not device.blobs.blobs


async def test_old_content_goes_only_after_the_new_is_uploaded() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        old = await tab.sync.save_file(b"old")
        await settle()
        device.store.hold = is_put
        new = await tab.sync.update_file(old.file_id, b"new")
        await settle()
        assert set(device.blobs.blobs) == {old.content_hash, new.content_hash}
        assert f"s/{old.content_hash}" in device.store.objects
        request = await device.network.next()
        device.store.objects[f"s/{new.content_hash}"] = b"new"
        request.respond(200)
        await settle()
        assert set(device.blobs.blobs) == {new.content_hash}
        assert set(device.store.objects) == {f"s/{new.content_hash}"}


async def test_old_content_of_two_edits_stays_until_both_are_uploaded() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        first, second = await saved(tab, b"old", b"old")
        device.store.hold = is_put
        edits = [
            await tab.sync.update_file(file.file_id, content)
            for file, content in ((first, b"one"), (second, b"two"))
        ]
        request = await device.network.next("PUT")
        device.store.objects[f"s/{edits[0].content_hash}"] = b"one"
        request.respond(200)
        await settle()
        assert device.store.objects[f"s/{first.content_hash}"] == b"old"
        assert device.blobs.blobs[first.content_hash] == b"old"
        request = await device.network.next("PUT")
        device.store.objects[f"s/{edits[1].content_hash}"] = b"two"
        request.respond(200)
        await settle()
        assert set(device.store.objects) == {f"s/{edit.content_hash}" for edit in edits}
        assert set(device.blobs.blobs) == {edit.content_hash for edit in edits}
        left = tab.store.query(FILES.tables.remote_deletes)
        assert {delete.content_hash for delete in left} == {edit.content_hash for edit in edits}


async def test_a_remote_delete_made_offline_is_done_later() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        result = await tab.sync.save_file(b"doomed")
        await settle()
        device.network.online = False
        device.connectivity.set_online(False)
        await tab.sync.delete_file(result.file_id)
        await tab.close()
        device.open_tabs.clear()
        device.network.online = True
        tab = await device.tab()
        await settle()
        assert not device.store.objects
        assert not tab.store.query(FILES.tables.remote_deletes)


@pytest.mark.parametrize("key", ["private/{}", "s/" + "0" * 64, "s/../private/{}", ""])
async def test_an_outbox_that_names_an_object_of_another_store_deletes_nothing(key: str) -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        result = await tab.sync.save_file(b"mine")
        await settle()
        key = key.format(result.content_hash)
        device.store.objects[key] = b"theirs"
        entry = FILES.events.remote_delete_queued(
            remote_key=key, content_hash=result.content_hash, file_id=result.file_id, queued_at=0
        )
        await tab.store.commit(entry)
        await tab.sync.delete_file(result.file_id)
        await settle()
        assert device.store.objects == {key: b"theirs"}


async def test_content_that_changes_during_its_upload_gets_its_own_key() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"before")
        first = await device.network.next()
        edited = await tab.sync.update_file(result.file_id, b"after")
        await settle()
        assert first.aborted
        assert not tab.record(result.file_id).is_uploaded
        second = await device.network.next()
        second.respond(200)
        await settle()
        assert tab.record(result.file_id).remote_key == f"s/{edited.content_hash}"


async def test_a_lost_object_is_uploaded_again_by_who_has_it() -> None:
    async with a_device() as device:
        tab = await device.tab()
        result = await tab.sync.save_file(b"kept")
        await settle()
        del device.store.objects[f"s/{result.content_hash}"]
        record = tab.record(result.file_id)
        await tab.store.commit(
            FILES.events.file_updated(
                id=record.id,
                path=record.path,
                remote_key="",
                content_hash=record.content_hash,
                updated_at=record.updated_at,
            )
        )
        await settle()
        assert device.store.objects == {record.remote_key: b"kept"}
        assert tab.record(result.file_id).is_uploaded


async def test_a_download_that_finds_no_object_withdraws_the_key() -> None:
    async with a_device() as device:
        tab = await device.tab()
        file_id = await tab.commit_remote_file(device, b"gone")
        device.store.objects.clear()
        await settle()
        assert not tab.record(file_id).is_uploaded
        row = tab.row(file_id)
        assert row is not None
        assert row.download_status is Status.PENDING
        assert "404" in row.last_sync_error


async def test_repeated_wrong_bytes_withdraw_the_key_and_one_wrong_answer_does_not() -> None:
    async with a_device() as device:
        tab = await device.tab(retry=fs.RetryPolicy(base=1.0, cap=1.0))
        device.store.hold = is_data
        file_id = await tab.commit_remote_file(device, b"right")
        for _ in range(3):
            assert tab.record(file_id).is_uploaded
            (await device.network.next("GET /objects")).respond(200, b"wrong")
            await settle()
            await device.clock.advance(1)
        assert not tab.record(file_id).is_uploaded
        row = tab.row(file_id)
        assert row is not None
        assert (row.download_status, row.local_hash) == (Status.PENDING, "")
        assert "hash" in row.last_sync_error


async def test_a_lost_object_is_looked_at_now_and_then_and_again_after_a_restart() -> None:
    async with a_device() as device:
        device.network.plan("GET /objects/", Reply(404))
        tab = await device.tab()
        file_id = await tab.commit_remote_file(device, b"there all the time")
        await settle()
        assert not tab.record(file_id).is_uploaded
        await device.clock.advance(149)
        assert not tab.record(file_id).is_uploaded
        await device.clock.advance(151)
        assert tab.record(file_id).is_uploaded
        row = tab.row(file_id)
        assert row is not None
        assert (row.download_status, row.upload_status, row.last_sync_error) == (Status.DONE, Status.DONE, "")

        device.network.plan("GET /objects/", Reply(404))
        file_id = await tab.commit_remote_file(device, b"there as well")
        await settle()
        assert not tab.record(file_id).is_uploaded
        await tab.close()
        device.open_tabs.clear()
        tab = await device.tab()
        assert tab.record(file_id).is_uploaded


async def test_a_file_deleted_during_its_upload_does_not_take_shared_content_with_it() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        kept = await tab.sync.save_file(b"shared")
        await settle()
        device.store.hold = is_put
        doomed = await tab.sync.save_file(b"shared")
        request = await device.network.next()
        await tab.sync.delete_file(doomed.file_id)
        await settle()
        assert request.aborted
        assert list(device.store.objects) == [f"s/{kept.content_hash}"]
        assert tab.record(kept.file_id).is_uploaded


@pytest.mark.parametrize("of_other_tab", [False, True])
async def test_an_edit_at_whatever_moment_an_upload_ends_is_uploaded(of_other_tab: bool) -> None:
    """The engine may write down what the end of the old upload means after the edit has written its row."""
    for turns in count():
        async with a_device() as device:
            tab = await device.tab()
            await tab.keep_nothing()
            editor = await device.tab() if of_other_tab else tab
            device.store.hold = is_put
            old = await tab.sync.save_file(b"old")
            request = await device.network.next("PUT")
            device.store.hold = lambda _request: False
            await settle()
            editing = asyncio.create_task(editor.sync.update_file(old.file_id, b"new"))
            for _turn in range(turns):
                await asyncio.sleep(0)
            is_too_late = request.answered
            if not is_too_late:
                device.store.objects[f"s/{old.content_hash}"] = b"old"
                request.respond(200)
            new = await editing
            await settle()
            assert device.store.objects == {f"s/{new.content_hash}": b"new"}, f"after {turns} turns"
            assert [record.is_uploaded for record in tab.store.query(FILES.tables.files)] == [True]
        if is_too_late:
            break
    assert turns > 3
