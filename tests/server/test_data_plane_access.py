"""Who may do what at the embedded data plane: signatures, tokens, and names that are no paths."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from filesync_server.objects.embedded import EmbeddedStore
from tests.server.support import (
    BEARER,
    DATA,
    FILES,
    KEY,
    Clock,
    Deployment,
    files_left,
    sha256,
)

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
