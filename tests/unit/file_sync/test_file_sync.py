"""FileSync on fakes: what is promised at each moment, with every request held and every second counted."""

from __future__ import annotations

import json

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.file_tables import FileSyncTables
from filesync_web.testing.blobs import MemoryBlob
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest, Reply
from tests.unit.file_sync.scene import FILES, a_device


def is_put(request: HeldRequest) -> bool:
    return request.method == "PUT"


def is_data(request: HeldRequest) -> bool:
    return request.url.startswith("/objects/")


async def test_a_saved_file_is_here_at_once_and_uploaded_by_itself() -> None:
    async with a_device() as device:
        tab = await device.tab()
        result = await tab.sync.save_file(MemoryBlob(b"one", "one.txt", "text/plain"))
        record = tab.record(result.file_id)
        assert device.blobs.blobs[result.content_hash] == b"one"
        metadata = fs.get_file_metadata(record)
        assert (metadata.name, metadata.mime_type, metadata.size_bytes) == ("one.txt", "text/plain", 3)
        await settle()
        assert device.store.objects == {f"s/{result.content_hash}": b"one"}
        assert tab.record(result.file_id).remote_key == f"s/{result.content_hash}"
        assert [event.type for event in tab.events if event.type != "upload:progress"] == [
            "online",
            "upload:start",
            "upload:complete",
        ]


async def test_at_most_two_uploads_run_at_once_and_the_oldest_goes_first() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        for n in range(4):
            await tab.sync.save_file(b"%d" % n)
            await device.clock.advance(1)
        await settle()
        assert [request.body for request in device.network.held] == [b"0", b"1"]
        (await device.network.next()).respond(200)
        await settle()
        assert [request.body for request in device.network.held] == [b"1", b"2"]


async def test_offline_saves_wait_and_go_out_when_the_probe_answers() -> None:
    async with a_device() as device:
        device.network.online = False
        tab = await device.tab(health_check_interval=10.0)
        result = await tab.sync.save_file(b"offline")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.QUEUED
        assert not tab.sync.is_online()
        device.network.online = True
        await device.clock.advance(9.9)
        assert not tab.record(result.file_id).is_uploaded
        await device.clock.advance(0.2)
        assert tab.sync.is_online()
        assert tab.record(result.file_id).is_uploaded


async def test_going_offline_aborts_the_request_and_queues_the_file() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"cut")
        request = await device.network.next()
        device.store.hold = lambda _request: True
        device.connectivity.set_online(False)
        await settle()
        row = tab.row(result.file_id)
        assert request.aborted
        assert row is not None
        assert row.upload_status is Status.QUEUED


async def test_a_probe_that_waits_behind_moving_bytes_does_not_stop_them() -> None:
    async with a_device() as device:
        device.store.hold = lambda request: (
            is_put(request) or (device.store.signed > 0 and request.url == "/api/health")
        )
        tab = await device.tab(health_check_interval=10.0)
        await tab.sync.save_file(b"large and slow")
        upload = await device.network.next("PUT")
        await device.clock.advance(10.1)
        probe = await device.network.next("health")
        upload.move(5)
        probe.fail()
        await settle()
        assert tab.sync.is_online()
        assert not upload.aborted
        await device.clock.advance(10.1)
        (await device.network.next("health")).fail()
        await settle()
        assert not tab.sync.is_online()
        assert upload.aborted


async def test_a_download_is_verified_before_it_counts() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab(retry=fs.RetryPolicy(base=1.0, cap=1.0))
        file_id = await tab.commit_remote_file(device, b"theirs")
        (await device.network.next()).respond(200, b"thXirs")
        await settle()
        row = tab.row(file_id)
        assert row is not None
        assert (row.download_status, row.local_hash) == (Status.QUEUED, "")
        assert not device.blobs.blobs
        assert [event.type for event in tab.events][-1] == "download:error"
        await device.clock.advance(1.1)
        (await device.network.next()).respond(200, b"theirs")
        await settle()
        row = tab.row(file_id)
        assert row is not None
        assert (row.download_status, row.last_sync_error) == (Status.DONE, "")


