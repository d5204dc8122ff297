"""Uploads in parts to the embedded data plane over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from filesync_server.objects.embedded import EmbeddedStore
from tests.server.support import (
    BEARER,
    DATA,
    FILES,
    KEY,
    Clock,
    Deployment,
    deployed,
    embedded_app,
    files_left,
    sha256,
)


async def _multipart(
    plane: Deployment, key: str, pieces: list[bytes], **fields: Any
) -> tuple[dict[str, Any], list[Any]]:
    created = await plane.sign("multipart/create", key=key, **fields)
    ids = {"key": key, "uploadId": created["uploadId"]}
    numbers = list(range(1, len(pieces) + 1))
    signed = (await plane.sign("multipart/sign", **ids, partNumbers=numbers))["parts"]
    parts = []
    for request, piece in zip(signed, pieces, strict=True):
        answer = await plane.client.put(request["url"], content=piece)
        assert answer.status_code == 200
        parts.append({"partNumber": request["partNumber"], "etag": answer.headers["etag"]})
    return ids, parts


async def test_a_multipart_upload_must_have_the_announced_bytes(plane: Deployment) -> None:
    for fields in ({"contentLength": 7}, {"contentLength": 6, "sha256": "0" * 64}):
        ids, parts = await _multipart(plane, "store/x", [b"abc", b"def"], **fields)
        answer = await plane.call("multipart/complete", **ids, parts=parts)
        assert answer.status_code == 400
        assert (await plane.get("store/x")).status_code == 404
    ids, parts = await _multipart(plane, KEY, [DATA[:500], DATA[501:]], contentLength=1023)
    assert (await plane.call("multipart/complete", **ids, parts=parts)).status_code == 400


async def test_complete_takes_exactly_the_parts_that_arrived(plane: Deployment) -> None:
    ids, parts = await _multipart(plane, "store/x", [b"abc", b"def"], contentLength=6)
    for wrong in (parts[:1], [*parts, {"partNumber": 3, "etag": "x"}], [parts[0], parts[1] | {"etag": "x"}]):
        assert (await plane.call("multipart/complete", **ids, parts=wrong)).status_code == 400
    assert (await plane.call("multipart/complete", **ids, parts=parts[::-1])).status_code == 200
    assert (await plane.get("store/x")).content == b"abcdef"
    assert files_left(plane.store) == [sha256(b"abcdef")]


async def test_a_part_can_be_sent_again(plane: Deployment) -> None:
    ids, _ = await _multipart(plane, "store/x", [b"abc", b"def"], contentLength=6)
    signed = (await plane.sign("multipart/sign", **ids, partNumbers=[2]))["parts"][0]
    await plane.client.put(signed["url"], content=b"DEF")
    listed = (await plane.sign("multipart/list", **ids))["parts"]
    assert [part["etag"] for part in listed] == [sha256(b"abc"), sha256(b"DEF")]
    await plane.sign("multipart/complete", **ids, parts=listed)
    assert (await plane.get("store/x")).content == b"abcDEF"


async def test_multipart_uploads_survive_a_restart_and_are_aborted_after_a_week(
    tmp_path: Path, clock: Clock
) -> None:
    first = EmbeddedStore(tmp_path, clock=clock)
    async with deployed(embedded_app(first), first) as plane:
        ids, parts = await _multipart(plane, "store/x", [b"abc", b"def"], contentLength=6)
        old, _ = await _multipart(plane, "store/old", [b"abc"], contentLength=3)
    await first.close()
    (tmp_path / "parts" / ids["uploadId"] / "1-torn").write_bytes(b"torn")
    second = EmbeddedStore(tmp_path, clock=clock)
    assert files_left(second) == sorted([f"1-{sha256(b'abc')}", f"2-{sha256(b'def')}", f"1-{sha256(b'abc')}"])
    async with deployed(embedded_app(second), second) as plane:
        await plane.sign("multipart/complete", **ids, parts=parts)
        assert (await plane.get("store/x")).content == b"abcdef"
        clock.now += 7 * 24 * 3600 + 1
        await plane.sign("multipart/create", key="store/new", contentLength=1)
        assert (await plane.call("multipart/list", **old)).status_code == 404
        assert files_left(second) == [sha256(b"abcdef")]
    await second.close()


async def test_parts_have_no_more_bytes_than_the_object_was_announced_with(plane: Deployment) -> None:
    created = await plane.sign("multipart/create", key="store/x", contentLength=10)
    ids = {"key": "store/x", "uploadId": created["uploadId"]}
    one, two = (await plane.sign("multipart/sign", **ids, partNumbers=[1, 2]))["parts"]
    assert (await plane.client.put(one["url"], content=bytes(11))).status_code == 413

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    assert (await plane.client.put(one["url"], content=unannounced())).status_code == 413
    assert (await plane.client.put(one["url"], content=b"sixsix")).status_code == 200
    assert (await plane.client.put(two["url"], content=b"fives")).status_code == 413
    assert (await plane.client.put(two["url"], content=b"four")).status_code == 200
    assert (await plane.client.put(one["url"], content=b"again!")).status_code == 200, "in place of itself"
    listed = (await plane.sign("multipart/list", **ids))["parts"]
    await plane.sign("multipart/complete", **ids, parts=listed)
    assert (await plane.get("store/x")).content == b"again!four"
    assert files_left(plane.store) == [sha256(b"again!four")]


async def test_parts_at_once_are_bounded_together(plane: Deployment) -> None:
    created = await plane.sign("multipart/create", key="store/x", contentLength=10)
    ids = {"key": "store/x", "uploadId": created["uploadId"]}
    signed = (await plane.sign("multipart/sign", **ids, partNumbers=[1, 2, 3, 4]))["parts"]
    answers = await asyncio.gather(*(plane.client.put(part["url"], content=bytes(4)) for part in signed))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 2
    assert set(statuses) <= {200, 400, 413}
    listed = (await plane.sign("multipart/list", **ids))["parts"]
    assert sum(part["size"] for part in listed) == 8


@pytest.mark.parametrize(
    "number", ["0", "10001", "1e1", "", "00000199999999999999999999", "9" * 5000, "\u0663"]
)
async def test_part_numbers_that_are_none(plane: Deployment, number: str) -> None:
    created = await plane.sign("multipart/create", key="store/x", contentLength=10)
    query = urlencode({"uploadId": created["uploadId"], "partNumber": number})
    answer = await plane.client.put(f"{plane.url}{FILES}/store/x?{query}", content=b"x", headers=BEARER)
    assert answer.status_code == 400
