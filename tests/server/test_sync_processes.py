"""Two real `filesync-server` processes on one real PostgreSQL, with the kit's own clients before them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from filesync_server.command.config import DEVELOPMENT_TOKEN
from filesync_server.sync.postgres import PostgresStorage
from filesync_web import Store, SyncOptions, event, integer, make_schema, open_store, table, text
from filesync_web.livestore.messages import PulledEvent
from tests.harness.waiting import until
from tests.server.balancer import balancing
from tests.server.postgres_server import PostgresServer
from tests.server.sync_client import event as wire_event
from tests.server.sync_client import sync_client
from tests.server.test_command import running

TALLIES = table("tallies", {"id": text(primary_key=True), "seen": integer()})
COUNTED = event("v1.Counted", {"id": text()})
COUNT = "INSERT INTO tallies VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET seen = seen + 1"
SCHEMA = make_schema(
    tables={"tallies": TALLIES}, events={"counted": COUNTED}, materializers={"v1.Counted": COUNT}
)


async def test_no_event_is_lost_or_doubled_when_a_process_is_killed(
    database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    await _kill_one_of_two(database, postgres, tmp_path, clients=5, events=300, timeout=100)


@pytest.mark.soak(minutes=6)
async def test_twenty_clients_lose_and_double_nothing_when_a_process_is_killed(
    database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Two processes on PostgreSQL, 20 clients, 5,000 events, one process killed in the middle."""
    await _kill_one_of_two(database, postgres, tmp_path, clients=20, events=5000, timeout=1000)


async def _kill_one_of_two(
    database: str, postgres: PostgresServer, folder: Path, *, clients: int, events: int, timeout: float
) -> None:
    environment = os.environ | {"FILESYNC_SYNC_DATABASE": database}
    wanted = {f"{client}/{number}" for client in range(clients) for number in range(events // clients)}
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one, two = [await enter(running(folder / name, environment=environment)) for name in ("one", "two")]
        url, balancer = await enter(balancing(one.url, two.url))
        sync = SyncOptions(f"{url}/sync", auth_token=DEVELOPMENT_TOKEN)
        stores = [
            await open_store(SCHEMA, store_id="shared", sync=sync, data_dir=folder / f"client{number}")
            for number in range(clients)
        ]
        for store in stores:
            stack.push_async_callback(store.close)

        killed = asyncio.Event()

        async def write(number: int, store: Store) -> None:
            own = sorted(name for name in wanted if name.startswith(f"{number}/"))
            for start in range(0, len(own), 3):
                if start > 0.7 * len(own):
                    await killed.wait()  # however slow this machine is, not all is said before
                await store.commit(*(COUNTED(id=name) for name in own[start : start + 3]))

        await until(
            lambda: all(store.sync_status.connected for store in stores),
            "all clients are connected",
            timeout=timeout,
        )
        writing = [asyncio.create_task(write(number, store)) for number, store in enumerate(stores)]

        async def has_begun() -> bool:
            return await _stored(postgres, database) >= events * 0.4

        await until(has_begun, "two in five events are stored", timeout=timeout)
        assert await _stored(postgres, database) < events, "all was said before the kill"
        assert min(balancer.served[one.url], balancer.served[two.url]) >= clients // 2
        await one.end(signal.SIGKILL)
        killed.set()
        await asyncio.gather(*writing)

        def is_done(store: Store) -> bool:
            (found,) = store.query("SELECT count(*) AS known FROM tallies")
            return bool(found.known == events and store.sync_status.pending == 0)

        await until(lambda: all(map(is_done, stores)), "every client has every event", timeout=timeout)
        for store in stores:
            assert {(row.id, row.seen) for row in store.query(TALLIES)} == {(name, 1) for name in wanted}
        assert balancer.served[two.url] >= clients, "the clients of the killed process came to the other"
    log = await _log(database)
    assert [pulled.event.seq_num for pulled in log] == list(range(1, events + 1))
    assert [pulled.event.parent_seq_num for pulled in log] == list(range(events))
    assert Counter(pulled.event.args["id"] for pulled in log) == Counter(wanted)


async def _stored(postgres: PostgresServer, database: str) -> int:
    rows = await postgres.execute("SELECT head FROM filesync_stores WHERE id = 'shared'", url=database)
    return rows[0]["head"] if rows else 0


async def _log(database: str) -> list[PulledEvent]:
    storage = PostgresStorage(database)
    found: list[PulledEvent] = []
    remaining = 1
    while remaining:
        page = await storage.read("shared", found[-1].event.seq_num if found else 0, None)
        found += page.events  # type: ignore[union-attr]
        remaining = page.remaining  # type: ignore[union-attr]
    await storage.close()
    return found


async def test_a_restart_keeps_everything_and_the_password_is_not_shown(
    database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'sync_database = "{database}"\n')
    flags = ["--config", str(config), "--log-level", "debug"]
    for head in (0, 1):
        async with (
            running(tmp_path / "data", *flags) as server,
            sync_client(server.url, token=DEVELOPMENT_TOKEN) as client,
        ):
            assert (await client.pushed(wire_event(head + 1)))["_tag"] == "Success"
            assert len((await client.pull_all())[1]) == head + 1
            assert await server.end(signal.SIGTERM) == 0
        assert postgres.password not in "".join(server.lines)
    assert not (tmp_path / "data" / "sync.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("postgresql://filesync:very-secret@127.0.0.1:{port}/postgres", 1, "password authentication failed"),
        ("postgresql://filesync:very-secret@127.0.0.1:1/postgres", 1, "cannot be used"),
        ("mysql://filesync:very-secret@127.0.0.1/x", 2, "sync_database"),
        ("postgresql://filesync:very-secret/x@127.0.0.1/x", 2, "percent-encode"),
    ],
)
async def test_it_says_why_the_database_cannot_be_used(
    tmp_path: Path, postgres: PostgresServer, url: str, code: int, words: str
) -> None:
    command = [sys.executable, "-m", "filesync_server", "--port", "0", "--data", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"FILESYNC_SYNC_DATABASE": url.format(port=postgres.port)},
    )
    _, errors = await process.communicate()
    assert process.returncode == code
    assert words in errors.decode()
    assert "Traceback" not in errors.decode()
    assert "very-secret" not in errors.decode()