@pytest.mark.parametrize(("status", "requests"), [(403, 2), (404, 1), (413, 1)])
async def test_a_refused_upload_is_an_error_at_once_and_not_tried_again(status: int, requests: int) -> None:
    async with a_device() as device:
        device.network.plan("PUT", *[Reply(status)] * requests)
        tab = await device.tab()
        result = await tab.sync.save_file(b"refused")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        assert str(status) in row.last_sync_error
        await device.clock.advance(3600)
        assert sum(is_put(request) for request in device.network.requests) == requests
        assert await tab.sync.retry_errors() == [result.file_id]
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_a_retry_that_is_asked_for_does_not_wait() -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(413))
        tab = await device.tab()
        result = await tab.sync.save_file(b"again")
        await settle()
        assert await tab.sync.retry_errors() == [result.file_id]
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_an_expired_url_is_signed_anew() -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(403))
        tab = await device.tab()
        result = await tab.sync.save_file(b"late")
        await settle()
        assert tab.record(result.file_id).is_uploaded
        assert device.store.signed == 2


async def test_retry_after_is_honoured() -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(503, {"Retry-After": "120"}))
        tab = await device.tab()
        result = await tab.sync.save_file(b"busy")
        await settle()
        await device.clock.advance(119)
        assert not tab.record(result.file_id).is_uploaded
        await device.clock.advance(2)
        assert tab.record(result.file_id).is_uploaded


async def test_a_refused_token_is_asked_for_anew() -> None:
    async with a_device() as device:
        tokens = iter(["old", "new"])
        device.store.hold = lambda request: request.url.startswith("/api/v1/sign")
        tab = await device.tab(remote=fs.SignerConfig("/api", auth_token=lambda: next(tokens)))
        result = await tab.sync.save_file(b"mine")
        first = await device.network.next()
        assert first.headers["authorization"] == "Bearer old"
        device.store.hold = lambda _request: False
        first.respond(401)
        await settle()
        signed = [r.headers["authorization"] for r in device.network.requests if "/v1/sign" in r.url]
        assert signed == ["Bearer old", "Bearer new"]
        assert tab.record(result.file_id).is_uploaded


async def test_deleting_one_of_two_equal_files_keeps_the_bytes_until_the_last_goes() -> None:
    async with a_device() as device:
        tab = await device.tab()
        first = await tab.sync.save_file(b"same")
        second = await tab.sync.save_file(b"same")
        await settle()
        await tab.sync.delete_file(first.file_id)
        await settle()
        assert list(device.store.objects) == [f"s/{second.content_hash}"]
        assert list(device.blobs.blobs) == [second.content_hash]
        await tab.sync.delete_file(second.file_id)
        await settle()
        assert not device.store.objects
        assert not device.blobs.blobs


async def test_old_content_goes_only_after_the_new_is_uploaded() -> None:
    async with a_device() as device:
        tab = await device.tab()
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


async def test_a_remote_delete_made_offline_is_done_later() -> None:
    async with a_device() as device:
        tab = await device.tab()
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


async def test_one_tab_transfers_and_another_takes_over() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        first, second = await device.tab(), await device.tab()
        result = await second.sync.save_file(b"shared")
        await settle()
        assert (first.store.leader, second.store.leader) == (True, False)
        assert len(device.network.held) == 1
        assert "upload:start" in [event.type for event in second.events]
        aborted = device.network.held[0]
        await first.close()
        device.open_tabs.remove(first)
        await settle()
        assert aborted.aborted
        device.store.hold = lambda _request: False
        (await device.network.next()).respond(200)
        await settle()
        assert second.record(result.file_id).is_uploaded


async def test_a_new_tab_learns_from_the_leader_that_it_is_offline() -> None:
    async with a_device() as device:
        device.network.online = False
        await device.tab()
        follower = await device.tab()
        assert not follower.sync.is_online()
        device.network.online = True
        await device.clock.advance(11)
        assert follower.sync.is_online()


