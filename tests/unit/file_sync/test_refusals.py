"""What servers answer when something is wrong with them, and that no file is given up or lost by it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest, Reply
from tests.unit.file_sync.scene import FILES, a_device

LARGE = b"x" * (17 * 1024**2)


def s3_error(status: int, code: str, message: str = "") -> Reply:
    said = f"<Message>{message}</Message>" if message else ""
    return Reply(status, {}, f"<?xml version='1.0'?><Error><Code>{code}</Code>{said}</Error>".encode())


@pytest.mark.parametrize("status", [404, 410])
async def test_a_signer_that_is_not_where_it_should_be_loses_no_file(status: int) -> None:
    async with a_device() as device:
        reply = Reply(status, {}, b"<html>nothing here</html>")
        left = device.network.plan("/v1/sign/download", reply, reply)
        tab = await device.tab()
        file_id = await tab.commit_remote_file(device, b"precious")
        await settle()
        row = tab.row(file_id)
        assert row is not None
        assert "base_url" in row.last_sync_error
        assert tab.record(file_id).is_uploaded
        await device.clock.advance(10)
        assert not left
        assert await device.blobs.size(tab.record(file_id).content_hash) == 8


async def test_a_delete_is_owed_until_the_signer_knows_the_call() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.keep_nothing()
        result = await tab.sync.save_file(b"to be deleted")
        await settle()
        device.network.plan("/v1/delete", Reply(404), Reply(404))
        await tab.sync.delete_file(result.file_id)
        await settle()
        assert tab.store.query(FILES.tables.remote_deletes)
        assert device.store.objects
        await device.clock.advance(10)
        assert not tab.store.query(FILES.tables.remote_deletes)
        assert not device.store.objects


async def test_an_object_counts_as_lost_only_when_the_signer_says_so_as_well() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        tab = await device.tab()
        device.network.plan("GET /objects/", Reply(404), Reply(404))
        file_id = await tab.commit_remote_file(device, b"precious")
        await settle()
        assert tab.record(file_id).is_uploaded
        await device.clock.advance(10)
        assert await device.blobs.size(tab.record(file_id).content_hash) == 8


@pytest.mark.parametrize(
    "reply",
    [
        s3_error(409, "ConditionalRequestConflict"),
        s3_error(409, "OperationAborted"),
        s3_error(400, "RequestTimeout"),
        s3_error(400, "BadDigest"),
    ],
    ids=lambda reply: reply.body.decode(),
)
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["whole", "in parts"])
async def test_what_an_object_store_refuses_for_now_is_sent_again(reply: Reply, content: bytes) -> None:
    async with a_device() as device:
        device.store.features = ["multipart"]
        left = device.network.plan("PUT /objects/", reply, reply)
        tab = await device.tab()
        result = await tab.sync.save_file(content)
        await settle()
        await device.clock.advance(20)
        assert not left
        assert tab.record(result.file_id).is_uploaded


async def test_the_expired_url_of_a_part_is_signed_again() -> None:
    async with a_device() as device:
        device.store.features = ["multipart"]
        device.network.plan("part=2", s3_error(403, "AccessDenied"))
        tab = await device.tab()
        result = await tab.sync.save_file(LARGE)
        await settle()
        assert tab.record(result.file_id).is_uploaded
        assert not [event for event in tab.events if event.error]


@pytest.mark.parametrize(
    "parts",
    [
        None,
        5,
        [None],
        [{}],
        [{"partNumber": 1, "size": 8 * 1024**2}],
        [{"partNumber": "x", "etag": "", "size": 1}],
    ],
    ids=str,
)
async def test_a_list_of_parts_that_makes_no_sense_is_asked_for_again(parts: Any) -> None:
    async with a_device() as device:
        device.store.features = ["multipart"]
        body = json.dumps({"parts": parts}).encode()
        device.network.plan("/v1/multipart/list", Reply(200, {}, body))
        tab = await device.tab()
        result = await tab.sync.save_file(LARGE)
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert "list of the parts" in row.last_sync_error
        await device.clock.advance(10)
        assert tab.record(result.file_id).is_uploaded


async def test_a_token_that_cannot_be_had_now_is_asked_for_again() -> None:
    failures = ["the token server is away"] * 2

    async def token() -> str:
        if failures:
            raise ConnectionError(failures.pop())
        return "t"

    async with a_device() as device:
        tab = await device.tab(remote=fs.SignerConfig("/api", auth_token=token))
        result = await tab.sync.save_file(b"bytes")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert "token server is away" in row.last_sync_error
        assert row.upload_status is Status.QUEUED
        await device.clock.advance(20)
        assert tab.record(result.file_id).is_uploaded


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["whole", "in parts"])
async def test_the_object_stores_own_words_are_shown(content: bytes) -> None:
    refusal = s3_error(403, "AccessDenied", "Request has expired &amp; more")
    async with a_device() as device:
        device.store.features = ["multipart"]
        device.network.plan("PUT /objects/", *[refusal] * 4)
        tab = await device.tab()
        result = await tab.sync.save_file(content)
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        assert "the server answered 403 (AccessDenied: Request has expired & more)" in row.last_sync_error


@pytest.mark.parametrize(
    "reply",
    [
        s3_error(
            400, "InvalidArgument", "Unsupported header 'x-amz-checksum-sha256' received for this API call."
        ),
        s3_error(501, "NotImplemented", "A header you provided implies functionality: X-Amz-Checksum-Sha256"),
    ],
    ids=["400", "501"],
)
async def test_a_store_that_takes_no_checksums_says_what_to_set(reply: Reply) -> None:
    async with a_device() as device:
        device.network.plan("PUT /objects/", *[reply] * 2)
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert "s3_checksums" in row.last_sync_error
        assert "x-amz-checksum-sha256" in row.last_sync_error.lower()


async def test_a_page_that_answers_an_upload_has_stored_nothing() -> None:
    page = Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Welcome!</html>")
    async with a_device() as device:
        device.network.plan("PUT /objects/", page)
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        assert not tab.record(result.file_id).is_uploaded
        await device.clock.advance(10)
        assert tab.record(result.file_id).is_uploaded
        assert list(device.store.objects.values()) == [b"bytes"]


@pytest.mark.parametrize("features", [[], ["head"]])
async def test_an_upload_that_was_sent_on_counts_only_when_it_is_known_to_be_there(
    features: list[str],
) -> None:
    async with a_device() as device:
        device.store.features = features
        device.network.plan("PUT /objects/", Reply(200, body=b"some page", is_elsewhere=True))
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        assert not tab.record(result.file_id).is_uploaded
        await device.clock.advance(10)
        assert tab.record(result.file_id).is_uploaded
        assert list(device.store.objects.values()) == [b"bytes"]


async def test_an_upload_that_was_sent_on_and_is_there_is_done() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        device.store.objects[f"s/{sha256(b'bytes').hexdigest()}"] = b"bytes"
        device.network.plan("PUT /objects/", Reply(200, is_elsewhere=True))
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_a_refusal_of_the_signer_is_not_taken_for_an_expired_url() -> None:
    async with a_device() as device:
        device.network.plan("/v1/sign/upload", *[Reply(403, {}, b'{"error": "not your store"}')] * 4)
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert "not your store" in row.last_sync_error
        assert len([request for request in device.network.requests if "sign" in request.url]) == 1


@pytest.mark.parametrize("there", [b"other bytes", b"short", None])
async def test_an_upload_that_finds_other_bytes_in_its_place_replaces_them(there: bytes | None) -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        tab = await device.tab()
        key = f"s/{sha256(b'right bytes').hexdigest()}"
        if there is not None:
            device.store.objects[key] = there
        device.network.plan("PUT /objects/", Reply(412))
        result = await tab.sync.save_file(b"right bytes")
        await settle()
        assert tab.record(result.file_id).is_uploaded
        assert device.store.objects == {key: b"right bytes"}


async def test_an_upload_that_finds_its_bytes_in_place_is_done() -> None:
    async with a_device() as device:
        device.store.features = ["head"]
        tab = await device.tab()
        device.store.objects[f"s/{sha256(b'right bytes').hexdigest()}"] = b"right bytes"
        device.network.plan("PUT /objects/", Reply(412))
        result = await tab.sync.save_file(b"right bytes")
        await settle()
        assert tab.record(result.file_id).is_uploaded
        assert not [request for request in device.network.requests if request.url.endswith("/delete")]


async def test_a_token_function_that_is_stale_for_a_while_heals() -> None:
    async with a_device() as device:
        fresh_at = device.clock.monotonic() + 40

        def refuses(request: HeldRequest) -> Reply | None:
            is_stale = request.url.startswith("/api/v1/") and device.clock.monotonic() < fresh_at
            return Reply(401) if is_stale else None

        device.network.rule(refuses)
        tab = await device.tab(remote=fs.SignerConfig("/api", auth_token=lambda: "t"))
        result = await tab.sync.save_file(b"bytes")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.QUEUED
        assert "401" in row.last_sync_error
        asked = [request for request in device.network.requests if "/v1/sign" in request.url]
        assert len(asked) == 2, "once, and once more with a new token"
        await device.clock.advance(120)
        assert tab.record(result.file_id).is_uploaded


async def test_a_token_that_never_changes_is_refused_for_good() -> None:
    async with a_device() as device:
        device.network.plan("/v1/sign/upload", *[Reply(401)] * 4)
        tab = await device.tab(remote=fs.SignerConfig("/api", auth_token="wrong"))
        result = await tab.sync.save_file(b"bytes")
        await settle()
        row = tab.row(result.file_id)
        assert row is not None
        assert row.upload_status is Status.ERROR
        assert len([request for request in device.network.requests if "/v1/sign" in request.url]) == 1
