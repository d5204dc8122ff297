"""`filesync-server admin` on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from filesync_server.command import admin
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.sync.postgres import PostgresStorage
from filesync_server.sync.sqlite import SqliteStorage
from filesync_server.sync.storage import AdminStorage, Log, Page
from filesync_web.livestore.messages import Event

T = TypeVar("T")


@dataclass
class Deployment:
    """A server's settings, as environment variables."""

    environment: dict[str, str]

    def run(self, *arguments: str, source: bytes = b"") -> bytes:
        """What a command that succeeds writes."""
        target = io.BytesIO()
        assert admin.main(arguments, self.environment, io.BytesIO(source), target) == 0
        return target.getvalue()

    def fails(self, *arguments: str, source: bytes = b"") -> bool:
        return admin.main(arguments, self.environment, io.BytesIO(source), io.BytesIO()) == 1

    def use(self, work: Callable[[AdminStorage], Awaitable[T]]) -> T:
        """Work with the logs as a server does."""

        async def opened() -> T:
            storage: AdminStorage
            if url := self.environment.get("FILESYNC_SYNC_DATABASE"):
                storage = PostgresStorage(url)
            else:
                storage = SqliteStorage(Path(self.environment["FILESYNC_DATA"]) / "sync.sqlite")
            try:
                return await work(storage)
            finally:
                await storage.close()

        return asyncio.run(opened())

    def append(self, store_id: str, *numbers: int, args: Any = "ü\ud83d\0") -> None:
        async def append(storage: AdminStorage) -> None:
            for number in numbers:
                event = Event("v1.Test", args, number, number - 1, "clientA", "sessionA")
                await storage.append(store_id, [event], None)

        self.use(append)

    def logs(self) -> dict[str, Log]:
        return dict(self.use(lambda storage: storage.logs()))

    def page(self, store_id: str) -> Page:
        page = self.use(lambda storage: storage.read(store_id, 0, None))
        assert isinstance(page, Page)
        return page


Deploy = Callable[[str], Deployment]


@pytest.fixture
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Deploy:
    def make(kind: str) -> Deployment:
        environment = {"FILESYNC_DATA": str(tmp_path / kind)}
        if kind == "postgres":
            server = request.getfixturevalue("postgres")
            environment["FILESYNC_SYNC_DATABASE"] = asyncio.run(server.new_database())
        return Deployment(environment)

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def logs(request: pytest.FixtureRequest, deploy: Deploy) -> Deployment:
    return deploy(request.param)


def test_list(logs: Deployment) -> None:
    logs.append("b ü", 1, 2, 3)
    logs.append("a", 1)
    found = logs.logs()
    lines = logs.run("list").decode().splitlines()
    expected = [("a", 1), ("b ü", 3)]
    assert lines == [
        f"{name}\t{n}\t{n}\t{found[name].created_at}\t{found[name].backend_id}" for name, n in expected
    ]


def test_an_export_is_one_line_a_log_and_one_an_event(logs: Deployment) -> None:
    logs.append("s", *range(1, 251))
    log = logs.logs()["s"]
    header, *events = map(json.loads, logs.run("export", "s").splitlines())
    assert header == {
        "format": "filesync-event-log",
        "version": 1,
        "storeId": "s",
        "backendId": log.backend_id,
        "head": 250,
        "length": 250,
        "createdAt": log.created_at,
    }
    assert [line["event"]["seqNum"] for line in events] == list(range(1, 251))
    assert events[0] == {
        "createdAt": logs.page("s").events[0].created_at,
        "event": {
            "name": "v1.Test",
            "args": "ü\ud83d\0",
            "seqNum": 1,
            "parentSeqNum": 0,
            "clientId": "clientA",
            "sessionId": "sessionA",
        },
    }


@pytest.mark.parametrize("way", [("sqlite", "postgres"), ("postgres", "sqlite")])
def test_a_log_moves_to_the_other_storage_as_it_is(deploy: Deploy, way: tuple[str, str]) -> None:
    source, target = map(deploy, way)
    source.append("s", *range(1, 151))
    target.run("import", "--keep-backend-id", source=source.run("export", "s"))
    assert target.logs() == source.logs()
    assert target.page("s") == source.page("s")
    assert target.run("export", "s") == source.run("export", "s")
    target.append("s", 151)
    assert target.logs()["s"].head == 151