async def test_pause_aborts_and_resume_goes_on() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"paused")
        request = await device.network.next()
        await tab.sync.pause_transfer(result.file_id)
        await settle()
        assert request.aborted
        await device.clock.advance(100)
        assert not device.network.held
        device.store.hold = lambda _request: False
        await tab.sync.resume_transfer(result.file_id)
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_cancel_rests_at_error_until_it_is_retried() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"cancelled")
        request = await device.network.next()
        await tab.sync.cancel_transfer(result.file_id)
        await settle()
        row = tab.row(result.file_id)
        assert request.aborted
        assert row is not None
        assert (row.upload_status, row.last_sync_error) == (Status.ERROR, "cancelled")
        device.store.hold = lambda _request: False
        assert await tab.sync.retry_errors() == [result.file_id]
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_a_prioritized_download_goes_first() -> None:
    async with a_device() as device:
        device.store.hold = is_data
        tab = await device.tab(max_concurrent_downloads=1)
        ids = []
        for n in range(3):
            ids.append(await tab.commit_remote_file(device, b"%d" % n))
            await device.clock.advance(1)
        await tab.sync.prioritize_download(ids[2])
        await settle()
        order = []
        for _ in range(3):
            request = await device.network.next()
            key = request.url.removeprefix("/objects/").partition("?")[0]
            order.append(ids.index(key))
            request.respond(200, device.store.objects[key])
            await settle()
        assert order == [0, 2, 1]


async def test_local_only_mode_asks_nobody() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
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
        orphan = await device.blobs.put(b"orphan")
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


async def test_a_file_deleted_during_its_upload_does_not_take_shared_content_with_it() -> None:
    async with a_device() as device:
        tab = await device.tab()
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


async def test_what_was_queued_when_the_tab_died_is_taken_up_again() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        results = [await tab.sync.save_file(b"%d" % n) for n in range(3)]
        await settle()
        await tab.close()
        device.open_tabs.clear()
        device.store.hold = lambda _request: False
        tab = await device.tab()
        await settle()
        assert all(tab.record(result.file_id).is_uploaded for result in results)


async def test_a_tab_that_begins_to_lead_looks_at_its_files_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        device.connectivity.set_online(False)
        tab = await device.tab()
        results = [await tab.sync.save_file(b"%d" % n) for n in range(4)]
        await tab.close()
        device.connectivity.set_online(True)
        monkeypatch.setattr("filesync_web.runner.FACTS_AT_ONCE", 1)
        parts: list[list[str]] = []
        records = FileSyncTables.records

        def looked_at(tables: FileSyncTables, file_ids: list[str]) -> list[fs.FileRecord]:
            parts.append(file_ids)
            return records(tables, file_ids)

        monkeypatch.setattr(FileSyncTables, "records", looked_at)
        tab = await device.tab()
        assert sorted(parts) == sorted([result.file_id] for result in results)
        assert all(tab.record(result.file_id).is_uploaded for result in results)


async def test_only_the_leading_tab_probes_the_signer() -> None:
    async with a_device() as device:
        for _ in range(3):
            await device.tab(health_check_interval=10.0)
        device.network.requests.clear()
        await device.clock.advance(100)
        assert len(device.network.requests) == 10


async def test_nothing_runs_while_there_is_nothing_to_do() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.sync.save_file(b"done")
        await settle()
        device.network.requests.clear()
        sleepers = device.clock.sleepers
        await device.clock.advance(9)
        assert not device.network.requests
        assert device.clock.sleepers == sleepers, "something polls"


async def test_transfers_start_again_after_the_event_log_failed() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"stubborn")
        request = await device.network.next()
        device.log.fail_next = True
        request.respond(200)
        await settle()
        assert "sync:error" in [event.type for event in tab.events]
        device.store.hold = lambda _request: False
        await device.clock.advance(6)
        assert tab.record(result.file_id).is_uploaded


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


def is_part(request: HeldRequest) -> bool:
    return "part=" in request.url


