"""`filesync-server check-storage`: what the bucket can do, tried with objects that are removed again.

Everything that pages do goes by presigned URLs to where clients reach the store, as theirs would; the rest
goes the server's way. What is needed decides the exit code; what is good to have is only told.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TextIO

import urllib3

from ..objects.port import PART_SIZE, ObjectStoreError, Part, SignedRequest, Upload
from ..objects.s3 import S3Store
from .app import open_s3_store
from .config import ConfigError, Settings, add_flags, settings_from

_FOLDER = "filesync-check"
_DATA = b"filesync check-storage\n" * 100
_TIMEOUT = 30.0
_SENT_HEADERS = "content-type, if-none-match, x-amz-checksum-sha256"
_SHOWN_HEADERS = ("etag", "content-range")


class ProbeFailedError(Exception):
    """The store does not do it; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """One line of the table. `lacking` says what follows when it fails."""

    name: str
    run: Callable[[], Awaitable[None]]
    lacking: str
    is_needed: bool = True


def main(
    arguments: Sequence[str], environment: Mapping[str, str], target: TextIO, errors: TextIO = sys.stderr
) -> int:
    """Try the bucket of the settings and print a table.

    Returns 0, 1 when it lacks something that is needed, 2 for bad settings.
    """
    parser = argparse.ArgumentParser(
        prog="filesync-server check-storage",
        description="Try what the S3 bucket of the settings can do, and what its CORS rule lets pages do.",
        allow_abbrev=False,
    )
    parser.add_argument("--origin", help="origin of the pages (default: of allowed_origins or public_url)")
    add_flags(parser, [setting.name for setting in fields(Settings)])
    parsed = parser.parse_args(arguments)
    try:
        settings = settings_from(parsed, environment)
    except ConfigError as error:
        errors.write(f"filesync-server: {error}\n")
        return 2
    if settings.storage != "s3":
        errors.write("filesync-server: check-storage tries a bucket: it needs storage = s3\n")
        return 2
    origin = parsed.origin or _origin_of(settings)
    logging.disable(logging.ERROR)  # refusals are what is looked for
    try:
        return asyncio.run(_check(open_s3_store(settings), origin, target))
    finally:
        logging.disable(logging.NOTSET)


def _origin_of(settings: Settings) -> str:
    listed = [origin for origin in settings.allowed_origins if origin != "*"]
    return next(iter([*listed, settings.public_url or "https://app.example"]))


async def _check(store: S3Store, origin: str, target: TextIO) -> int:
    bucket = _Bucket(store, origin)
    lacks = 0
    try:
        for probe in bucket.probes():
            try:
                await probe.run()
                result, remark = "ok", ""
            except (ProbeFailedError, ObjectStoreError, urllib3.exceptions.HTTPError) as error:
                result, remark = ("NO" if probe.is_needed else "no"), f"{error}. {probe.lacking}"
                lacks += probe.is_needed
            target.write(f"{probe.name:<28} {result:<4} {remark}".rstrip() + "\n")
            target.flush()
    finally:
        await bucket.clean()
        await store.close()
    return 1 if lacks else 0


