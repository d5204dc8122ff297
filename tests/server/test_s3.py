"""The S3 store beyond the contract: what is in a presigned URL, prefixes, expiry, a store that is away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import httpx
import pytest

from filesync_server import Admission, Compose, Quota, Uploaded, create_signer, public_access, token_auth
from filesync_server.command.config import load_settings
from filesync_server.objects.ledger import FIRST_LOOK
from filesync_server.objects.port import (
    CHECKSUM,
    FEATURES,
    InvalidUploadError,
    ObjectStoreError,
    Part,
    StoreUnavailableError,
    UnknownUploadError,
    Upload,
)
from filesync_server.objects.s3 import S3Store
from tests.harness.waiting import until
from tests.server.s3_dialect import PlainStore
from tests.server.s3_server import BUCKET, S3Server
from tests.server.support import DATA, KEY, TIMEOUT, TOKEN, Clock, Deployment, serving, sha256


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def test_what_binds_an_upload_is_a_signed_header_and_not_in_the_query() -> None:
    store = S3Store("bucket", access_key="key", secret_key="secret", lifetime=60)
    signed = await store.sign_upload(Upload("store/x", "image/png", 5, "0" * 64, create_only=True), "")
    found = query(signed.url)
    names = {"content-length", "content-type", "host", "if-none-match", "x-amz-checksum-sha256"}
    assert set(found["X-Amz-SignedHeaders"].split(";")) == names
    assert found["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert found["X-Amz-Expires"] == "60"
    assert not {"x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm"} & {name.lower() for name in found}
    assert set(signed.headers) == names - {"host", "content-length"}
    bare = await store.sign_upload(Upload("store/x"), "")
    assert query(bare.url)["X-Amz-SignedHeaders"] == "host"
    await store.close()


async def test_no_url_is_good_for_longer_than_its_holder_may_do_that() -> None:
    store = S3Store("bucket", access_key="key", secret_key="secret", lifetime=900)
    until = time.time() + 60
    upload = Upload("store/x", None, 5)
    for signed in (
        await store.sign_upload(upload, "", until),
        await store.sign_download("store/x", "", until),
        *await store.sign_parts("store/x", "upload", [1, 2], "", until),
    ):
        assert 50 < int(query(signed.url)["X-Amz-Expires"]) <= 60
        assert signed.expires_at.timestamp() <= until
    late = await store.sign_download("store/x", "", time.time() - 5)
    assert query(late.url)["X-Amz-Expires"] == "1"
    await store.close()


async def test_an_upload_to_s3_is_counted_and_told_of(s3: S3Server, tmp_path: Path, clock: Clock) -> None:
    store, told, quota = s3.store(), list[Uploaded](), Quota(max_bytes=len(DATA))
    admission = Admission(store, tmp_path / "usage", per_store=quota, after_upload=told.append, clock=clock)
    signer = create_signer(store, authenticate=token_auth(TOKEN), admission=admission)
    async with serving(Compose({"/api": signer})) as url, httpx.AsyncClient(timeout=TIMEOUT) as client:
        deployment = Deployment(url, client, store)
        answer = await deployment.put(KEY, DATA, contentType="image/png", contentLength=len(DATA))
        assert answer.status_code == 200
        refused = await deployment.call("sign/upload", key=KEY.replace("0", "1"), contentLength=1)
        assert refused.status_code == 413
        clock.now += FIRST_LOOK
        await admission.look()
        await until(lambda: told, "it is told, by this look or by that of the server")
        assert told == [Uploaded("token", KEY, len(DATA), "image/png")]
    await admission.close()
    await store.close()


@pytest.mark.parametrize("marker", [None, 0, -1, 5])
async def test_a_list_of_parts_without_an_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, marker: int | None
) -> None:
    store = S3Store("bucket", access_key="key", secret_key="secret")
    pages: list[dict[str, Any]] = []

    def list_parts(**asked: Any) -> dict[str, Any]:
        pages.append(asked)
        parts = [{"PartNumber": 5, "ETag": '"e"', "Size": 1}]
        return {"Parts": parts, "IsTruncated": True, "NextPartNumberMarker": marker}

    monkeypatch.setattr(store._client, "list_parts", list_parts)
    with pytest.raises(StoreUnavailableError, match="no end"):
        await store.list_parts("store/x", "upload")
    assert len(pages) <= 2
    await store.close()


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({}, "https://bucket.s3.amazonaws.com/store/x?"),
        ({"path_style": True}, "https://s3.amazonaws.com/bucket/store/x?"),
        ({"endpoint": "https://store.example", "path_style": True}, "https://store.example/bucket/store/x?"),
        ({"endpoint": "https://store.example"}, "https://bucket.store.example/store/x?"),
        ({"prefix": "/a/b/"}, "https://bucket.s3.amazonaws.com/a/b/store/x?"),
    ],
)
async def test_styles_of_address(options: dict[str, object], start: str) -> None:
    store = S3Store("bucket", access_key="key", secret_key="secret", **options)  # type: ignore[arg-type]
    assert (await store.sign_download("store/x", "")).url.startswith(start)
    await store.close()


async def test_a_prefix_is_nobodys_business(s3: S3Server) -> None:
    store = s3.store(prefix="deep/prefix")
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        signed = await store.sign_upload(Upload("store/x"), "")
        assert (await client.put(signed.url, content=b"1")).status_code == 200
    assert s3.client().get_object(Bucket=BUCKET, Key="deep/prefix/store/x")["Body"].read() == b"1"
    found = await store.head("store/x")
    assert found is not None
    assert found.size == 1
    await store.delete("store/x")
    assert await store.head("store/x") is None
    await store.close()


async def test_an_expired_url_is_refused(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = s3.store(lifetime=60)
    past = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=120)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: past)
    signed = await store.sign_upload(Upload("store/late"), "")
    monkeypatch.undo()
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        assert (await client.put(signed.url, content=b"late")).status_code in {400, 403}
    assert await store.head("store/late") is None
    await store.close()


async def test_wrong_keys_are_a_store_that_refuses(s3: S3Server) -> None:
    store = s3.store(secret_key="wrong")
    with pytest.raises(ObjectStoreError):
        await store.check()
    signed = await store.sign_download("store/x", "")
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        assert (await client.get(signed.url)).status_code == 403
    await store.close()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"secret_key": "wrong"}, "its keys or its bucket are wrong"),
        ({"endpoint": "http://127.0.0.1:9"}, "does not answer"),
    ],
)
async def test_health_says_what_is_wrong(s3: S3Server, option: dict[str, str], words: str) -> None:
    store = s3.store(**option)
    async with (
        serving(create_signer(store, authenticate=public_access)) as url,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        answer = await client.get(f"{url}/health")
    assert answer.status_code == 503
    assert words in answer.json()["error"]
    await store.close()


async def test_a_store_that_is_away_is_unavailable() -> None:
    store = S3Store("b", endpoint="http://127.0.0.1:9", access_key="k", secret_key="s", path_style=True)
    with pytest.raises(StoreUnavailableError):
        await store.check()
    await store.close()


async def test_errors_of_multipart_uploads_are_told_apart(s3: S3Server) -> None:
    store = s3.store()
    with pytest.raises(UnknownUploadError):
        await store.list_parts("store/x", "bogus")
    created = await store.create_multipart(Upload("store/x", content_length=10))
    with pytest.raises((InvalidUploadError, UnknownUploadError)):
        await store.complete_multipart("store/x", created.upload_id, [Part(1, "0" * 32)])
    await store.abort_multipart("store/x", created.upload_id)
    await store.close()


async def test_the_part_size_grows_with_the_object(s3: S3Server) -> None:
    store = s3.store()
    for length, size in [(1, 8 * 1024**2), (80 * 1024**3, 16 * 1024**2), (5 * 1024**4, 528 * 1024**2)]:
        created = await store.create_multipart(Upload("store/x", content_length=length))
        assert created.part_size == size
        assert created.part_size * 10_000 >= length
        await store.abort_multipart("store/x", created.upload_id)
    await store.close()


# --- stores that know less ----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def signer_of(plain: PlainStore, **options: Any) -> AsyncIterator[Deployment]:
    """A signer before a store that takes no checksums."""
    async with serving(plain) as endpoint, httpx.AsyncClient(timeout=TIMEOUT) as client:
        keys = {"access_key": "k", "secret_key": "s"}
        store = S3Store(BUCKET, endpoint=endpoint, path_style=True, **keys, **options)
        async with serving(Compose({"/api": create_signer(store, authenticate=token_auth(TOKEN))})) as url:
            yield Deployment(url, client, store)
        await store.close()


@pytest.mark.parametrize("status", [400, 501])
async def test_a_store_without_checksums_is_found_out(status: int) -> None:
    plain = PlainStore(status=status)
    async with signer_of(plain) as signer:
        health = await signer.client.get(f"{signer.url}/api/health")
        assert health.json() == {"status": "ok", "features": ["batch", "head", "multipart"]}
        assert (await signer.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
        assert (await signer.sign("head", key=KEY))["size"] == len(DATA)
        assert await signer.sign("head", key="other/x") == {"exists": False}
    assert plain.refusals == {"HEAD": 1}


async def test_a_head_finds_it_out_before_anybody_asked_for_the_health() -> None:
    plain = PlainStore({f"/{BUCKET}/{KEY}": DATA})
    async with signer_of(plain) as signer:
        assert (await signer.sign("head", key=KEY))["size"] == len(DATA)
        assert (await signer.sign("sign/upload", key=KEY, sha256=sha256(DATA)))["headers"] == {}
    assert plain.refusals == {"HEAD": 1}


async def test_checksums_can_be_left_out_by_a_setting() -> None:
    plain = PlainStore()
    async with signer_of(plain, features=FEATURES - {CHECKSUM}) as signer:
        assert (await signer.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
        assert (await signer.sign("head", key=KEY))["size"] == len(DATA)
    assert not plain.refusals
    settings = load_settings(["--storage", "s3", "--s3-bucket", "b", "--s3-checksums", "false"], {})
    assert settings.s3_checksums is False


async def test_the_stores_own_words_are_shown() -> None:
    async with signer_of(PlainStore()) as signer:
        answer = await signer.call("delete", key=KEY)
        assert answer.status_code == 502
        assert "AccessDenied: This key may not delete" in answer.json()["error"]


async def test_a_key_that_ends_in_a_hash_is_bound_to_it_asked_for_or_not(s3: S3Server) -> None:
    store = s3.store(prefix="bound")
    async with (
        serving(Compose({"/api": create_signer(store, authenticate=token_auth(TOKEN))})) as url,
        httpx.AsyncClient(timeout=TIMEOUT) as client,
    ):
        signer = Deployment(url, client, store)
        signed = await signer.sign("sign/upload", key=KEY)
        assert "x-amz-checksum-sha256" in query(signed["url"])["X-Amz-SignedHeaders"]
        assert "if-none-match" not in signed["headers"], "who does not ask does not know what a 412 means"
        assert (await signer.send(signed, b"wrong bytes")).status_code >= 400
        without = await client.put(signed["url"], content=DATA)
        assert without.status_code >= 400, "the header is signed"
        assert await store.head(KEY) is None
        for _ in range(2):
            assert (await signer.send(signed, DATA)).status_code == 200
        assert (await signer.sign("sign/upload", key="bound/name"))["headers"] == {}
    await store.close()
