"""What is on disk is nobody else's: folders are 0700 and files 0600, whoever makes them first."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from filesync_server.command import admin
from filesync_server.command.main import main
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.shared.database import Database
from filesync_server.sync import SqliteStorage
from tests.server.support import TIMEOUT, TOKEN, Clock, Deployment, deployed, embedded_app
from tests.server.test_command import running


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """What most systems have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Everything in the folder, and itself, that others may use."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077]


async def use(plane: Deployment) -> None:
    """Make an object, and a part of another."""
    assert (await plane.put("a/b", b"bytes")).status_code == 200
    created = await plane.sign("multipart/create", key="a/c", contentLength=6)
    signed = await plane.sign("multipart/sign", key="a/c", uploadId=created["uploadId"], partNumbers=[1])
    assert (await plane.client.put(signed["parts"][0]["url"], content=b"part")).status_code == 200


async def test_of_the_command(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    environment = os.environ | {"FILESYNC_AUTH_TOKEN": TOKEN}
    async with running(data, environment=environment) as server, httpx.AsyncClient(timeout=TIMEOUT) as client:
        await use(Deployment(server.url, client))
        assert open_to_others(data) == []
        assert {path.name for path in data.iterdir()} >= {"objects", "sync.sqlite", "sync.lock"}
        assert len([*data.glob("objects/parts/*/*"), *data.glob("objects/blobs/*/*")]) == 2


async def test_of_the_parts_in_another_app(tmp_path: Path, clock: Clock) -> None:
    store = EmbeddedStore(tmp_path / "objects", clock=clock)
    storage = SqliteStorage(tmp_path / "logs" / "sync.sqlite")
    async with deployed(embedded_app(store), store) as plane:
        await use(plane)
        await storage.read("store", 0, None)
        assert open_to_others(tmp_path / "objects") == []
        assert open_to_others(tmp_path / "logs") == []
    await store.close()
    await storage.close()


def test_of_the_admin_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    header = b'{"format":"filesync-event-log","version":1,"storeId":"s","backendId":"b","head":0,"length":0,'
    archive = io.BytesIO(header + b'"createdAt":"2027-01-15T08:00:00.000Z"}\n')
    assert admin.main(["import"], {"FILESYNC_DATA": str(data)}, archive, io.BytesIO()) == 0
    assert open_to_others(data) == []


async def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path, clock: Clock) -> None:
    root = tmp_path / "objects"
    await EmbeddedStore(root, clock=clock).close()
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    root.chmod(0o755)
    store = EmbeddedStore(root, clock=clock)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700, "so nobody gets to what is inside"
    await store.close()
    path = tmp_path / "old.sqlite"
    path.touch()
    path.chmod(0o644)
    Database(path, "CREATE TABLE IF NOT EXISTS t (x)").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("secret", [b"", b"short", bytes(31)])
def test_a_secret_that_was_emptied_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, secret: bytes
) -> None:
    """Whoever knows that it is empty could sign URLs."""
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "url-secret").write_bytes(secret)
    with pytest.raises(OSError, match="url-secret has"):
        EmbeddedStore(objects)
    assert main(["--data", str(tmp_path), "--port", "0"]) == 1
    assert "url-secret has" in caplog.text
    assert (objects / "url-secret").read_bytes() == secret, "an administrator decides"
