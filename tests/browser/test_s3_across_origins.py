"""A page on one origin, the signer on a second, and a real S3 server, which verifies, on a third.

The S3 server is OpenStack Swift. It verifies signatures, expiry, checksums and conditions and answers
preflights by itself; the small proxy before it (`s3_front`) lets pages read its refusals, and can change
bytes under way. The tests share two pages, of different profiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.controlled_page import fetch
from tests.browser.s3_front import S3Front
from tests.harness import ServerProcess, open_python_page, run_python
from tests.server.deployments import reference_signer
from tests.server.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server
from tests.server.support import TOKEN as REFERENCE_TOKEN

SYNC_TOKEN = "dev-token-change-in-production"
TOKEN = "the-token-of-the-signer"
PREFIX = "/livestore-filesync-files/"

OPEN = """
global asyncio, fs, js, store, sync, files, seen, until
import asyncio, js, filesync_web as fs
files = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=files.tables, events=files.events, materializers=files.create_materializers(files.tables)
)
store = await fs.open_store(
    schema, store_id=store_id, sync=fs.SyncOptions(url="/sync", auth_token=sync_token)
)
remote = fs.SignerConfig(base_url=signer, auth_token=token)
sync = await fs.create_file_sync(store, remote=remote, retry=fs.RetryPolicy(base=0.05))
seen = []
sync.on_event(lambda event: seen.append([event.type, event.file_id, event.error]))

async def until(query, holds, seconds=40):
    found = asyncio.get_running_loop().create_future()
    def look(rows):
        if holds(rows) and not found.done():
            found.set_result(rows)
    unsubscribe = store.subscribe(query, look)
    look(store.query(query))
    try:
        return await asyncio.wait_for(found, seconds)
    finally:
        unsubscribe()
"""

CLOSE = """
if client := globals().pop("sync", None):
    await client.dispose()
    await store.close()
"""

SAVE = """
buffer = js.Uint8Array.new(size)
for start in range(0, size, 65536):
    js.crypto.getRandomValues(buffer.subarray(start, min(size, start + 65536)))
blob = js.File.new([buffer], "picture.png", type="image/png")
result = await sync.save_file(blob)
return [result.file_id, result.content_hash]
"""

# The rows of one file and what was said of it, once its upload has come to that end.
UPLOADED = """
query = files.tables.local_file_state.where(file_id=file_id)
row = (await until(query, lambda rows: rows and rows[0].upload_status in ends))[0]
record = store.query(files.tables.files.where(id=file_id))[0]
return {
    "status": str(row.upload_status),
    "error": row.last_sync_error,
    "remote_key": record.remote_key,
    "events": [[kind, error] for kind, of, error in seen if of == file_id and kind != "upload:progress"],
}
"""


DOWNLOADED = """
query = files.tables.local_file_state.where(file_id=file_id)
return (await until(query, lambda rows: rows and rows[0].local_hash))[0].local_hash
"""

DELETE = """
await sync.delete_file(file_id)
await until(files.tables.remote_deletes, lambda rows: not rows)
return None
"""


class Cloud:
    """The signer and the S3 server behind its front."""

    def __init__(self, front: S3Front, signer: ServerProcess, client: Any) -> None:
        self.front = front
        self.signer = f"{signer.url}/api"
        self._client = client

    def object(self, key: str) -> bytes | None:
        """The object in the store, seen by another client."""
        listed = self._client.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
        if not listed:
            return None
        return bytes(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def presign(self, operation: str, key: str, *, secret_key: str = SECRET_KEY, age: float = 0.0) -> str:
        """A URL as a signer with that secret key made it `age` seconds ago; it was good for a minute."""
        client = S3Server(self.front.url).client(secret_key=secret_key)
        now = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=age)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(botocore.auth, "get_current_datetime", lambda: now)
            params = {"Bucket": BUCKET, "Key": key}
            url: str = client.generate_presigned_url(operation, Params=params, ExpiresIn=60)
        return url


@pytest.fixture(scope="module")
def cloud(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with s3_server(tmp_path_factory.mktemp("s3")) as s3:
        front = S3Front(s3.endpoint)
        front.start()
        settings = {"STORAGE": "s3", "S3_BUCKET": BUCKET, "S3_ENDPOINT": front.url, "S3_PATH_STYLE": "true"}
        settings |= {"S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY, "AUTH_TOKEN": TOKEN}
        settings |= {"ALLOWED_ORIGINS": server.url}
        environment = {f"FILESYNC_{name}": value for name, value in settings.items()}
        signer = ServerProcess(server.site, tmp_path_factory.mktemp("signer"), **environment)
        signer.start()
        yield Cloud(front, signer, s3.client())
        signer.stop()
        front.stop()


def open_client(page: Page, signer: str, store_id: str, token: str = TOKEN) -> None:
    """Open a client in the page; one that is open there is closed."""
    run_python(page, CLOSE)
    run_python(page, OPEN, store_id=store_id, sync_token=SYNC_TOKEN, signer=signer, token=token)


@pytest.fixture(scope="module")
def module_pages(new_module_context: Callable[..., BrowserContext]) -> list[Page]:
    return [open_python_page(new_module_context()) for _ in range(2)]


@pytest.fixture
def here(module_pages: list[Page], cloud: Cloud, store_id: str) -> Page:
    """A page with an open client of the test's own store."""
    open_client(module_pages[0], cloud.signer, store_id)
    return module_pages[0]


