"""Uploads in parts on fakes: what goes up again after a restart, a loss or a delete."""

from __future__ import annotations

import json

from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from tests.unit.file_sync.scene import FILES, a_device


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
        await tab.keep_nothing()
        device.store.hold = is_part
        result = await tab.sync.save_file(b"y" * (17 * 1024**2))
        await device.network.next()
        await tab.sync.delete_file(result.file_id)
        await settle()
        assert not device.store.uploads
        assert not tab.store.query(FILES.tables.open_uploads)
