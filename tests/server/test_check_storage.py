"""`filesync-server check-storage` against a real S3 server, and against one that can do less."""

from __future__ import annotations

import io
from typing import Any

import pytest

from filesync_server.command import check_storage
from filesync_server.objects.port import Upload
from filesync_server.objects.s3 import S3Store
from tests.server.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server

KEYS = {"FILESYNC_S3_ACCESS_KEY": ACCESS_KEY, "FILESYNC_S3_SECRET_KEY": SECRET_KEY}


def checked(s3: S3Server, **changed: str) -> tuple[int, dict[str, str], str]:
    """The exit code, the results by probe, and the whole table."""
    settings = {"FILESYNC_STORAGE": "s3", "FILESYNC_S3_BUCKET": BUCKET, "FILESYNC_S3_PATH_STYLE": "true"}
    settings |= {"FILESYNC_S3_ENDPOINT": s3.endpoint, "FILESYNC_S3_PREFIX": "checked"} | KEYS | changed
    target = io.StringIO()
    code = check_storage.main([], settings, target)
    table = target.getvalue()
    return code, {line[:28].strip(): line[28:].split()[0] for line in table.splitlines()}, table


@pytest.mark.thorough
def test_a_store_that_can_do_everything_but_show_errors_to_pages(s3: S3Server) -> None:
    code, results, table = checked(s3)
    assert results.pop("CORS on errors") == "no", "Swift does not; see docs/server.md"
    assert set(results.values()) == {"ok"}, table
    assert code == 0
    assert len(results) == 12
    assert not list_of(s3), "nothing is left"


def list_of(s3: S3Server) -> list[Any]:
    store = s3.store()
    try:
        return store._client.list_objects_v2(Bucket=BUCKET, Prefix="checked/").get("Contents", [])
    finally:
        store._client.close()


def test_wrong_keys_and_buckets_are_told(s3: S3Server) -> None:
    code, results, table = checked(s3, FILESYNC_S3_SECRET_KEY="wrong")
    assert code == 1
    assert results["put"] == "NO"
    assert "403" in table
    assert "wrong" not in table.replace("wrong bytes", "")


@pytest.mark.thorough
def test_a_store_that_takes_any_bytes_is_found_out(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = S3Store.sign_upload

    async def unbound(store: S3Store, upload: Upload, *rest: Any) -> Any:
        return await sign(store, Upload(upload.key, upload.content_type), *rest)

    monkeypatch.setattr(S3Store, "sign_upload", unbound)
    code, results, table = checked(s3)
    assert results["wrong bytes refused"] == results["If-None-Match on put"] == "no"
    assert "s3_checksums" in table
    assert code == 0, "neither is needed"


def test_it_needs_a_bucket() -> None:
    errors = io.StringIO()
    assert check_storage.main([], {}, io.StringIO(), errors) == 2
    assert "storage = s3" in errors.getvalue()
