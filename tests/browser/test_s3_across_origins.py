"""A page on one origin, the signer on a second, and a real S3 server, which verifies, on a third.

The S3 server is OpenStack Swift. It verifies signatures, expiry, checksums and conditions and answers
preflights by itself; the small proxy before it (`s3_front`) lets pages read its refusals, and can change
bytes under way. The tests share two pages, of different profiles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from playwright.sync_api import BrowserContext, Route

from tests.browser.controlled_page import fetch
from tests.browser.s3_front import S3Front
from tests.harness import PyodidePage, ServerProcess, open_pyodide_page, run_in_pyodide
from tests.server.deployments import reference_signer
from tests.server.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server
from tests.server.support import TOKEN as REFERENCE_TOKEN

TOKEN = "the-token-of-the-signer"
PREFIX = "/livestore-filesync-files/"
NO_BODIES = "Playwright has no bodies of the requests that Firefox makes"


@run_in_pyodide
async def open_client(selenium: PyodidePage, signer: str, store_id: str, token: str = TOKEN) -> None:
    """Open a client in the page; one that is open there is closed."""
    import filesync_web as fs
    from tests.in_page import kept
    from tests.in_page.client import close_client, open_client

    await close_client()
    _, sync = await open_client(store_id, signer=signer, signer_token=token, retry=fs.RetryPolicy(base=0.05))
    kept.events = []
    sync.on_event(kept.events.append)


@run_in_pyodide
async def close_client(selenium: PyodidePage) -> None:
    from tests.in_page.client import close_client

    await close_client()


@run_in_pyodide
async def save(selenium: PyodidePage, size: int) -> tuple[str, str]:
    """Save a picture of noise; its id and hash."""
    import js

    from tests.in_page import kept

    buffer = js.Uint8Array.new(size)
    for start in range(0, size, 65536):
        js.crypto.getRandomValues(buffer.subarray(start, min(size, start + 65536)))
    saved = await kept.sync.save_file(js.File.new([buffer], "picture.png", type="image/png"))
    return saved.file_id, saved.content_hash


@run_in_pyodide
async def uploaded(selenium: PyodidePage, file_id: str, end: str = "done") -> dict[str, Any]:
    """The rows of one file and what was said of it, once its upload has come to that end; the end is said
    when the rows are written."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    last = {"done": ("upload:complete",), "error": ("upload:error", "transfer:exhausted")}[end]

    def said() -> list[tuple[str, str | None]]:
        of_file = [event for event in kept.events if event.file_id == file_id]
        return [(event.type, event.error) for event in of_file if event.type != "upload:progress"]

    def ended() -> Any:
        rows = kept.store.query(FILES.tables.local_file_state.where(file_id=file_id))
        has_ended = rows and rows[0].upload_status == end and said() and said()[-1][0] in last
        return rows[0] if has_ended else None

    row = await until(ended, lambda: f"the upload ends with {end}: {said()}", timeout=40)
    record = kept.store.query(FILES.tables.files.where(id=file_id))[0]
    return {"error": row.last_sync_error, "remote_key": record.remote_key, "events": said()}


@run_in_pyodide
async def downloaded(selenium: PyodidePage, file_id: str) -> str:
    """The hash of the copy of a file, as soon as there is one."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    def local_hash() -> str:
        rows = kept.store.query(FILES.tables.local_file_state.where(file_id=file_id))
        return rows[0].local_hash if rows else ""

    return await until(local_hash, "the file is here", timeout=40)


@run_in_pyodide
async def delete(selenium: PyodidePage, file_id: str) -> None:
    """Delete a file, here and in the object store."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    await kept.sync.delete_file(file_id, purge=True)
    await until(lambda: not kept.store.query(FILES.tables.remote_deletes), "it is deleted", timeout=40)


@run_in_pyodide
async def register(selenium: PyodidePage, signer: str, token: str = TOKEN) -> None:
    """Register the service worker."""
    import filesync_web as fs

    headers = {"Authorization": f"Bearer {token}"}
    await fs.register_file_sync_service_worker(signer_base_url=signer, headers=headers)


@run_in_pyodide
async def assert_read_and_served(selenium: PyodidePage, file_id: str, url: str, size: int) -> None:
    """What `read_file` gives is what the service worker serves."""
    import js

    from tests.in_page import kept

    blob = await kept.sync.read_file(file_id)
    assert (blob.type, blob.size) == ("image/png", size)
    served = await js.fetch(url)
    assert (await blob.bytes()).to_bytes() == (await served.bytes()).to_bytes()


@run_in_pyodide
async def retry_errors(selenium: PyodidePage) -> list[str]:
    from tests.in_page import kept

    retried: list[str] = await kept.sync.retry_errors()
    return retried


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


@pytest.fixture(scope="module")
def module_pages(new_module_context: Callable[..., BrowserContext]) -> list[PyodidePage]:
    return [open_pyodide_page(new_module_context()) for _ in range(2)]


@pytest.fixture
def here(module_pages: list[PyodidePage], cloud: Cloud, store_id: str) -> PyodidePage:
    """A page with an open client of the test's own store."""
    open_client(module_pages[0], cloud.signer, store_id)
    return module_pages[0]


