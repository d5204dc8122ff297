"""Transfers on fakes: order, retries, refusals, pause and cancel; requests are held, seconds are counted."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.blobs import MemoryBlob
from filesync_web.testing.clock import settle
from filesync_web.testing.http import Reply
from tests.unit.file_sync.scene import a_device, is_data, is_put


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


async def test_at_most_as_many_uploads_run_at_once_as_are_set_and_the_oldest_goes_first() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab(max_concurrent_uploads=2)
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
async def test_a_refused_upload_is_an_error_at_once_and_tried_again_after_a_rest(
    status: int, requests: int
) -> None:
    async with a_device() as device:
        device.network.plan("PUT", *[Reply(status)] * requests)
        tab = await device.tab()
        result = await tab.sync.save_file(b"refused")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        assert str(status) in row.last_sync_error
        await device.clock.advance(149)
        assert sum(is_put(request) for request in device.network.requests) == requests
        assert tab.row(result.file_id) == row
        await device.clock.advance(151)
        assert sum(is_put(request) for request in device.network.requests) == requests + 1
        assert tab.record(result.file_id).is_uploaded


async def test_what_is_refused_for_hours_rests_with_its_reason_and_goes_in_the_end() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab(retry=fs.RetryPolicy(rest=60.0))
        result = await tab.sync.save_file(b"refused")
        for _ in range(20):
            (await device.network.next("PUT")).respond(413)
            await settle()
            row = tab.row(result.file_id)
            assert row is not None
            assert row.upload_status is Status.ERROR
            assert "413" in row.last_sync_error
            await device.clock.advance(29)
            assert not device.network.held
            await device.clock.advance(31)
        assert [event.type for event in tab.events].count("upload:error") == 20
        (await device.network.next("PUT")).respond(200)
        await settle()
        assert tab.record(result.file_id).is_uploaded
        row = tab.row(result.file_id)
        assert row is not None
        assert row.last_sync_error == ""


async def test_a_token_that_is_stale_for_a_while_is_no_dead_end() -> None:
    async with a_device() as device:
        device.network.plan("/v1/sign/upload", Reply(401))
        tab = await device.tab()
        result = await tab.sync.save_file(b"mine")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        await device.clock.advance(300)
        assert tab.record(result.file_id).is_uploaded


async def test_a_remote_delete_that_is_refused_is_tried_again_after_a_rest() -> None:
    async with a_device() as device:
        device.network.plan("/v1/delete", Reply(403))
        tab = await device.tab()
        await tab.keep_nothing()
        result = await tab.sync.save_file(b"to be deleted")
        await settle()
        await tab.sync.delete_file(result.file_id)
        await settle()
        assert device.store.objects
        await device.clock.advance(300)
        assert not device.store.objects


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


@pytest.mark.parametrize("shift", [-3600, 3600])
async def test_a_wall_clock_that_is_set_neither_delays_nor_hastens_a_retry(shift: float) -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(503, {"Retry-After": "120"}))
        tab = await device.tab()
        result = await tab.sync.save_file(b"busy")
        await settle()
        device.clock.shift_wall_clock(shift)
        await device.clock.advance(119)
        assert not tab.record(result.file_id).is_uploaded
        await device.clock.advance(2)
        assert tab.record(result.file_id).is_uploaded


async def test_a_server_that_asks_for_years_is_asked_again_in_minutes() -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(503, {"Retry-After": "9" * 400}))
        tab = await device.tab()
        result = await tab.sync.save_file(b"busy")
        await settle()
        await device.clock.advance(299)
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
        assert row.is_cancelled
        device.store.hold = lambda _request: False
        assert await tab.sync.retry_errors() == [result.file_id]
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_one_file_is_tried_again_and_the_others_rest() -> None:
    async with a_device() as device:
        device.network.plan("PUT", Reply(413), Reply(413))
        tab = await device.tab()
        first, second = [await tab.sync.save_file(content) for content in (b"first", b"second")]
        await settle()
        with pytest.raises(fs.UnknownFileError):
            await tab.sync.retry_errors([first.file_id, "nobody"])
        with pytest.raises(fs.InvalidArgumentError, match="several ids"):
            await tab.sync.retry_errors(first.file_id)
        assert await tab.sync.retry_errors([first.file_id]) == [first.file_id]
        await settle()
        assert tab.record(first.file_id).is_uploaded
        row = tab.row(second.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        assert await tab.sync.retry_errors([]) == []


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
