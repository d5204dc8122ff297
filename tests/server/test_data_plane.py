"""The embedded data plane over HTTP: ranges, conditions, signatures, torn and equal uploads, restarts."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from filesync_server.embedded import EmbeddedStore
from filesync_server.embedded.temporaries import Temporaries, Temporary
from tests.server.support import (
    BEARER,
    FILES,
    Clock,
    Deployment,
    deployed,
    embedded_app,
    hashed_key,
    sha256,
    until,
)

DATA = bytes(range(256)) * 4
KEY = hashed_key(DATA)


@pytest.fixture
async def stored(plane: Deployment) -> Deployment:
    assert (await plane.put(KEY, DATA, contentType="image/png")).status_code == 200
    return plane


def files_left(store: EmbeddedStore) -> list[str]:
    """Everything on disk that is bytes of somebody: blobs, parts, temporaries."""
    root = store.directory.root
    found = [*root.glob("blobs/*/*"), *root.glob("parts/*/*"), *root.glob("tmp/*.part")]
    return sorted(path.name for path in found)


# --- download -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status", "start", "stop"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=1000-", 206, 1000, 1024),
        ("bytes=-24", 206, 1000, 1024),
        ("bytes=1000-9999", 206, 1000, 1024),
        ("bytes=-9999", 206, 0, 1024),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=1023-1023", 206, 1023, 1024),
        ("bytes=0-1,5-6", 200, 0, 1024),
        ("bytes=9-1", 200, 0, 1024),
        ("pages=1-2", 200, 0, 1024),
        ("bytes=1024-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
async def test_ranges(stored: Deployment, header: str, status: int, start: int, stop: int) -> None:
    answer = await stored.get(KEY, Range=header)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == "bytes */1024"
        assert answer.json()["error"]
        return
    assert answer.content == DATA[start:stop]
    assert answer.headers["content-length"] == str(stop - start)
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/1024"
    else:
        assert "content-range" not in answer.headers


async def test_what_a_download_says_about_itself(stored: Deployment) -> None:
    headers = (await stored.get(KEY)).headers
    assert headers["etag"] == f'"{sha256(DATA)}"'
    assert headers["content-type"] == "image/png"
    assert headers["accept-ranges"] == "bytes"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")
    await stored.put("store/named", DATA)
    named = (await stored.get("store/named")).headers
    assert named["cache-control"] == "no-cache"
    assert named["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("match", [f'"{sha256(DATA)}"', f'W/"{sha256(DATA)}"', f'"x", "{sha256(DATA)}"', "*"])
async def test_if_none_match_is_304(stored: Deployment, match: str) -> None:
    answer = await stored.get(KEY, **{"If-None-Match": match, "Range": "bytes=0-1"})
    assert answer.status_code == 304
    assert answer.headers["etag"] == f'"{sha256(DATA)}"'
    assert answer.content == b""


async def test_if_range(stored: Deployment) -> None:
    same = await stored.get(KEY, **{"If-Range": f'"{sha256(DATA)}"', "Range": "bytes=0-1"})
    other = await stored.get(KEY, **{"If-Range": '"other"', "Range": "bytes=0-1"})
    weak = await stored.get(KEY, **{"If-Range": f'W/"{sha256(DATA)}"', "Range": "bytes=0-1"})
    assert [same.status_code, other.status_code, weak.status_code] == [206, 200, 200]


async def test_head_is_get_without_the_body(stored: Deployment) -> None:
    signed = await stored.sign("sign/download", key=KEY)
    answer = await stored.client.head(signed["url"], headers={"Range": "bytes=0-1"})
    assert answer.status_code == 200
    assert answer.headers["content-length"] == "1024"
    assert answer.headers["etag"] == f'"{sha256(DATA)}"'
    missing = await stored.sign("sign/download", key="store/missing")
    assert (await stored.client.head(missing["url"])).status_code == 404


async def test_an_empty_object(plane: Deployment) -> None:
    await plane.put("store/empty", b"")
    answer = await plane.get("store/empty")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert (await plane.get("store/empty", Range="bytes=0-")).status_code == 416


# --- who may ------------------------------------------------------------------------------------------------


async def test_a_token_works_in_place_of_a_signature(plane: Deployment) -> None:
    url = f"{plane.url}{FILES}/store/direct"
    assert (await plane.client.put(url, content=b"1")).status_code == 401
    assert (await plane.client.put(url, content=b"1", headers=BEARER)).status_code == 200
    assert (await plane.client.get(url)).status_code == 401
    assert (await plane.client.get(url, headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert (await plane.client.get(url, headers=BEARER)).content == b"1"
    assert (await plane.client.head(url, headers=BEARER)).status_code == 200
    assert (await plane.client.delete(url, headers=BEARER)).status_code == 405


async def test_urls_expire(plane: Deployment, clock: Clock) -> None:
    upload = await plane.sign("sign/upload", key="store/x")
    clock.now += 899
    assert (await plane.send(upload, b"in time")).status_code == 200
    clock.now += 1
    late = await plane.send(upload, b"late")
    assert late.status_code == 403
    assert "expired" in late.json()["error"]
    assert (await plane.get("store/x")).content == b"in time"


@pytest.mark.parametrize("name", ["exp", "sig", "hdr"])
async def test_no_part_of_a_url_can_be_changed(plane: Deployment, name: str) -> None:
    signed = await plane.sign("sign/upload", key="store/x", contentType="a/b")
    parts = urlsplit(signed["url"])
    query = dict(parse_qsl(parts.query))
    for changed in ("9" + query[name], query[name] + ";range", ""):
        url = parts._replace(query=urlencode(query | {name: changed})).geturl()
        answer = await plane.client.put(url, content=b"x", headers=signed["headers"])
        assert answer.status_code == 403
        assert answer.json()["error"]
    assert (await plane.get("store/x")).status_code == 404


async def test_a_part_url_is_for_one_part(plane: Deployment) -> None:
    created = await plane.sign("multipart/create", key="store/x", contentLength=10)
    ids = {"key": "store/x", "uploadId": created["uploadId"]}
    signed = (await plane.sign("multipart/sign", **ids, partNumbers=[1]))["parts"][0]
    assert (
        await plane.client.put(signed["url"].replace("partNumber=1", "partNumber=2"), content=b"x")
    ).status_code == 403
    whole = signed["url"].replace(f"&uploadId={created['uploadId']}&partNumber=1", "")
    assert (await plane.client.put(whole, content=b"x")).status_code == 403
    assert (await plane.client.put(signed["url"], content=b"x")).status_code == 200


async def test_the_secret_is_private_and_stays(tmp_path: Path, clock: Clock) -> None:
    first = EmbeddedStore(tmp_path, clock=clock)
    secret = tmp_path / "url-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = secret.read_bytes()
    await first.close()
    second = EmbeddedStore(tmp_path, clock=clock)
    assert secret.read_bytes() == before
    assert len(before) == 32
    await second.close()


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "a%2f..%2fb", "a%00b", "a%5cb", "%2e%2e/x", "a//b", ""]
)
async def test_path_tricks_are_refused(plane: Deployment, path: str) -> None:
    host, port = urlsplit(plane.url).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))  # httpx would tidy the path up
    auth = BEARER["Authorization"]
    request = f"PUT {FILES}/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\nContent-Length: 1\r\n\r\nx"
    writer.write(request.encode())
    status = (await reader.readline()).decode()
    writer.close()
    await writer.wait_closed()
    assert " 400 " in status or " 404 " in status
    assert files_left(plane.store) == []


@pytest.mark.parametrize(
    "key",
    ["CON/aux", "index.sqlite", "tmp/x", "blobs/00/x", ".part", "a" * 300 + "/b", "Ünïcode/ключ", "a?b#c%25"],
)
async def test_no_name_is_special(plane: Deployment, key: str) -> None:
    await plane.put(key, key.encode())
    assert (await plane.get(key)).content == key.encode()
    upper = await plane.get(key.upper() + "X")
    assert upper.status_code == 404


async def test_symbolic_links_are_not_followed(plane: Deployment, tmp_path: Path) -> None:
    await plane.put(KEY, DATA)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(len(DATA)))
    blob = plane.store.directory.root / "blobs" / sha256(DATA)[:2] / sha256(DATA)
    blob.unlink()
    blob.symlink_to(secret)
    answer = await plane.get(KEY)
    assert answer.status_code in {404, 500}
    assert answer.content != secret.read_bytes()


# --- upload -------------------------------------------------------------------------------------------------


async def test_bytes_that_do_not_have_the_hash_of_the_key_are_refused(plane: Deployment) -> None:
    answer = await plane.put(KEY, DATA + b"!")
    assert answer.status_code == 400
    assert "SHA-256" in answer.json()["error"]
    assert files_left(plane.store) == []


async def test_a_wrong_checksum_header_is_refused(plane: Deployment) -> None:
    url = f"{plane.url}{FILES}/store/x"
    good = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    for checksum, status in [
        (good[:-2] + "==", 400),
        ("!", 400),
        (base64.b64encode(bytes(32)).decode(), 400),
        (good, 200),
    ]:
        headers = BEARER | {"x-amz-checksum-sha256": checksum}
        assert (await plane.client.put(url, content=b"x", headers=headers)).status_code == status


async def test_type_and_bytes_change_together(plane: Deployment) -> None:
    await plane.put("store/x", b"one", contentType="text/plain")
    await plane.put("store/x", b"two!", contentType="text/html")
    answer = await plane.get("store/x")
    assert (answer.content, answer.headers["content-type"]) == (b"two!", "text/html")
    assert files_left(plane.store) == [sha256(b"two!")]


async def test_too_large_is_413(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded, max_bytes=1000), embedded) as plane:
        assert (await plane.put("store/x", bytes(1001))).status_code == 413

        async def stream() -> AsyncIterator[bytes]:
            for _ in range(11):
                yield bytes(100)

        answer = await plane.client.put(f"{plane.url}{FILES}/store/x", content=stream(), headers=BEARER)
        assert answer.status_code == 413
        assert (await plane.put("store/x", bytes(1000))).status_code == 200
        assert files_left(embedded) == [sha256(bytes(1000))]


async def test_a_large_body_gets_its_refusal_and_not_a_reset(plane: Deployment) -> None:
    data = os.urandom(8 * 1024**2)
    key = hashed_key(data)
    first = await plane.sign("sign/upload", key=key, sha256=sha256(data))
    assert (await plane.send(first, data)).status_code == 200
    assert (await plane.send(first, data)).status_code == 412
    wrong = dict(first, url=first["url"][:-4] + "0000")
    assert (await plane.send(wrong, data)).status_code == 403


async def test_an_aborted_upload_leaves_nothing(plane: Deployment) -> None:
    store: Any = plane.store
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(300_000)
            started.set()
            await asyncio.sleep(0)

    url = f"{plane.url}{FILES}/store/x"
    upload = asyncio.create_task(plane.client.put(url, content=endless(), headers=BEARER))
    await started.wait()
    await until(lambda: any(name.endswith(".part") for name in files_left(store)))
    upload.cancel()
    await asyncio.wait([upload])
    await until(lambda: files_left(store) == [])
    assert (await plane.get("store/x")).status_code == 404


async def test_concurrent_equal_uploads_make_one_object(plane: Deployment) -> None:
    data = os.urandom(200_000)
    key = hashed_key(data)
    signed = await plane.sign("sign/upload", key=key, sha256=sha256(data), contentLength=len(data))
    answers = await asyncio.gather(*(plane.send(signed, data) for _ in range(40)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [412] * 39
    assert (await plane.get(key)).content == data
    assert files_left(plane.store) == [sha256(data)]


async def test_equal_bytes_under_two_keys_outlive_the_first_delete(plane: Deployment) -> None:
    await plane.put("a/x", DATA, contentType="text/plain")
    await plane.put("b/y", DATA, contentType="image/png")
    assert files_left(plane.store) == [sha256(DATA)]
    await plane.call("delete", key="a/x")
    answer = await plane.get("b/y")
    assert (answer.content, answer.headers["content-type"]) == (DATA, "image/png")
    await plane.call("delete", key="b/y")
    assert files_left(plane.store) == []


async def test_a_download_outlives_a_delete(plane: Deployment) -> None:
    data = os.urandom(20 * 1024**2)
    await plane.put("store/x", data)
    signed = await plane.sign("sign/download", key="store/x")
    async with plane.client.stream("GET", signed["url"]) as answer:
        chunks = answer.aiter_bytes()
        got = await anext(chunks)
        assert (await plane.call("delete", key="store/x")).status_code == 204
        async for chunk in chunks:
            got += chunk
    assert got == data


async def test_lost_bytes_count_as_missing_and_can_be_uploaded_again(stored: Deployment) -> None:
    (stored.store.directory.root / "blobs" / sha256(DATA)[:2] / sha256(DATA)).unlink()
    assert await stored.sign("head", key=KEY) == {"exists": False}
    assert (await stored.get(KEY)).status_code == 404
    assert (await stored.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
    assert (await stored.get(KEY)).content == DATA


async def test_a_full_disk_is_507_and_leaves_nothing(
    plane: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Temporary.write

    def full(self: Temporary, data: bytes) -> None:
        if self.size + len(data) > 500_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(Temporary, "write", full)
    answer = await plane.put("store/x", bytes(600_000))
    assert answer.status_code == 507
    assert answer.json()["error"]
    assert files_left(plane.store) == []
    assert (await plane.put("store/x", bytes(400_000))).status_code == 200


# --- multipart ----------------------------------------------------------------------------------------------


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


# --- restarts -----------------------------------------------------------------------------------------------


async def test_a_restart_keeps_objects_and_sweeps_what_a_crash_left(tmp_path: Path, clock: Clock) -> None:
    first = EmbeddedStore(tmp_path, clock=clock)
    async with deployed(embedded_app(first), first) as plane:
        await plane.put(KEY, DATA, contentType="image/png")
        signed = await plane.sign("sign/download", key=KEY)
    await first.close()
    orphan = tmp_path / "blobs" / "00" / ("00" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"published, but the commit was lost")
    (tmp_path / "tmp" / "dead.0.part").write_bytes(b"half")
    (tmp_path / "tmp" / "dead.alive").touch()
    second = EmbeddedStore(tmp_path, clock=clock)
    assert files_left(second) == [sha256(DATA)]
    assert not (tmp_path / "tmp" / "dead.alive").exists()
    async with deployed(embedded_app(second), second) as plane:
        path = urlsplit(signed["url"])
        again = await plane.client.get(f"{plane.url}{path.path}?{path.query}")
        assert (again.content, again.headers["content-type"]) == (DATA, "image/png")
    await second.close()


def test_a_start_leaves_the_temporaries_of_a_living_neighbour_alone(tmp_path: Path) -> None:
    mine = Temporaries(tmp_path)
    with mine.new() as temporary:
        temporary.write(b"in progress")
        other = Temporaries(tmp_path)
        assert temporary.path.read_bytes() == b"in progress"
        other.close()
    mine.close()
    assert list(tmp_path.glob("*.part")) == []
