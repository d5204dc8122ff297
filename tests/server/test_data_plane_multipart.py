"""Uploads in parts to the embedded data plane over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filesync_server.objects.embedded import EmbeddedStore
from tests.server.support import (
    DATA,
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
