"""Downloads from the embedded data plane over HTTP: ranges, conditions, what an answer says of itself."""

from __future__ import annotations

import os

import pytest

from filesync_server import public_access
from filesync_server.objects.embedded import EmbeddedStore
from tests.server.support import BEARER, DATA, FILES, KEY, Deployment, deployed, embedded_app, sha256


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


async def test_what_needed_a_token_is_for_this_caller_only(stored: Deployment) -> None:
    """A cache between them must not give it to others; a signed URL is a secret of its own."""
    await stored.put("store/named", DATA)
    for key, private, public in [
        (KEY, "private, max-age=31536000, immutable", "public, max-age=31536000, immutable"),
        ("store/named", "private, no-cache", "no-cache"),
    ]:
        url = f"{stored.url}{FILES}/{key}"
        for headers in (BEARER, BEARER | {"Range": "bytes=0-3"}, BEARER | {"If-None-Match": "*"}):
            answer = await stored.client.get(url, headers=headers)
            assert answer.status_code < 400
            assert answer.headers["cache-control"] == private
        assert (await stored.client.head(url, headers=BEARER)).headers["cache-control"] == private
        assert (await stored.get(key)).headers["cache-control"] == public


async def test_what_everybody_may_read_may_be_cached(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded, authenticate=public_access), embedded) as plane:
        await plane.put(KEY, DATA)
        answer = await plane.client.get(f"{plane.url}{FILES}/{KEY}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