@pytest.fixture
def there(module_pages: list[Page]) -> Page:
    """A page of another browser profile, without a client."""
    run_python(module_pages[1], CLOSE)
    return module_pages[1]


def save(page: Page, size: int) -> tuple[str, str]:
    file_id, content_hash = run_python(page, SAVE, size=size)
    return file_id, content_hash


def uploaded(page: Page, file_id: str, *ends: str) -> dict[str, Any]:
    answer: dict[str, Any] = run_python(page, UPLOADED, file_id=file_id, ends=ends or ("done",), timeout=60)
    return answer


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_upload_range_download_and_delete(here: Page, there: Page, cloud: Cloud, store_id: str) -> None:
    file_id, content_hash = save(here, 300_000)
    answer = uploaded(here, file_id)
    key = f"{store_id}/{content_hash}"
    assert (answer["status"], answer["remote_key"]) == ("done", key)
    assert [kind for kind, _ in answer["events"]] == ["upload:start", "upload:complete"]
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash
    assert cloud.front.statuses("OPTIONS", key) == [200], "the upload had a preflight"

    register = """
import filesync_web as fs
await fs.register_file_sync_service_worker(signer_base_url=signer, headers=headers)
return None
"""
    run_python(there, register, signer=cloud.signer, headers={"Authorization": f"Bearer {TOKEN}"})
    part = fetch(there, PREFIX + key, Range="bytes=1000-1999")
    assert (part.status, part.body, part.headers["x-source"]) == (206, content[1000:2000], "remote")
    assert part.headers["content-range"] == "bytes 1000-1999/300000"
    assert cloud.front.statuses("GET", key) == [206]

    open_client(there, cloud.signer, store_id)
    code = """
await until(files.tables.local_file_state, lambda rows: any(row.local_hash == h for row in rows))
blob = await sync.read_file(file_id)
served = await js.fetch(url)
return [blob.type, blob.size, (await blob.bytes()).to_bytes() == (await served.bytes()).to_bytes()]
"""
    mime_type, size, same = run_python(there, code, h=content_hash, file_id=file_id, url=PREFIX + key)
    assert (mime_type, size, same) == ("image/png", 300_000, True)

    run_python(there, DELETE, file_id=file_id)
    assert cloud.object(key) is None


def test_multipart_upload(here: Page, cloud: Cloud, store_id: str) -> None:
    file_id, content_hash = save(here, 17 * 1024**2)
    key = f"{store_id}/{content_hash}"
    assert uploaded(here, file_id)["remote_key"] == key
    assert cloud.front.statuses("PUT", key) == [200, 200, 200], "three parts"
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash


