"""Whatever a signer or an object store answers, nothing but the kit's own errors comes of it.

A failing run names its seed, which `HOSTILE_SEED` repeats.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.core.foreign import is_signed_url
from filesync_web.core.records import OpenUpload
from filesync_web.ports import Platform
from filesync_web.remote.multipart import MAX_PARTS, MultipartUploads
from filesync_web.remote.object_store import ObjectStore, RemoteObject
from filesync_web.remote.signer_client import SignerClient
from filesync_web.testing.blobs import MemoryBlob, MemoryBlobStore
from filesync_web.testing.clock import ManualClock
from filesync_web.testing.connectivity import ManualConnectivity
from filesync_web.testing.http import HeldHttp, HeldRequest, MemoryNetwork, Reply
from filesync_web.testing.locks import MemoryLocks
from tests.unit.hostile.events import ODD_TEXTS, ODD_VALUES, RAW, write_raw

DATA = b"content" * 3000
HASH = hashlib.sha256(DATA).hexdigest()
KEY = f"s/{HASH}"
PART_SIZE = 8000

ODD_URLS = (
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " \tjavascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>x()</script>",
    "file:///etc/passwd",
    "blob:https://app.example/0",
    "ftp://elsewhere.example/x",
    "https://",
    "https:///x",
    "http://[::1",
    "https://user:secret@elsewhere.example/x",
    "https://elsewhere.example:99999/x",
    "\ud800",
    "/objects/a\r\nX-Evil: 1",
    "x" * 100_000,
    "",
)
ODD_HEADERS = (
    {"x-evil": "a\r\nauthorization: b"},
    {"x\r\nevil": "a"},
    {"": ""},
    {"x": None},
    {"x": ["a"]},
    {"тест": "тест"},
    {"host": "elsewhere.example", "content-length": "0", "transfer-encoding": "chunked"},
    {"cookie": "a=b"},
    {"x": "y" * 100_000},
)
ODD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"[" * 6000,
    b'{"a":' * 6000,
    b"<html>Log in</html>",
    b"<Error><Code>SlowDown</Code><Message>&#" + b"9" * 5000 + b";</Message></Error>",
    b"<Error><Message>&#x" + b"f" * 5000 + b";</Message></Error>",
    b"<Error>" * 6000,
    b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><Error><Message>&b;</Message></Error>',
    b'{"error": "\\ud800"}',
    b'{"error": [[[[]]]]}',
    b'{"error": "' + b"x" * 100_000 + b'"}',
)
ODD_ANSWER_HEADERS = (
    {"Retry-After": "9" * 5000},
    {"Retry-After": "-1"},
    {"Retry-After": "\xb2"},
    {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"},
    {"Date": "yesterday"},
    {"Date": " "},
    {"Date": "Fri, 31 Dec 9999 23:59:59 -9999"},
    {"Date": "0" * 5000},
    {"Content-Range": "bytes 5-3/-1"},
    {"Content-Range": "bytes 0-18446744073709551615/18446744073709551616"},
    {"ETag": '"' + "e" * 5000},
    {"ETag": '"\xff"'},
    {"Content-Type": "text/html", "Content-Length": "-5"},
)
STATUSES = (*[200] * 30, 201, 204, 206, 206, 301, 303, 400, 401, 403, 404, 409, 412, 412, 416, 429, 500, 999)


class Ledger:
    """Remembers open uploads; what it is given can be kept anywhere."""

    def __init__(self) -> None:
        self.uploads: dict[str, OpenUpload] = {}

    def open_upload(self, remote_key: str) -> OpenUpload | None:
        return self.uploads.get(remote_key)

    async def upload_opened(self, upload: OpenUpload) -> None:
        assert 0 < len(upload.upload_id.encode()) < 10_000
        assert 0 < upload.part_size < 2**53
        self.uploads[upload.remote_key] = upload

    async def upload_closed(self, remote_key: str) -> None:
        self.uploads.pop(remote_key, None)


class Servers:
    """A signer and an object store that answer as they should, but for some of it."""

    def __init__(self, random: Random, oddness: float) -> None:
        self.random = random
        self.oddness = oddness

    def answer(self, request: HeldRequest) -> Reply:
        if not request.url.startswith("/api"):
            assert is_signed_url(request.url)
            assert request.method in {"GET", "PUT", "POST"}
            assert not {"authorization", "x-api-key"} & set(request.headers), "these are for the signer alone"
        body = json.dumps(self._spoilt(_right(request))).encode() if "/api" in request.url else DATA
        if self._is_odd():
            body = self.random.choice(ODD_BODIES)
        headers = self.random.choice(ODD_ANSWER_HEADERS) if self._is_odd() else {}
        status = self.random.choice(STATUSES) if self._is_odd() else 200
        return Reply(status, headers, write_raw(body.decode("latin-1")).encode("latin-1"))

    def _is_odd(self) -> bool:
        return self.random.random() < self.oddness

    def _spoilt(self, value: Any) -> Any:
        if self._is_odd():
            return self.random.choice((*ODD_VALUES, *ODD_TEXTS, *ODD_URLS, *ODD_HEADERS, *RAW))
        if isinstance(value, dict):
            return {name: self._spoilt(member) for name, member in value.items()}
        return [self._spoilt(item) for item in value] if isinstance(value, list) else value


def _right(request: HeldRequest) -> Any:
    call = request.url.removeprefix("/api/").removeprefix("v1/")
    if call == "health":
        return {"status": "ok", "features": ["multipart", "head", "checksum"]}
    signed = {"url": "https://objects.example/o", "method": "PUT", "headers": {"x": "y"}}
    sizes = [PART_SIZE, PART_SIZE, len(DATA) - 2 * PART_SIZE]
    return {
        "sign/upload": {**signed, "expiresAt": "2026-11-25T12:00:00Z"},
        "sign/download": {**signed, "expiresAt": "2026-11-25T12:00:00Z"},
        "head": {"exists": True, "size": len(DATA), "etag": "e", "sha256": HASH},
        "multipart/create": {"uploadId": "u", "partSize": PART_SIZE},
        "multipart/list": {
            "parts": [{"partNumber": n, "etag": "e", "size": size} for n, size in enumerate(sizes, 1)]
        },
        "multipart/sign": {"parts": [{"partNumber": 1, **signed}]},
    }.get(call, {})


async def one_client(random: Random, oddness: float) -> None:
    """Do everything that a client asks of a remote, and look at all that comes of it."""
    network = MemoryNetwork()
    network.rule(Servers(random, oddness).answer)
    blobs, http, clock = MemoryBlobStore(network), HeldHttp(network), ManualClock()
    platform = Platform(blobs, http, ManualConnectivity(), MemoryLocks(), clock, random=Random(1))
    signer = SignerClient(platform, fs.SignerConfig("/api", auth_token="t", headers={"X-Api-Key": "k"}))
    ledger = Ledger()
    remote = ObjectStore(signer, platform, ledger, stall_timeout=5)
    parts = MultipartUploads(signer, http, ledger, stall_timeout=5)
    target, blob = RemoteObject(KEY, HASH, "text/plain", len(DATA)), MemoryBlob(DATA, "", "")

    async def url() -> None:
        shown = await remote.url(KEY)
        assert is_signed_url(shown)

    def in_parts() -> Awaitable[None]:
        return parts.upload(
            KEY, blob, len(DATA), mime_type="text/plain", sha256=HASH, progress=lambda *_: None
        )

    jobs: list[Callable[[], Awaitable[Any]]] = [
        lambda: remote.is_healthy(timeout=5),
        lambda: remote.upload(target, blob, lambda *_: None),
        in_parts,
        in_parts,
        lambda: remote.has(KEY, len(DATA), HASH),
        lambda: remote.download(target, lambda *_: None),
        url,
        lambda: remote.delete(KEY),
    ]
    for job in jobs:
        with suppress(fs.TransferError):
            await asyncio.wait_for(job(), 30)
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.blobs.items())
    assert len(network.requests) < 4 * MAX_PARTS


async def check(clients: int) -> None:
    seed = int(os.environ.get("HOSTILE_SEED", "0")) or time.time_ns()
    print(f"HOSTILE_SEED={seed}: {clients} clients")
    random = Random(seed)
    for number in range(clients):
        await one_client(random, oddness=(0.0, 0.02, 0.1, 0.3)[number % 4])


async def test_whatever_the_servers_answer_is_survived() -> None:
    await check(400)


@pytest.mark.soak(minutes=3)
async def test_whatever_the_servers_answer_is_survived_many_times() -> None:
    """20,000 clients of signers and object stores that answer nonsense (HOSTILE_SEED)."""
    await check(20_000)
