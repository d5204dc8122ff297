"""A server that is busy answers that it is well: slow work keeps nobody waiting but who asked for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from filesync_server import Compose, create_signer, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.objects.embedded.multipart import MultipartDirectory
from filesync_server.objects.embedded.temporaries import Temporary
from filesync_server.objects.port import Part
from filesync_server.objects.s3 import S3Store
from tests.harness.waiting import until
from tests.server.support import KEY, TIMEOUT, TOKEN, Deployment, deployed

MANY = 40
"""More than any pool has threads."""


class Gate:
    """Keeps threads until it is opened, and counts those that wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = threading.Event()

    def wait(self, *_: Any, **__: Any) -> None:
        self.waiting += 1
        assert self._open.wait(2 * TIMEOUT)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


async def is_well(plane: Deployment) -> None:
    """Health is asked anew, and so are the index and an object's bytes."""
    async with asyncio.timeout(TIMEOUT):
        answer = await plane.client.get(f"{plane.url}/api/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_joining_large_uploads(stored: Deployment, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = MultipartDirectory.complete

    def slowly(self: MultipartDirectory, key: str, upload_id: str, wanted: list[Part]) -> Any:
        gate.wait()
        return complete(self, key, upload_id, wanted)

    monkeypatch.setattr(MultipartDirectory, "complete", slowly)
    created = await stored.sign("multipart/create", key="store/x", contentLength=4)
    ids = {"key": "store/x", "uploadId": created["uploadId"]}
    (part,) = (await stored.sign("multipart/sign", **ids, partNumbers=[1]))["parts"]
    etag = (await stored.client.put(part["url"], content=b"data")).headers["etag"]
    parts = [{"partNumber": 1, "etag": etag}]
    joining = [
        asyncio.create_task(stored.call("multipart/complete", **ids, parts=parts)) for _ in range(MANY)
    ]
    await until(lambda: gate.waiting, "an upload is being joined")
    await is_well(stored)
    assert (await stored.get(KEY)).status_code == 200
    assert (await stored.put("store/y", b"other")).status_code == 200
    gate.open()
    statuses = [answer.status_code for answer in await asyncio.gather(*joining)]
    assert statuses.count(200) >= 1
    assert set(statuses) <= {200, 404}, "who came later finds the upload ended"


async def test_a_slow_disk(stored: Deployment, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Temporary, "write", lambda self, data: gate.wait())
    monkeypatch.setattr(Temporary, "sync", gate.wait)
    writing = [asyncio.create_task(stored.put(f"slow/{number}", b"x")) for number in range(MANY)]
    await until(lambda: gate.waiting >= 10, "uploads wait for the disk")
    await is_well(stored)
    assert (await stored.sign("head", key="store/nothing")) == {"exists": False}
    for task in writing:
        task.cancel()
    gate.open()
    await asyncio.gather(*writing, return_exceptions=True)


async def test_a_slow_commit(stored: Deployment, gate: Gate) -> None:
    """While one writes to the index, others read it."""
    store: EmbeddedStore = stored.store

    def hold() -> None:
        with store.directory.database.write():
            gate.wait()

    writing = asyncio.create_task(store.files.run(hold))
    await until(lambda: gate.waiting, "somebody writes")
    await is_well(stored)
    assert (await stored.get(KEY)).status_code == 200
    gate.open()
    await writing


@pytest.fixture
async def s3_signer(gate: Gate) -> AsyncIterator[Deployment]:
    """A signer whose store answers nothing but that it is well."""
    store = S3Store("b", endpoint="http://127.0.0.1:9", access_key="k", secret_key="s", path_style=True)

    class Client:
        """Of botocore: every call of it hangs."""

        def __getattr__(self, name: str) -> Any:
            if name == "close":
                return lambda: None
            if name == "head_bucket":
                return lambda **_: {}
            return gate.wait

    store._client = Client()
    store._is_probed = True
    async with deployed(
        Compose({"/api": create_signer(store, authenticate=token_auth(TOKEN))}), store
    ) as signer:
        yield signer


async def test_a_slow_object_store(s3_signer: Deployment, gate: Gate) -> None:
    calls = [asyncio.create_task(s3_signer.call("delete", key=f"a/{number}")) for number in range(MANY)]
    await until(lambda: gate.waiting >= 10, "calls wait for the store")
    await is_well(s3_signer)
    gate.open()
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {204}
    await s3_signer.store.close()