def sign_otherwise(page: Page, call: str, sign: Callable[[str], str], *, times: int) -> list[str]:
    """Give the page the URL of `sign` instead of the signer's, so many times; the keys are listed."""
    keys: list[str] = []

    def handle(route: Route) -> None:
        keys.append(route.request.post_data_json["key"])
        route.fulfill(response=route.fetch(), json={"method": "PUT", "url": sign(keys[-1]), "expiresAt": ""})

    page.context.route(f"**/api/v1/sign/{call}", handle, times=times)
    return keys


def test_an_expired_url_is_signed_again(here: Page, there: Page, cloud: Cloud, store_id: str) -> None:
    open_client(there, cloud.signer, store_id)
    put = sign_otherwise(here, "upload", lambda key: cloud.presign("put_object", key, age=120), times=1)
    get = sign_otherwise(there, "download", lambda key: cloud.presign("get_object", key, age=120), times=1)
    file_id, content_hash = save(here, 50_000)
    answer = uploaded(here, file_id)
    assert (answer["status"], answer["error"]) == ("done", "")
    assert [kind for kind, _ in answer["events"]] == ["upload:start", "upload:complete"], "one attempt"
    (key,) = put
    assert cloud.front.statuses("PUT", key) == [403, 200]
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash
    assert run_python(there, DOWNLOADED, file_id=file_id) == content_hash
    assert get == [key]
    assert cloud.front.statuses("GET", key) == [403, 200]


def test_bytes_that_change_under_way_are_refused_and_sent_again(here: Page, cloud: Cloud) -> None:
    cloud.front.tamper = 2
    file_id, content_hash = save(here, 50_000)
    answer = uploaded(here, file_id)
    key = answer["remote_key"]
    assert cloud.front.statuses("PUT", key) == [400, 400, 200]
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash
    errors = [error for kind, error in answer["events"] if kind == "upload:error"]
    assert len(errors) == 2
    assert all("changed on the way" in error for error in errors)
    assert (answer["status"], answer["error"]) == ("done", "")


def test_wrong_keys_are_said_plainly_and_the_file_goes_up_later(here: Page, cloud: Cloud) -> None:
    def sign(key: str) -> str:
        return cloud.presign("put_object", key, secret_key="wrong")

    keys = sign_otherwise(here, "upload", sign, times=2)
    file_id, content_hash = save(here, 50_000)
    answer = uploaded(here, file_id, "error")
    assert "the object store does not accept the signer's keys (SignatureDoesNotMatch)" in answer["error"]
    assert answer["remote_key"] == ""
    assert cloud.front.statuses("PUT", keys[0]) == [403, 403]
    assert cloud.object(keys[0]) is None
    assert run_python(here, "await sync.retry_errors()") == [file_id]
    assert uploaded(here, file_id)["remote_key"] == keys[0]
    assert cloud.object(keys[0]) is not None
    assert content_hash in keys[0]


def test_a_token_that_the_signer_refuses(here: Page, cloud: Cloud, store_id: str) -> None:
    open_client(here, cloud.signer, store_id, token="wrong")
    file_id, content_hash = save(here, 1000)
    answer = uploaded(here, file_id, "error")
    assert "the token was refused" in answer["error"]
    assert cloud.front.statuses("PUT", content_hash) == []


@pytest.mark.parametrize("over_s3", [True, False], ids=["s3-signer", "r2"])
def test_the_signers_of_livestore_filesync(
    here: Page,
    there: Page,
    cloud: Cloud,
    tmp_path_factory: pytest.TempPathFactory,
    store_id: str,
    over_s3: bool,
) -> None:
    s3 = S3Server(cloud.front.url) if over_s3 else None
    with reference_signer(tmp_path_factory.mktemp("signer"), s3) as signer:
        for page in (here, there):
            open_client(page, f"{signer.url}/api", store_id, token=REFERENCE_TOKEN)
        file_id, content_hash = save(here, 50_000)
        answer = uploaded(here, file_id)
        key = answer["remote_key"]
        assert (answer["status"], answer["error"], key) == ("done", "", f"{store_id}/{content_hash}")
        assert run_python(there, DOWNLOADED, file_id=file_id) == content_hash
        run_python(there, DELETE, file_id=file_id)
        if over_s3:
            assert cloud.front.statuses("PUT", key) == [200]
            assert cloud.object(key) is None