async def test_large_content_goes_up_in_parts_and_goes_on_after_a_restart() -> None:
    data = bytes(range(256)) * (17 * 1024**2 // 256) + b"the end"
    async with a_device() as device:
        device.store.features = ["multipart"]
        tab = await device.tab()
        device.store.hold = is_part
        result = await tab.sync.save_file(data)
        first = await device.network.next("part=1")
        device.store.uploads[f"s/{result.content_hash}"][1] = first.body
        first.respond(200)
        await settle()
        await tab.close()
        device.open_tabs.clear()
        device.network.requests.clear()
        device.store.hold = lambda _request: False
        tab = await device.tab()
        await settle()
        assert device.store.objects == {f"s/{result.content_hash}": data}
        again = [request.url for request in device.network.requests if is_part(request)]
        assert len(again) == 2
        assert not any(url.endswith("part=1") for url in again)
        assert not tab.store.query(FILES.tables.open_uploads)


async def test_an_upload_in_parts_that_the_store_forgot_begins_anew() -> None:
    data = b"x" * (17 * 1024**2)
    async with a_device() as device:
        device.store.features = ["multipart"]
        tab = await device.tab()
        device.store.hold = is_part
        await tab.sync.save_file(data)
        request = await device.network.next()
        device.store.uploads.clear()
        device.store.hold = lambda _request: False
        request.respond(404)
        await settle()
        await device.clock.advance(100)
        assert list(device.store.objects.values()) == [data]


async def test_an_upload_in_parts_that_was_completed_unheard_is_not_sent_again() -> None:
    data = b"z" * (17 * 1024**2)
    async with a_device() as device:
        device.store.features = ["multipart", "head"]
        tab = await device.tab()
        device.store.hold = lambda request: request.url.endswith("/complete")
        await tab.sync.save_file(data)
        request = await device.network.next("complete")
        device.store.sign("/api/v1/multipart/complete", json.loads(request.body))
        device.network.requests.clear()
        device.store.hold = lambda _request: False
        request.fail()
        await settle()
        await device.clock.advance(100)
        assert tab.store.query(FILES.tables.local_file_state)[0].upload_status is Status.DONE
        assert not tab.store.query(FILES.tables.open_uploads)
        assert not [request for request in device.network.requests if is_part(request)]


async def test_parts_that_do_not_make_the_content_are_sent_anew() -> None:
    data = b"w" * (17 * 1024**2)
    async with a_device() as device:
        device.store.features = ["multipart"]
        tab = await device.tab()
        device.store.hold = lambda request: request.url.endswith("/complete")
        await tab.sync.save_file(data)
        request = await device.network.next("complete")
        device.network.requests.clear()
        device.store.hold = lambda _request: False
        request.respond(400, b'{"error": "the object has another SHA-256"}')
        await settle()
        await device.clock.advance(100)
        assert list(device.store.objects.values()) == [data]
        assert len([request for request in device.network.requests if is_part(request)]) == 3
        assert tab.store.query(FILES.tables.local_file_state)[0].upload_status is Status.DONE


async def test_deleting_a_file_frees_the_parts_that_went_up() -> None:
    async with a_device() as device:
        device.store.features = ["multipart"]
        tab = await device.tab()
        device.store.hold = is_part
        result = await tab.sync.save_file(b"y" * (17 * 1024**2))
        await device.network.next()
        await tab.sync.delete_file(result.file_id)
        await settle()
        assert not device.store.uploads
        assert not tab.store.query(FILES.tables.open_uploads)


async def test_a_schema_without_the_file_tables_is_refused() -> None:
    async with a_device() as device:
        schema = fs.make_schema(tables={}, events={}, materializers={})
        from filesync_web.file_tables import FileSyncTables
        from filesync_web.livestore.store import Store
        from filesync_web.testing.livestore import MemoryEventLog, MemoryLeaderLock

        store = await Store.open(
            schema=schema,
            store_id="s",
            log=MemoryEventLog(),
            channel=device.hub.channel(),
            lock=MemoryLeaderLock(device.leaders),
            clock=device.clock,
        )
        try:
            with pytest.raises(fs.SchemaError, match="create_file_sync_schema"):
                FileSyncTables(store)
        finally:
            await store.close()


async def test_helpers_before_init_say_what_to_do() -> None:
    with pytest.raises(fs.NotInitializedError, match="init_file_sync"):
        await fs.save_file(b"x")
