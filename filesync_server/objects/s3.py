"""Any S3-compatible object store: the bytes go straight between the browser and the store, by presigned URL.

Presigned with SigV4 by botocore. What binds an upload (checksum, length, type, `If-None-Match`) is among the
signed headers, so a store that verifies signatures enforces it. The bucket needs a CORS rule for the pages'
origins and should have a lifecycle rule for incomplete multipart uploads; see docs/server.md. botocore
blocks, so every call to the store runs in a thread; signing is pure computation.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..shared.threads import Threads
from .port import (
    ABANDONED_AFTER,
    CHECKSUM,
    FEATURES,
    InvalidUploadError,
    NewMultipart,
    ObjectInfo,
    ObjectStoreError,
    Part,
    SignedRequest,
    StoreUnavailableError,
    UnknownUploadError,
    Upload,
    part_size_for,
)

_CALL_THREADS = 16
_JOIN_THREADS = 4
"""For joining the parts of an upload, which takes a store minutes when they are many."""
_SWEEP_INTERVAL = 3600.0
_MAX_WORDS = 300
_PROBE_KEY = "filesync-probe"
"""Of an object that need not be there."""
_INVALID_UPLOAD = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML", "InvalidRequest"}

log = logging.getLogger(__name__)


class S3Store:
    """An `ObjectStore` over one bucket."""

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str | None = None,
        public_endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: str | None = None,
        path_style: bool = False,
        prefix: str = "",
        lifetime: float = 900.0,
        features: frozenset[str] = FEATURES,
    ) -> None:
        """`endpoint` None is AWS; `public_endpoint` is where clients reach it, when this server goes another
        way. Without keys botocore looks where AWS tools do. `prefix` goes before every key.

        URLs live `lifetime` seconds, at most 7 days. `features` leaves out what this store cannot do.
        """
        self.features = features
        self._is_probed = CHECKSUM not in features
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._lifetime = int(lifetime)
        self._next_sweep = 0.0
        self._calls = Threads("s3", _CALL_THREADS)
        self._joins = Threads("s3-joins", _JOIN_THREADS)
        self._health = Threads("s3-health", 1)
        options = {
            "region_name": region,
            "aws_access_key_id": access_key,
            "aws_secret_access_key": secret_key,
            "config": _client_config(path_style),
        }
        session = botocore.session.Session()
        self._client: Any = session.create_client("s3", endpoint_url=endpoint, **options)
        self._presigner: Any = self._client
        if public_endpoint not in {None, endpoint}:
            self._presigner = session.create_client("s3", endpoint_url=public_endpoint, **options)

    async def check(self) -> None:
        await self._call_in(self._health, self._client.head_bucket, Bucket=self._bucket)
        if not self._is_probed:
            with contextlib.suppress(ObjectStoreError):
                await self._head_object(_PROBE_KEY)
            self._is_probed = True

    async def sign_upload(self, upload: Upload, origin: str, until: float = math.inf) -> SignedRequest:
        bound: dict[str, Any] = {}
        send: dict[str, str] = {}
        if upload.content_type is not None:
            bound["ContentType"] = send["content-type"] = upload.content_type
        if upload.content_length is not None:
            bound["ContentLength"] = upload.content_length  # the browser sends the header by itself
        if upload.sha256 is not None:
            checksum = base64.b64encode(bytes.fromhex(upload.sha256)).decode()
            bound["ChecksumSHA256"] = send["x-amz-checksum-sha256"] = checksum
        if upload.create_only:
            bound["IfNoneMatch"] = send["if-none-match"] = "*"
        return self._signed("PUT", "put_object", upload.key, until, bound, send=send)

    async def sign_download(self, key: str, origin: str, until: float = math.inf) -> SignedRequest:
        return self._signed("GET", "get_object", key, until, {})

    async def delete(self, key: str) -> None:
        try:
            await self._call(self._client.delete_object, **self._at(key))
        except _NotFoundError:
            return  # some stores say so; S3 itself does not

    async def head(self, key: str) -> ObjectInfo | None:
        try:
            found = await self._head_object(key)
        except _NotFoundError:
            return None
        etag = found["ETag"].strip('"')
        return ObjectInfo(found["ContentLength"], etag, _hex_checksum(found), found.get("ContentType"))

    async def create_multipart(self, upload: Upload) -> NewMultipart:
        await self._abort_abandoned()
        fields = {} if upload.content_type is None else {"ContentType": upload.content_type}
        created = await self._call(self._client.create_multipart_upload, **self._at(upload.key), **fields)
        return NewMultipart(created["UploadId"], part_size_for(upload.content_length))

    async def sign_parts(
        self, key: str, upload_id: str, numbers: Sequence[int], origin: str, until: float = math.inf
    ) -> Sequence[SignedRequest]:
        return [
            self._signed("PUT", "upload_part", key, until, {"UploadId": upload_id, "PartNumber": number})
            for number in numbers
        ]

    async def list_parts(self, key: str, upload_id: str) -> Sequence[Part]:
        parts: list[Part] = []
        after = 0
        while True:
            marker = {"PartNumberMarker": after} if after else {}
            page = await self._call(
                self._client.list_parts, **self._at(key), UploadId=upload_id, MaxParts=1000, **marker
            )
            parts += [
                Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"])
                for part in page.get("Parts", [])
            ]
            if not page.get("IsTruncated"):
                return parts
            before, after = after, page.get("NextPartNumberMarker") or 0
            if after <= before:
                raise StoreUnavailableError("the object store's list of parts has no end")

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> str:
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        done = await self._call_in(
            self._joins,
            self._client.complete_multipart_upload,
            **self._at(key),
            UploadId=upload_id,
            MultipartUpload={"Parts": listed},
        )
        return str(done["ETag"]).strip('"')

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        try:
            await self._call(self._client.abort_multipart_upload, **self._at(key), UploadId=upload_id)
        except UnknownUploadError:
            return

    async def close(self) -> None:
        await self._calls.run(self._client.close)
        for threads in (self._calls, self._joins, self._health):
            threads.close()

    async def _head_object(self, key: str) -> Any:
        """What the store says of the object; finds out whether it takes headers about checksums at all."""
        if CHECKSUM not in self.features:
            return await self._call(self._client.head_object, **self._at(key))
        try:
            return await self._call(self._client.head_object, **self._at(key), ChecksumMode="ENABLED")
        except _NotUnderstoodError:
            try:
                found = await self._call(self._client.head_object, **self._at(key))
            except _NotFoundError:
                self._give_up_checksums()
                raise
            self._give_up_checksums()
            return found

    def _give_up_checksums(self) -> None:
        log.warning("the object store refuses x-amz-checksum headers: uploads go without (s3_checksums)")
        self.features -= {CHECKSUM}

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _signed(
        self,
        method: str,
        operation: str,
        key: str,
        until: float,
        fields: Mapping[str, Any],
        *,
        send: Mapping[str, str] | None = None,
    ) -> SignedRequest:
        now = int(time.time())
        lifetime = max(1, int(min(self._lifetime, until - now)))  # SigV4 knows whole seconds from 1 on
        url = self._presigner.generate_presigned_url(
            operation, Params={**self._at(key), **fields}, ExpiresIn=lifetime
        )
        expires_at = datetime.fromtimestamp(now + lifetime, UTC)
        return SignedRequest(method, url, expires_at, dict(send or {}))

    async def _call(self, operation: Callable[..., Any], **fields: Any) -> Any:
        return await self._call_in(self._calls, operation, **fields)

    async def _call_in(self, threads: Threads, operation: Callable[..., Any], **fields: Any) -> Any:
        """Run one call in a thread, with its errors as ours."""
        try:
            return await threads.run(operation, **fields)
        except ClientError as error:
            raise _translated(error) from error
        except BotoCoreError as error:
            raise StoreUnavailableError(
                f"the object store does not answer: {type(error).__name__}"
            ) from error

    async def _abort_abandoned(self) -> None:
        """Abort forgotten uploads, now and then; a lifecycle rule of the bucket does it better."""
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + _SWEEP_INTERVAL
        limit = datetime.now(UTC) - timedelta(seconds=ABANDONED_AFTER)
        try:
            page = await self._call(
                self._client.list_multipart_uploads, Bucket=self._bucket, Prefix=self._prefix
            )
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < limit:
                    key = upload["Key"].removeprefix(self._prefix)
                    await self.abort_multipart(key, upload["UploadId"])
        except ObjectStoreError as error:
            log.warning("abandoned multipart uploads could not be aborted: %s", error)


def _client_config(path_style: bool) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if path_style else "virtual"},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=_CALL_THREADS + _JOIN_THREADS + 1,
        retries={"mode": "standard", "max_attempts": 3},
        # Else newer versions bind a CRC32 of nothing into presigned URLs, which no client can send.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


class _NotFoundError(ObjectStoreError):
    status = 404


class _NotUnderstoodError(ObjectStoreError):
    """The store answered 400 or 501: it does not know a header, or a value."""


def _translated(error: ClientError) -> ObjectStoreError:
    """The store's error as ours, with its own code and words in the message: they say what to change."""
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    words = f"{code or status}: {message}"[:_MAX_WORDS] if message else str(code or status)
    if code == "NoSuchUpload":
        return UnknownUploadError("there is no such upload for this key: it ended, or never began")
    if code in _INVALID_UPLOAD:
        return InvalidUploadError(f"the object store refuses the upload: {words}")
    if code in {"404", "NoSuchKey", "NotFound"}:
        return _NotFoundError("there is no such object")
    if status in {429, 503} or status == 500:
        return StoreUnavailableError(f"the object store is busy: {words}")
    log.error("the object store refuses a call with status %s: %s", status, words)
    kind = _NotUnderstoodError if status in {400, 501} else ObjectStoreError
    return kind(f"the object store refuses the call: {words}")


def _hex_checksum(found: Mapping[str, Any]) -> str | None:
    """The SHA-256 of the whole object, when the store verified one; a multipart object has one of parts
    (`...-3`)."""
    try:
        digest = base64.b64decode(found.get("ChecksumSHA256", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 32 else None
