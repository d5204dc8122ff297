"""Hooks and quotas through the parts: each way to upload, what is shown, and what a user is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import filesync_web as fs
from filesync_server import (
    ALL_RIGHTS,
    Admission,
    Compose,
    EmbeddedStore,
    Hub,
    Identity,
    Quota,
    Uploaded,
    create_data_plane,
    create_signer,
    create_sync_backend,
    token_auth,
)
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES as FILE_TABLES
from tests.server.support import (
    BEARER,
    DATA,
    FILES,
    KEY,
    TIMEOUT,
    TOKEN,
    Clock,
    Deployment,
    hashed_key,
    serving,
)

ANN = Identity("ann", {"ann": ALL_RIGHTS, "store": ALL_RIGHTS})


@pytest.fixture
def serve(embedded: EmbeddedStore, hub: Hub, clock: Clock, tmp_path: Path) -> Any:
    """Serves all parts with an admission of these options."""

    @asynccontextmanager
    async def serve(**options: Any) -> AsyncIterator[Deployment]:
        admission = Admission(embedded, tmp_path / "usage.sqlite", clock=clock, **options)
        shared: Any = {"authenticate": token_auth({TOKEN: ANN}), "admission": admission}
        app = Compose(
            {
                "/api": create_signer(embedded, **shared),
                FILES: create_data_plane(embedded, **shared),
                "/sync": create_sync_backend(hub, authenticate=shared["authenticate"]),
            }
        )
        async with serving(app) as url, httpx.AsyncClient(timeout=TIMEOUT) as http:
            yield Deployment(url, http, embedded)
        await admission.close()

    return serve


def client(url: str, folder: Path) -> AbstractAsyncContextManager[tuple[fs.Store, fs.FileSync]]:
    return native_client(
        folder, store_id="store", sync_url=f"{url}/sync", signer_url=f"{url}/api", token=TOKEN
    )


async def test_each_way_to_upload_is_admitted_counted_and_told(serve: Any) -> None:
    told: list[Uploaded] = []
    async with serve(per_store=Quota(max_bytes=3000, max_files=3), after_upload=told.append) as deployment:
        direct, parts = f"{deployment.url}{FILES}/store/direct", hashed_key(b"in parts")
        assert (
            await deployment.put(KEY, DATA, contentType="a/b", contentLength=len(DATA))
        ).status_code == 200
        answer = await deployment.client.put(direct, content=b"direct", headers=BEARER)
        assert answer.status_code == 200
        upload = await deployment.sign("multipart/create", key=parts, contentLength=8)
        asked = {"key": parts, "uploadId": upload["uploadId"]}
        (signed,) = (await deployment.sign("multipart/sign", **asked, partNumbers=[1]))["parts"]
        etag = (await deployment.send(signed, b"in parts")).headers["etag"]
        done = await deployment.call("multipart/complete", **asked, parts=[{"partNumber": 1, "etag": etag}])
        assert done.status_code == 200
        assert [(item.key, item.size, item.content_type) for item in told] == [
            (KEY, len(DATA), "a/b"),
            ("store/direct", 6, None),
            (parts, 8, None),
        ]
        left = "there is no room"
        for refusal in (
            await deployment.call("sign/upload", key="store/x", contentLength=1),
            await deployment.call("multipart/create", key="store/x", contentLength=1),
            await deployment.client.put(f"{direct}2", content=b"x", headers=BEARER),
        ):
            assert (refusal.status_code, refusal.json()["error"][: len(left)]) == (413, left)
        batch = [{"op": "upload", "key": f"{store}/x", "contentLength": 1} for store in ("store", "ann")]
        results = (await deployment.call("batch", requests=batch)).json()["results"]
        assert [result["status"] for result in results] == [413, 200]


async def test_usage_is_shown_to_who_may_read_the_store(serve: Any) -> None:
    async with serve(per_store=Quota(max_bytes=3000), per_identity=Quota(max_files=9)) as deployment:
        await deployment.put(KEY, DATA, contentLength=len(DATA))
        url = f"{deployment.url}/api/v1/usage"
        answer = await deployment.client.get(url, params={"store": "store"}, headers=BEARER)
        limits = {"bytes": len(DATA), "files": 1}
        assert answer.json() == {
            "identity": {"name": "ann", **limits, "maxBytes": None, "maxFiles": 9},
            "store": {"id": "store", **limits, "maxBytes": 3000, "maxFiles": None},
        }
        assert set((await deployment.client.get(url, headers=BEARER)).json()) == {"identity"}
        for params, headers, status in [({"store": "bob"}, BEARER, 403), ({}, {}, 401)]:
            assert (await deployment.client.get(url, params=params, headers=headers)).status_code == status
        assert "usage" in (await deployment.client.get(f"{deployment.url}/api/health")).json()["features"]


async def test_without_an_admission_nothing_is_counted(plane: Deployment) -> None:
    assert (await plane.client.get(f"{plane.url}/api/v1/usage", headers=BEARER)).status_code == 404
    assert "usage" not in (await plane.client.get(f"{plane.url}/api/health")).json()["features"]


async def test_why_an_upload_was_refused_reaches_the_user(serve: Any, tmp_path: Path) -> None:
    def before(_identity: Identity, _key: str, size: int, _type: str | None) -> str | None:
        return "larger than your plan allows" if size > 1000 else None

    async with (
        serve(per_store=Quota(max_bytes=1500), before_upload=before) as deployment,
        client(deployment.url, tmp_path / "client") as (store, files),
    ):
        state = FILE_TABLES.tables.local_file_state

        def errors() -> list[str]:
            return [row.last_sync_error for row in store.query(state) if row.last_sync_error]

        await files.save_file(b"x" * 1001)
        (error,) = await until(errors, "it is refused")
        assert "larger than your plan allows" in error
        for byte in (b"y", b"z"):
            await files.save_file(byte * 1000)
        await until(lambda: len(errors()) == 2, "one of both finds no room")
        (error,) = (error for error in errors() if "plan" not in error)
        assert "500 of 1500 bytes left" in error


async def test_a_client_shows_what_the_server_counts(serve: Any, tmp_path: Path) -> None:
    async with (
        serve(per_store=Quota(max_bytes=1500), per_identity=Quota(max_files=9)) as deployment,
        client(deployment.url, tmp_path / "client") as (_, files),
    ):
        await files.save_file(b"x" * 1000)
        await files.wait_until_synced()
        status = await files.storage_status()
        assert status.remote == fs.RemoteUsage(fs.Usage(1000, 1, 1500, None), fs.Usage(1000, 1, None, 9))