class _Bucket:
    """The probes, in an order in which each finds what it needs."""

    def __init__(self, store: S3Store, origin: str) -> None:
        self._store = store
        self._origin = origin
        self._http = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
        self._name = f"{_FOLDER}/{secrets.token_hex(8)}"
        self._key = f"{self._name}/object"
        self._bound = f"{self._name}/bound"
        self._joined = f"{self._name}/joined"

    def probes(self) -> list[_Probe]:
        cors = f"The bucket needs a CORS rule for {self._origin}, see docs/server.md"
        without = "Set s3_checksums = false: uploads are then verified by the clients that download them"
        return [
            _Probe("bucket answers", self._store.check, "Check endpoint, bucket, region and keys"),
            _Probe("put", self._put, "Uploads do not work"),
            _Probe("get", self._get, "Downloads do not work"),
            _Probe("range", self._range, "Videos cannot be sought, downloads cannot go on"),
            _Probe("checksum taken", self._checksum, without, is_needed=False),
            _Probe("wrong bytes refused", self._wrong_bytes, without, is_needed=False),
            _Probe("If-None-Match on put", self._create_only, "The same bytes may be uploaded twice", False),
            _Probe("multipart", self._multipart, "Files above 5 GiB, and resuming of uploads, do not work"),
            _Probe("multipart abort", self._abort, "Unfinished uploads need a lifecycle rule"),
            _Probe("delete", self._delete, "Deleted files keep their space"),
            _Probe("CORS preflight", self._preflight, cors),
            _Probe("CORS answers", self._cors, cors),
            _Probe("CORS on errors", self._cors_errors, "Pages take refusals for a broken connection", False),
        ]

    async def clean(self) -> None:
        for key in (self._key, self._bound, self._joined):
            try:
                await self._store.delete(key)
            except ObjectStoreError:
                continue

    async def _put(self) -> None:
        await self._send(await self._signed(Upload(self._key, "text/plain", len(_DATA))), _DATA)

    async def _get(self) -> None:
        answer = await self._ask(await self._download())
        _expect(answer.data == _DATA, "it gave other bytes than it got")
        _expect(answer.headers.get("content-type") == "text/plain", "it lost the content type")

    async def _range(self) -> None:
        answer = await self._ask(await self._download(), 206, {"Range": "bytes=1-4"})
        _expect(answer.data == _DATA[1:5], "it gave other bytes than those of the range")

    async def _checksum(self) -> None:
        await self._send(await self._signed(self._hashed()), _DATA)

    async def _wrong_bytes(self) -> None:
        signed = await self._signed(self._hashed())
        answer = await self._request(signed, body=_DATA[::-1])
        _expect(answer.status >= 400, f"it took bytes that do not have the signed SHA-256 ({answer.status})")

    async def _create_only(self) -> None:
        signed = await self._signed(Upload(self._key, "text/plain", len(_DATA), create_only=True))
        answer = await self._request(signed, body=_DATA)
        _expect(answer.status == 412, f"it answered {answer.status} where an object was, and not 412")

    async def _multipart(self) -> None:
        pieces = [bytes(PART_SIZE), b"the end"]
        size = sum(map(len, pieces))
        new = await self._store.create_multipart(Upload(self._joined, content_length=size))
        signed = await self._store.sign_parts(self._joined, new.upload_id, [1, 2], "")
        for request, piece in zip(signed, pieces, strict=True):
            await self._send(request, piece)
        parts: Sequence[Part] = await self._store.list_parts(self._joined, new.upload_id)
        _expect([part.size for part in parts] == list(map(len, pieces)), "it lists other parts")
        await self._store.complete_multipart(self._joined, new.upload_id, parts)
        found = await self._store.head(self._joined)
        _expect(found is not None and found.size == size, "the joined object is not there as a whole")

    async def _abort(self) -> None:
        new = await self._store.create_multipart(Upload(self._joined))
        await self._store.abort_multipart(self._joined, new.upload_id)

    async def _delete(self) -> None:
        await self._store.delete(self._joined)
        _expect(await self._store.head(self._joined) is None, "a deleted object is still there")

    async def _preflight(self) -> None:
        signed = await self._signed(self._hashed())
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": _SENT_HEADERS}
        answer = await self._request(signed, {"Origin": self._origin, **asked}, "OPTIONS")
        _expect(answer.status < 300, f"it answered {answer.status}")
        self._expect_allowed(answer)
        allowed = answer.headers.get("access-control-allow-headers", "").lower()
        missing = [name for name in _SENT_HEADERS.split(", ") if name not in allowed and allowed != "*"]
        _expect(not missing, f"pages may not send {', '.join(missing)}")

    async def _cors(self) -> None:
        answer = await self._ask(await self._download(), 206, {"Origin": self._origin, "Range": "bytes=1-4"})
        self._expect_allowed(answer)
        shown = answer.headers.get("access-control-expose-headers", "").lower()
        missing = [name for name in _SHOWN_HEADERS if name not in shown and shown != "*"]
        _expect(not missing, f"pages do not see the headers {', '.join(missing)}")

    async def _cors_errors(self) -> None:
        signed = await self._store.sign_download(f"{self._name}/nothing", "")
        self._expect_allowed(await self._ask(signed, 404, {"Origin": self._origin}))

    def _expect_allowed(self, answer: urllib3.BaseHTTPResponse) -> None:
        allowed = answer.headers.get("access-control-allow-origin")
        _expect(allowed in {"*", self._origin}, f"Access-Control-Allow-Origin is {allowed}")

    def _hashed(self) -> Upload:
        return Upload(self._bound, "text/plain", len(_DATA), hashlib.sha256(_DATA).hexdigest())

    async def _signed(self, upload: Upload) -> SignedRequest:
        return await self._store.sign_upload(upload, "")

    async def _download(self) -> SignedRequest:
        return await self._store.sign_download(self._key, "")

    async def _send(self, signed: SignedRequest, data: bytes) -> None:
        answer = await self._request(signed, body=data)
        _expect(answer.status < 300, f"it answered {answer.status}: {_words(answer)}")

    async def _ask(
        self, signed: SignedRequest, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        answer = await self._request(signed, headers)
        _expect(answer.status == status, f"it answered {answer.status}, and not {status}: {_words(answer)}")
        return answer

    async def _request(
        self,
        signed: SignedRequest,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        sent = {**(signed.headers if method is None else {}), **(headers or {})}
        return await asyncio.to_thread(
            self._http.request, method or signed.method, signed.url, body=body, headers=sent, redirect=False
        )


def _expect(works: bool, otherwise: str) -> None:
    if not works:
        raise ProbeFailedError(otherwise)


def _words(answer: urllib3.BaseHTTPResponse) -> str:
    return answer.data[:200].decode("utf-8", "replace").replace("\n", " ")