def test_a_restored_log_gets_an_identity_of_its_own(logs: Deployment) -> None:
    logs.append("s", 1, 2)
    exported, before = logs.run("export", "s"), logs.logs()["s"]
    logs.append("s", 3)
    assert logs.fails("import", source=exported)
    assert logs.logs()["s"].length == 3
    logs.run("import", "--replace", source=exported)
    logs.run("import", "--store", "copy", source=exported)
    found = logs.logs()
    assert {(log.head, log.length) for log in found.values()} == {(2, 2)}
    assert len({before.backend_id, found["s"].backend_id, found["copy"].backend_id}) == 3
    assert logs.page("s").events == logs.page("copy").events


NESTED = b"[" * 2000 + b"]" * 2000


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [],
        lambda lines: lines[1:],
        lambda lines: lines[:-1],
        lambda lines: [*lines[:-1], lines[-1][:-5]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0].replace(b'"version":1', b'"version":2'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"storeId":"s"', b'"storeId":"\\n"'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"head":5', b'"head":"5"'), *lines[1:]],
        lambda lines: [*lines[:3], lines[3].replace(b'"name"', b'"nome"'), *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b'"createdAt"', b'"at"'), *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b'"args":"', b'"args":"' + b"x" * 900_000), *lines[4:]],
        lambda lines: [*lines[:3], b"[]", *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b'"args":', b'"args":' + NESTED + b',"x":'), *lines[4:]],
        lambda lines: [*lines[:3], b'"\xff"', *lines[4:]],
        lambda lines: [lines[0].replace(b'"head":5', b'"head":true'), *lines[1:]],
        lambda lines: [lines[0].replace(b'"head":5', b'"head":1' + b"0" * 40), *lines[1:]],
        lambda lines: [lines[0].replace(b'"length":5', b'"length":-5'), *lines[1:]],
        lambda lines: [*lines[:3], b" " * 20_000_000 + lines[3], *lines[4:]],
        lambda lines: [lines[0].replace(b'"createdAt":"', b'"createdAt":"' + b"x" * 300), *lines[1:]],
        lambda lines: [lines[0].replace(b'"backendId":"', b'"backendId":"' + b"x" * 300), *lines[1:]],
        lambda lines: [
            *lines[:3],
            lines[3].replace(b'"createdAt":"', b'"createdAt":"' + b"x" * 300),
            *lines[4:],
        ],
        lambda lines: [
            lines[0].replace(b'"head":5', b'"head":9007199254740991'),
            *lines[1:5],
            lines[5].replace(b'"seqNum":5', b'"seqNum":9007199254740991'),
        ],
    ],
)
def test_a_damaged_file_changes_nothing(
    deploy: Deploy, damage: Callable[[list[bytes]], list[bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    logs = deploy("sqlite")
    logs.append("s", *range(1, 6))
    before = logs.page("s")
    lines = damage(logs.run("export", "s").splitlines())
    assert logs.fails("import", "--replace", source=b"\n".join(lines))
    assert capsys.readouterr().err.startswith("filesync-server admin: ")
    assert logs.page("s") == before


def test_compact_keeps_every_event_and_frees_space(deploy: Deploy) -> None:
    logs = deploy("sqlite")
    logs.append("s", 1)
    small = logs.run("export", "s")
    logs.append("s", *range(2, 12), args="x" * 100_000)
    logs.append("t", 1, 2)
    logs.run("import", "--replace", source=small)
    before = logs.logs(), logs.page("s"), logs.page("t")
    file = Path(logs.environment["FILESYNC_DATA"]) / "sync.sqlite"
    size = file.stat().st_size
    logs.run("compact")
    assert file.stat().st_size < size / 10
    assert (logs.logs(), logs.page("s"), logs.page("t")) == before


def test_what_is_not_there_is_said_and_not_made(logs: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    if "FILESYNC_SYNC_DATABASE" not in logs.environment:
        for command in (["list"], ["export", "s"], ["compact"]):
            assert logs.fails(*command)
            assert "sync.sqlite does not exist" in capsys.readouterr().err
    logs.append("t", 1)
    for name in ("s", "\n", "x" * 300, "\udc80"):
        assert logs.fails("export", name)
        assert "there is no store" in capsys.readouterr().err
    assert set(logs.logs()) == {"t"}


def test_it_is_a_command(deploy: Deploy, tmp_path: Path) -> None:
    """Through the shell, as an administrator does it."""
    source = deploy("sqlite")
    source.append("s", *range(1, 4))
    command = f"{sys.executable} -m filesync_server admin"
    script = f"{command} export s --data {tmp_path / 'sqlite'} | {command} import --data {tmp_path / 'other'}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script} && {command} list --data {tmp_path / 'other'}"],
        capture_output=True,
        env=os.environ,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"s\t3\t3\t")
    for arguments, code in [(["export"], 2), (["list", "--data", str(tmp_path / "none")], 1), (["x"], 2)]:
        bad = subprocess.run([*command.split(), *arguments], capture_output=True, check=False)
        assert bad.returncode == code
        assert bad.stderr
        assert b"Traceback" not in bad.stderr


async def _stored(folder: Path, *contents: bytes) -> None:
    """Objects in the data directory, each under its number."""
    store = EmbeddedStore(folder / "objects")
    for number, data in enumerate(contents):
        with store.directory.temporaries.new() as temporary:
            temporary.write(data)
            store.directory.publish(temporary, f"notes/{number}", "text/plain")
    await store.close()


def test_a_backup_is_a_data_directory_with_everything(logs: Deployment, tmp_path: Path) -> None:
    data = Path(logs.environment["FILESYNC_DATA"])
    asyncio.run(_stored(data, b"one", b"two", b"two"))
    with sqlite3.connect(data / "usage.sqlite") as usage:
        usage.execute("CREATE TABLE counted (bytes)")
    usage.close()
    logs.append("notes", *range(1, 251))
    logs.append("other", 1)
    assert logs.run("backup", str(tmp_path / "copy")) == b""
    copy = Deployment({"FILESYNC_DATA": str(tmp_path / "copy")})
    assert copy.run("verify") == b""
    assert [line.split()[:2] for line in copy.run("list").splitlines()] == [
        [b"notes", b"250"],
        [b"other", b"1"],
    ]
    with sqlite3.connect(tmp_path / "copy" / "usage.sqlite") as usage:
        assert usage.execute("SELECT name FROM sqlite_master").fetchall() == [("counted",)]
    usage.close()
    mine, theirs = (logs.run("export", "notes"), copy.run("export", "notes"))
    assert mine.splitlines()[1:] == theirs.splitlines()[1:]
    assert json.loads(mine.splitlines()[0])["backendId"] != json.loads(theirs.splitlines()[0])["backendId"]
    assert (tmp_path / "copy" / "objects" / "url-secret").read_bytes() == (
        data / "objects" / "url-secret"
    ).read_bytes()
    private = [path for path in (tmp_path / "copy").rglob("*") if path.stat().st_mode & 0o077]
    assert private == [], "only its owner may read it"
    assert logs.fails("backup", str(tmp_path / "copy")), "it exists"


def test_a_backup_says_what_it_could_not_copy(
    deploy: Deploy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sqlite = deploy("sqlite")
    data = Path(sqlite.environment["FILESYNC_DATA"])
    asyncio.run(_stored(data, b"one", b"two", b"three"))
    sqlite.append("notes", 1)
    for content, damage in [(b"two", b"twX"), (b"three", None)]:
        name = hashlib.sha256(content).hexdigest()
        blob = data / "objects" / "blobs" / name[:2] / name
        blob.unlink() if damage is None else blob.write_bytes(damage)
    target = io.BytesIO()
    copy = tmp_path / "copy"
    assert admin.main(["backup", str(copy)], sqlite.environment, io.BytesIO(), target) == 1
    assert sorted(target.getvalue().splitlines()) == [b"damaged\tnotes/1", b"missing\tnotes/2"]
    assert "2 objects are not intact" in capsys.readouterr().err
    assert Deployment({"FILESYNC_DATA": str(copy)}).run("verify") == b"", "what is there is whole"


def test_a_log_that_lacks_an_event_is_found(logs: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_stored(Path(logs.environment["FILESYNC_DATA"])))
    logs.append("notes", 1, 2, 3)
    logs.append("whole", 1, 2)
    assert logs.run("verify") == b""

    async def drop(storage: AdminStorage) -> None:
        if isinstance(storage, SqliteStorage):
            with storage._database.write() as db:
                db.execute("DELETE FROM events WHERE store_id = 'notes' AND seq_num = 2")
        else:
            connection = await asyncpg.connect(logs.environment["FILESYNC_SYNC_DATABASE"])
            await connection.execute("DELETE FROM filesync_events WHERE store_id = 'notes' AND seq_num = 2")
            await connection.close()

    logs.use(drop)
    target = io.BytesIO()
    assert admin.main(["verify"], logs.environment, io.BytesIO(), target) == 1
    assert target.getvalue() == b"broken\tnotes\n"
    assert "1 event logs are not whole" in capsys.readouterr().err
