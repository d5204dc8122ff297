"""Damaged bytes in the embedded store: they are not said to be there, and make room for the right ones."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest

from filesync_server.command import admin
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.objects.embedded.integrity import _SMALL_BYTES, BlobVerifier, has_its_hash
from tests.server.support import DATA, KEY, Clock, Deployment, files_left, sha256


def blob(store: EmbeddedStore, data: bytes) -> Path:
    return store.directory.root / "blobs" / sha256(data)[:2] / sha256(data)


def flip_a_bit(path: Path) -> None:
    """As a disk does it: size and time stay."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(7)
        byte = file.read(1)[0]
        file.seek(7)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


async def test_a_damaged_object_is_not_there_and_can_be_uploaded_again(stored: Deployment) -> None:
    assert (await stored.sign("head", key=KEY))["exists"] is True
    assert (await stored.put(KEY, DATA, sha256=sha256(DATA))).status_code == 412
    flip_a_bit(blob(stored.store, DATA))
    assert await stored.sign("head", key=KEY) == {"exists": False}
    assert (await stored.get(KEY)).status_code == 404
    assert (await stored.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
    assert (await stored.get(KEY)).content == DATA
    assert (await stored.sign("head", key=KEY))["exists"] is True
    assert len(list((stored.store.directory.root / "damaged").iterdir())) == 1, "for whoever wants to look"
    assert files_left(stored.store) == [sha256(DATA)]


async def test_an_upload_heals_what_nobody_asked_about(stored: Deployment) -> None:
    """The 412 is said of intact bytes only, also before anybody asked for the head."""
    flip_a_bit(blob(stored.store, DATA))
    assert (await stored.put(KEY, DATA, sha256=sha256(DATA))).status_code == 200
    assert (await stored.get(KEY)).content == DATA


async def test_all_keys_of_damaged_bytes_miss_them(stored: Deployment) -> None:
    assert (await stored.put("other/name", DATA)).status_code == 200
    flip_a_bit(blob(stored.store, DATA))
    assert await stored.sign("head", key="other/name") == {"exists": False}
    assert await stored.sign("head", key=KEY) == {"exists": False}
    assert (await stored.put("third/name", DATA)).status_code == 200
    assert (await stored.sign("head", key=KEY))["exists"] is True, "equal contents are stored once"


async def test_a_multipart_upload_heals_as_well(stored: Deployment) -> None:
    flip_a_bit(blob(stored.store, DATA))
    created = await stored.sign("multipart/create", key=KEY, contentLength=len(DATA))
    ids = {"key": KEY, "uploadId": created["uploadId"]}
    (part,) = (await stored.sign("multipart/sign", **ids, partNumbers=[1]))["parts"]
    etag = (await stored.client.put(part["url"], content=DATA)).headers["etag"]
    await stored.sign("multipart/complete", **ids, parts=[{"partNumber": 1, "etag": etag}])
    assert (await stored.sign("head", key=KEY))["exists"] is True
    assert (await stored.get(KEY)).content == DATA


def test_a_large_blob_is_believed_while_it_looks_the_same(tmp_path: Path) -> None:
    data = bytes(_SMALL_BYTES + 1)
    path = tmp_path / sha256(data)
    path.write_bytes(data)
    clock = Clock()
    verifier = BlobVerifier(clock)
    assert verifier.is_intact(path)
    flip_a_bit(path)
    assert not verifier.is_intact(path), "the file was written to"
    path.write_bytes(data)
    assert verifier.is_intact(path)
    verifier._intact = {path: (_look(path), clock() + 600)}
    flip_a_bit(path)
    verifier._intact = {path: (_look(path), clock() + 600)}  # as when the disk itself forgets
    assert verifier.is_intact(path)
    clock.now += 600
    assert not verifier.is_intact(path), "after a while it is read again"


def _look(path: Path) -> tuple[int, int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def test_what_the_disk_cannot_read_is_damaged(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(DATA)
    link = tmp_path / sha256(DATA)
    link.symlink_to(real)
    assert not has_its_hash(link)
    with pytest.raises(FileNotFoundError):
        has_its_hash(tmp_path / "nothing")


async def test_the_admin_command_verifies_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"FILESYNC_DATA": str(tmp_path)}

    async def verify() -> tuple[int, list[str]]:
        target = io.BytesIO()  # the command has a loop of its own
        code = await asyncio.to_thread(admin.main, ["verify"], environment, io.BytesIO(), target)
        return code, target.getvalue().decode().splitlines()

    assert (await verify())[0] == 1
    assert "does not exist" in capsys.readouterr().err
    store = EmbeddedStore(tmp_path / "objects")
    try:
        for key, data in [("a", b"one"), ("b", b"two"), ("c", b"two"), ("d", b"three")]:
            with store.directory.temporaries.new() as temporary:
                temporary.write(data)
                store.directory.publish(temporary, key, None)
        assert await verify() == (0, [])
        blob(store, b"two").write_bytes(b"twX")
        blob(store, b"three").unlink()
        code, lines = await verify()
        assert (code, sorted(lines)) == (1, ["damaged\tb", "damaged\tc", "missing\td"])
        assert "3 objects are not intact" in capsys.readouterr().err
        code, lines = await verify()
        assert (code, sorted(lines)) == (1, ["missing\tb", "missing\tc", "missing\td"]), "it was set aside"
        assert await store.head("b") is None
        assert await store.head("a") is not None
    finally:
        await store.close()


def test_only_the_embedded_store_can_be_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {
        "FILESYNC_DATA": str(tmp_path),
        "FILESYNC_STORAGE": "s3",
        "FILESYNC_S3_BUCKET": "b",
    }
    assert admin.main(["verify"], environment, io.BytesIO(), io.BytesIO()) == 2
    assert "storage = s3" in capsys.readouterr().err
