"""Uploads to the embedded data plane over HTTP: torn, equal, wrong and too large ones; restarts."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.objects.embedded.temporaries import Temporaries, Temporary
from tests.harness.waiting import until
from tests.server.support import (
    BEARER,
    DATA,
    FILES,
    KEY,
    Clock,
    Deployment,
    deployed,
    embedded_app,
    files_left,
    hashed_key,
    sha256,
)

# --- upload -------------------------------------------------------------------------------------------------


async def test_bytes_that_do_not_have_the_hash_of_the_key_are_refused(plane: Deployment) -> None:
    answer = await plane.put(KEY, DATA + b"!")
    assert answer.status_code == 400
    assert "SHA-256" in answer.json()["error"]
    assert files_left(plane.store) == []


async def test_a_wrong_checksum_header_is_refused(plane: Deployment) -> None:
    url = f"{plane.url}{FILES}/store/x"
    good = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    for checksum, status in [
        (good[:-2] + "==", 400),
        ("!", 400),
        (base64.b64encode(bytes(32)).decode(), 400),
        (good, 200),
    ]:
        headers = BEARER | {"x-amz-checksum-sha256": checksum}
        assert (await plane.client.put(url, content=b"x", headers=headers)).status_code == status


async def test_type_and_bytes_change_together(plane: Deployment) -> None:
    await plane.put("store/x", b"one", contentType="text/plain")
    await plane.put("store/x", b"two!", contentType="text/html")
    answer = await plane.get("store/x")
    assert (answer.content, answer.headers["content-type"]) == (b"two!", "text/html")
    assert files_left(plane.store) == [sha256(b"two!")]


async def test_too_large_is_413(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded, max_bytes=1000), embedded) as plane:
        assert (await plane.put("store/x", bytes(1001))).status_code == 413

        async def stream() -> AsyncIterator[bytes]:
            for _ in range(11):
                yield bytes(100)

        answer = await plane.client.put(f"{plane.url}{FILES}/store/x", content=stream(), headers=BEARER)
        assert answer.status_code == 413
        assert (await plane.put("store/x", bytes(1000))).status_code == 200
        assert files_left(embedded) == [sha256(bytes(1000))]


async def test_a_large_body_gets_its_refusal_and_not_a_reset(plane: Deployment) -> None:
    data = os.urandom(8 * 1024**2)
    key = hashed_key(data)
    first = await plane.sign("sign/upload", key=key, sha256=sha256(data))
    assert (await plane.send(first, data)).status_code == 200
    assert (await plane.send(first, data)).status_code == 412
    wrong = dict(first, url=first["url"][:-4] + "0000")
    assert (await plane.send(wrong, data)).status_code == 403


async def test_an_aborted_upload_leaves_nothing(plane: Deployment) -> None:
    store: Any = plane.store
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(300_000)
            started.set()
            await asyncio.sleep(0)

    url = f"{plane.url}{FILES}/store/x"
    upload = asyncio.create_task(plane.client.put(url, content=endless(), headers=BEARER))
    await started.wait()
    await until(
        lambda: any(name.endswith(".part") for name in files_left(store)), "the upload is being written"
    )
    upload.cancel()
    await asyncio.wait([upload])
    await until(lambda: files_left(store) == [], lambda: f"nothing is left: {files_left(store)}")
    assert (await plane.get("store/x")).status_code == 404


async def test_concurrent_equal_uploads_make_one_object(plane: Deployment) -> None:
    data = os.urandom(200_000)
    key = hashed_key(data)
    signed = await plane.sign("sign/upload", key=key, sha256=sha256(data), contentLength=len(data))
    answers = await asyncio.gather(*(plane.send(signed, data) for _ in range(40)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [412] * 39
    assert (await plane.get(key)).content == data
    assert files_left(plane.store) == [sha256(data)]


async def test_equal_bytes_under_two_keys_outlive_the_first_delete(plane: Deployment) -> None:
    await plane.put("a/x", DATA, contentType="text/plain")
    await plane.put("b/y", DATA, contentType="image/png")
    assert files_left(plane.store) == [sha256(DATA)]
    await plane.call("delete", key="a/x")
    answer = await plane.get("b/y")
    assert (answer.content, answer.headers["content-type"]) == (DATA, "image/png")
    await plane.call("delete", key="b/y")
    assert files_left(plane.store) == []


async def test_lost_bytes_count_as_missing_and_can_be_uploaded_again(stored: Deployment) -> None:
    (stored.store.directory.root / "blobs" / sha256(DATA)[:2] / sha256(DATA)).unlink()
    assert await stored.sign("head", key=KEY) == {"exists": False}
    assert (await stored.get(KEY)).status_code == 404
    assert (await stored.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
    assert (await stored.get(KEY)).content == DATA


async def test_a_full_disk_is_507_and_leaves_nothing(
    plane: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Temporary.write

    def full(self: Temporary, data: bytes) -> None:
        if self.size + len(data) > 500_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(Temporary, "write", full)
    answer = await plane.put("store/x", bytes(600_000))
    assert answer.status_code == 507
    assert answer.json()["error"]
    assert files_left(plane.store) == []
    assert (await plane.put("store/x", bytes(400_000))).status_code == 200


# --- restarts -----------------------------------------------------------------------------------------------


async def test_a_restart_keeps_objects_and_sweeps_what_a_crash_left(tmp_path: Path, clock: Clock) -> None:
    first = EmbeddedStore(tmp_path, clock=clock)
    async with deployed(embedded_app(first), first) as plane:
        await plane.put(KEY, DATA, contentType="image/png")
        signed = await plane.sign("sign/download", key=KEY)
    await first.close()
    orphan = tmp_path / "blobs" / "00" / ("00" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"published, but the commit was lost")
    (tmp_path / "tmp" / "dead.0.part").write_bytes(b"half")
    (tmp_path / "tmp" / "dead.alive").touch()
    second = EmbeddedStore(tmp_path, clock=clock)
    assert files_left(second) == [sha256(DATA)]
    assert not (tmp_path / "tmp" / "dead.alive").exists()
    async with deployed(embedded_app(second), second) as plane:
        path = urlsplit(signed["url"])
        again = await plane.client.get(f"{plane.url}{path.path}?{path.query}")
        assert (again.content, again.headers["content-type"]) == (DATA, "image/png")
    await second.close()


def test_a_start_leaves_the_temporaries_of_a_living_neighbour_alone(tmp_path: Path) -> None:
    mine = Temporaries(tmp_path)
    with mine.new() as temporary:
        temporary.write(b"in progress")
        other = Temporaries(tmp_path)
        assert temporary.path.read_bytes() == b"in progress"
        other.close()
    mine.close()
    assert list(tmp_path.glob("*.part")) == []
