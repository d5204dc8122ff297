"""A full disk is 507, also where SQLite meets it; what fits again goes on as before."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.shared.database import Database
from filesync_web.livestore.wire import sync_query
from tests.server.support import TIMEOUT, TOKEN, Deployment, deployed, embedded_app, files_left, serving
from tests.server.sync_client import NONE, event, sync_client


@contextlib.contextmanager
def full(database: Database) -> Iterator[None]:
    """No further page fits into the file: SQLite answers as it does on a full disk."""
    connection = database._writer.sqlite
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.execute("PRAGMA max_page_count = 1000000000")


@pytest.fixture
async def plane(embedded: EmbeddedStore) -> AsyncIterator[Deployment]:
    async with deployed(embedded_app(embedded), embedded) as deployment:
        yield deployment


def fill(database: Database) -> None:
    """Leave no free page that a next row could have."""
    with database.write() as db:
        for number in range(2000):
            db.execute(
                "INSERT INTO objects VALUES (?, ?, 1, NULL)", (f"filler/{number:0>900}", f"{number:0>64}")
            )


async def test_of_the_embedded_store(plane: Deployment, embedded: EmbeddedStore) -> None:
    index = embedded.directory.database
    fill(index)
    with full(index):
        statuses = []
        for number in range(40):
            key = f"store/{number:0>900}"
            statuses.append((await plane.put(key, f"bytes {number}".encode())).status_code)
        assert set(statuses) <= {200, 507}
        assert statuses[-1] == 507, "the index is full"
        created = [await plane.call("multipart/create", key="m" * 1000, contentLength=9) for _ in range(20)]
        assert created[-1].status_code == 507
        assert created[-1].json()["error"]
        uploads = embedded.directory.root / "parts"
        assert len(list(uploads.iterdir())) == [answer.status_code for answer in created].count(200)
        assert (await plane.client.get(f"{plane.url}/api/health")).status_code == 200, "reading works"
    stored = statuses.count(200)
    assert len(files_left(embedded)) == stored, "nothing is left of what did not fit"
    assert (await plane.put("store/again", b"again")).status_code == 200
    assert (await plane.get("store/again")).content == b"again"


async def test_of_the_parts_of_an_upload(plane: Deployment, embedded: EmbeddedStore) -> None:
    index = embedded.directory.database
    created = await plane.sign("multipart/create", key="store/x", contentLength=10_000)
    ids = {"key": "store/x", "uploadId": created["uploadId"]}
    signed = (await plane.sign("multipart/sign", **ids, partNumbers=list(range(1, 81))))["parts"]
    fill(index)
    with full(index):
        statuses = [(await plane.client.put(part["url"], content=b"bytes")).status_code for part in signed]
        assert set(statuses) == {200, 507}
        assert len(files_left(embedded)) == statuses.count(200)
        first = await plane.client.put(signed[0]["url"], content=b"bytes")
        assert first.status_code in {200, 507}
        assert len(files_left(embedded)) == statuses.count(200), "what was there stays"


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[tuple[str, Database]]:
    """A sync backend, and the file of its logs."""
    storage = SqliteStorage(tmp_path / "sync.sqlite")
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url:
        yield url, storage._database
    await hub.close()


async def test_of_the_event_logs(logs: tuple[str, Database]) -> None:
    url, database = logs
    async with sync_client(url) as client:
        assert (await client.pushed(event(1)))["_tag"] == "Success"
        with full(database):
            await client.push(event(2, args="x" * 800_000))
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
    query = sync_query("store", {"authToken": TOKEN}).replace("transport=ws", "transport=http")
    payload = {"storeId": "store", "batch": [event(2, args="x" * 800_000)], "backendId": NONE}
    request = {"_tag": "Request", "id": "1", "tag": "SyncHttpRpc.Push", "payload": payload}
    async with httpx.AsyncClient(timeout=TIMEOUT) as http:
        with full(database):
            refused = await http.post(f"{url}/sync?{query}", json=request)
        assert refused.status_code == 507
        assert refused.headers["content-type"].startswith("text/plain")
        answer = await http.post(f"{url}/sync?{query}", json=request)
        assert answer.json()[0]["exit"]["_tag"] == "Success"
    async with sync_client(url) as client:
        assert [pulled["seqNum"] for pulled in (await client.pull_all())[1]] == [1, 2]


def test_a_commit_that_fails_leaves_the_file_usable(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", "CREATE TABLE IF NOT EXISTS t (x)")
    with full(database):
        for _ in range(3):
            with pytest.raises(OSError, match="full"), database.write() as db:
                db.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    with database.write() as db:
        db.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    with database.read() as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (1,)
    database.close()


LIMITED = """
import resource, sys
from pathlib import Path
from filesync_server.shared.database import Database
from filesync_server.shared.disk import is_full

database = Database(Path(sys.argv[1]), "CREATE TABLE IF NOT EXISTS t (x)")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
try:
    with database.write() as db:
        db.execute("INSERT INTO t VALUES (?)", ("x" * 300_000,))
except OSError as error:
    sys.exit(0 if is_full(error) else 1)
"""


def test_a_limit_on_the_size_of_files_is_no_other_error(tmp_path: Path) -> None:
    """As a quota, which SQLite does not call a full disk."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "x.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