@pytest.fixture
def there(module_pages: list[PyodidePage]) -> PyodidePage:
    """A page of another browser profile, without a client."""
    close_client(module_pages[1])
    return module_pages[1]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_upload_range_download_and_delete(
    here: PyodidePage, there: PyodidePage, cloud: Cloud, store_id: str
) -> None:
    file_id, content_hash = save(here, 300_000)
    answer = uploaded(here, file_id)
    key = f"{store_id}/{content_hash}"
    assert answer["remote_key"] == key
    assert [kind for kind, _ in answer["events"]] == ["upload:start", "upload:complete"]
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash
    assert cloud.front.statuses("OPTIONS", key) == [200], "the upload had a preflight"

    register(there, cloud.signer)
    part = fetch(there.driver, PREFIX + key, Range="bytes=1000-1999")
    assert (part.status, part.body, part.headers["x-source"]) == (206, content[1000:2000], "remote")
    assert part.headers["content-range"] == "bytes 1000-1999/300000"
    assert cloud.front.statuses("GET", key) == [206]

    open_client(there, cloud.signer, store_id)
    assert downloaded(there, file_id) == content_hash
    assert_read_and_served(there, file_id, PREFIX + key, 300_000)

    delete(there, file_id)
    assert cloud.object(key) is None


def test_multipart_upload(here: PyodidePage, cloud: Cloud, store_id: str) -> None:
    file_id, content_hash = save(here, 17 * 1024**2)
    key = f"{store_id}/{content_hash}"
    assert uploaded(here, file_id)["remote_key"] == key
    assert cloud.front.statuses("PUT", key) == [200, 200, 200], "three parts"
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash


def sign_otherwise(page: PyodidePage, call: str, sign: Callable[[str], str], *, times: int) -> list[str]:
    """Give the page the URL of `sign` instead of the signer's, so many times; the keys are listed."""
    keys: list[str] = []

    def handle(route: Route) -> None:
        keys.append(json.loads(route.request.post_data or "")["key"])
        route.fulfill(response=route.fetch(), json={"method": "PUT", "url": sign(keys[-1]), "expiresAt": ""})

    page.context.route(f"**/api/v1/sign/{call}", handle, times=times)
    return keys


@pytest.mark.only_in("chromium", reason=NO_BODIES)
def test_an_expired_url_is_signed_again(
    here: PyodidePage, there: PyodidePage, cloud: Cloud, store_id: str
) -> None:
    open_client(there, cloud.signer, store_id)
    put = sign_otherwise(here, "upload", lambda key: cloud.presign("put_object", key, age=120), times=1)
    get = sign_otherwise(there, "download", lambda key: cloud.presign("get_object", key, age=120), times=1)
    file_id, content_hash = save(here, 50_000)
    answer = uploaded(here, file_id)
    assert answer["error"] == ""
    assert [kind for kind, _ in answer["events"]] == ["upload:start", "upload:complete"], "one attempt"
    (key,) = put
    assert cloud.front.statuses("PUT", key) == [403, 200]
    content = cloud.object(key)
    assert content is not None
    assert sha256(content) == content_hash
    assert downloaded(there, file_id) == content_hash
    assert get == [key]
    assert cloud.front.statuses("GET", key) == [403, 200]


def test_bytes_that_change_under_way_are_refused_and_sent_again(here: PyodidePage, cloud: Cloud) -> None:
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
    assert answer["error"] == ""


@pytest.mark.only_in("chromium", reason=NO_BODIES)
def test_wrong_keys_are_said_plainly_and_the_file_goes_up_later(here: PyodidePage, cloud: Cloud) -> None:
    def sign(key: str) -> str:
        return cloud.presign("put_object", key, secret_key="wrong")

    keys = sign_otherwise(here, "upload", sign, times=2)
    file_id, content_hash = save(here, 50_000)
    answer = uploaded(here, file_id, "error")
    assert "the object store does not accept the signer's keys" in answer["error"]
    assert "(SignatureDoesNotMatch: " in answer["error"]
    assert answer["remote_key"] == ""
    assert cloud.front.statuses("PUT", keys[0]) == [403, 403]
    assert cloud.object(keys[0]) is None
    assert retry_errors(here) == [file_id]
    assert uploaded(here, file_id)["remote_key"] == keys[0]
    assert cloud.object(keys[0]) is not None
    assert content_hash in keys[0]


def test_a_token_that_the_signer_refuses(here: PyodidePage, cloud: Cloud, store_id: str) -> None:
    open_client(here, cloud.signer, store_id, token="wrong")
    file_id, content_hash = save(here, 1000)
    answer = uploaded(here, file_id, "error")
    assert "the token was refused" in answer["error"]
    assert cloud.front.statuses("PUT", content_hash) == []


@pytest.mark.thorough
@pytest.mark.parametrize("over_s3", [True, False], ids=["s3-signer", "r2"])
def test_the_signers_of_livestore_filesync(
    here: PyodidePage,
    there: PyodidePage,
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
        assert (answer["error"], key) == ("", f"{store_id}/{content_hash}")
        assert downloaded(there, file_id) == content_hash
        delete(there, file_id)
        if over_s3:
            assert cloud.front.statuses("PUT", key) == [200]
            assert cloud.object(key) is None
