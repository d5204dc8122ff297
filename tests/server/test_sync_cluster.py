"""Several server processes on one PostgreSQL: here as several hubs, each with its own connections."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from filesync_server import Compose, Hub, create_sync_backend, token_auth
from filesync_server.sync import postgres_listener
from filesync_server.sync.postgres import PostgresStorage
from filesync_server.sync.storage import Log, OnAppend, StorageError
from tests.harness.waiting import until
from tests.server.postgres_server import PostgresServer
from tests.server.support import TOKEN, serving
from tests.server.sync_client import SyncClient, event, numbers, sync_client

END_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'filesync-server listener'"
)
LISTENERS = END_LISTENERS.replace("pg_terminate_backend(pid)", "pid")


class _Storage(PostgresStorage):
    """Counts how often the hub looks for what others appended, and can be kept from hearing of it."""

    looks = 0
    unreachable = False
    deaf = False

    def watch(self, on_append: OnAppend) -> None:
        if not self.deaf:
            super().watch(on_append)

    async def logs(self, store_ids: Collection[str] | None = None) -> Mapping[str, Log]:
        found = await super().logs(store_ids)
        self.looks += 1
        return found

    async def _connect(self, name: str) -> Any:
        if self.unreachable:
            raise ConnectionRefusedError("the test says no")
        return await super()._connect(name)


@contextlib.asynccontextmanager
async def server_process(database: str) -> AsyncIterator[tuple[str, _Storage]]:
    storage = _Storage(database)
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    try:
        async with serving(Compose({"/sync": sync})) as url:
            yield url, storage
    finally:
        await hub.close()


@contextlib.asynccontextmanager
async def live_reader(url: str) -> AsyncIterator[SyncClient]:
    async with sync_client(url) as client:
        await client.pull()
        assert numbers(await client.receive()) == []
        yield client


async def test_a_push_at_one_process_reaches_the_clients_of_the_other(database: str) -> None:
    async with (
        server_process(database) as (one, _),
        server_process(database) as (other, _),
        live_reader(one) as reader,
        sync_client(other) as pusher,
    ):
        for start in (1, 3, 5):
            await pusher.pushed(event(start), event(start + 1))
            assert numbers(await reader.receive()) == [start, start + 1]


async def test_pushes_at_both_are_one_log_in_one_order(database: str) -> None:
    async with (
        server_process(database) as (one, _),
        server_process(database) as (other, _),
        live_reader(one) as first,
        live_reader(other) as second,
    ):

        async def write(url: str) -> None:
            head, done = 0, 0
            async with sync_client(url) as client:
                while done < 10:
                    exit_ = await client.pushed(event(head + 1, args=url))
                    if exit_["_tag"] == "Success":
                        head, done = head + 1, done + 1
                    else:
                        head = exit_["cause"]["error"]["minimumExpectedNum"]

        await asyncio.gather(*(write(url) for url in (one, other, one, other)))
        for reader in (first, second):
            got: list[int] = []
            while len(got) < 40:
                got += numbers(await reader.receive())
            assert got == list(range(1, 41))


async def test_a_rejected_pusher_gets_what_it_lacks_without_any_notification(database: str) -> None:
    async with server_process(database) as (one, storage), server_process(database) as (other, _):
        storage.deaf = True
        async with live_reader(one) as behind, sync_client(other) as pusher:
            await pusher.pushed(event(1))
            exit_ = await behind.pushed(event(1, args="mine"))
            assert exit_["cause"]["error"]["_tag"] == "ServerAheadError"
            assert [numbers(message) for message in behind.early] == [[1]]
            # And what is appended here goes out behind what was missed.
            await pusher.pushed(event(2))
            async with sync_client(one) as third:
                assert (await third.pushed(event(3)))["_tag"] == "Success"
            assert numbers(await behind.receive()) == [2, 3]


async def test_a_lost_listener_loses_nothing(database: str, postgres: PostgresServer) -> None:
    async with (
        server_process(database) as (one, storage),
        server_process(database) as (other, _),
        live_reader(one) as reader,
        sync_client(other) as pusher,
    ):
        await until(
            lambda: storage.looks >= 2, "it knows the room's head, and looked when it began to listen"
        )
        await _both_listen(postgres, database)
        storage.unreachable = True
        assert len(await postgres.execute(END_LISTENERS, url=database)) == 2
        looks = storage.looks
        await until(lambda: storage.looks > looks, "it has noticed that the listener is lost")
        await pusher.pushed(event(1), event(2))
        assert numbers(await reader.receive()) == [1, 2]
        storage.unreachable = False
        await _both_listen(postgres, database)
        await pusher.pushed(event(3))
        assert numbers(await reader.receive()) == [3]


async def _both_listen(postgres: PostgresServer, database: str) -> None:
    async def both() -> bool:
        return len(await postgres.execute(LISTENERS, url=database)) == 2

    await until(both, "both servers listen")


async def test_notifications_that_never_come_or_lie_cost_only_time(
    database: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_listener, "LOOK_INTERVAL", 0.1)
    monkeypatch.setattr("filesync_server.sync.postgres._NOTIFY", "SELECT $1::text")
    async with (
        server_process(database) as (one, _),
        server_process(database) as (other, _),
        live_reader(one) as reader,
        sync_client(other) as pusher,
    ):
        await pusher.pushed(event(1))
        assert numbers(await reader.receive()) == [1]
        for payload in ("999999 store", "0 store", "-1 x", "store", "", " ", "x" * 7000):
            await postgres.execute("SELECT pg_notify('filesync_events', $1)", payload, url=database)
        await pusher.pushed(event(2))
        assert numbers(await reader.receive()) == [2]


async def test_clients_of_a_replaced_log_start_over(database: str) -> None:
    async with server_process(database) as (one, storage), live_reader(one) as idle:
        assert (await idle.pushed(event(1)))["_tag"] == "Success"
        (log,) = (await storage.logs()).values()
        admin = PostgresStorage(database)
        await admin.restore(replace(log, backend_id="another", head=0, length=0), [], replace=True)
        await admin.close()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await idle.receive()
        async with sync_client(one) as again:
            await again.pull(cursor=(log.backend_id, 1))
            error = (await again.receive())["exit"]["cause"]["error"]
            assert error == {
                "_tag": "BackendIdMismatchError",
                "expected": "another",
                "received": log.backend_id,
            }


async def test_the_database_may_go_and_come_back(database: str, postgres: PostgresServer) -> None:
    name = database.rpartition("/")[2]
    async with server_process(database) as (one, storage), live_reader(one) as client:
        assert (await client.pushed(event(1)))["_tag"] == "Success"
        storage.unreachable = True
        await postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )

        async def has_seen_it() -> bool:
            try:
                await storage.logs()
            except StorageError:
                return True
            return False

        await until(has_seen_it, "the pool has seen that its connections are gone")
        await client.push(event(2))
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013, "come back later"
        await postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        storage.unreachable = False
        async with sync_client(one) as again:
            assert (await again.pushed(event(2)))["_tag"] == "Success"
            assert (await again.pull_all())[1] == [event(1), event(2)]


async def test_the_tables_are_made_by_one_of_many(database: str, postgres: PostgresServer) -> None:
    storages = [PostgresStorage(database) for _ in range(6)]
    await asyncio.gather(*(storage.logs([]) for storage in storages))
    for storage in storages:
        await storage.close()


async def test_a_role_without_the_right_to_make_tables_may_use_them(
    database: str, postgres: PostgresServer
) -> None:
    owner = PostgresStorage(database)
    await owner.logs([])
    await owner.close()
    for statement in [
        "CREATE ROLE modest LOGIN PASSWORD 'modest'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON filesync_stores, filesync_events TO modest",
    ]:
        await postgres.execute(statement, url=database)
    modest = PostgresStorage(
        f"postgresql://modest:modest@127.0.0.1:{postgres.port}/{database.rpartition('/')[2]}"
    )
    assert (await modest.read("s", 0, None)).backend_id  # type: ignore[union-attr]
    await modest.close()


async def test_commits_wait_for_the_disk_whatever_the_database_says(
    database: str, postgres: PostgresServer
) -> None:
    name = database.rpartition("/")[2]
    for configured, used in [("off", "on"), ("local", "local")]:
        await postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = {configured}")
        storage = PostgresStorage(database)
        async with storage._connection() as connection:
            assert await connection.fetchval("SHOW synchronous_commit") == used
        await storage.close()


async def test_what_was_acknowledged_survives_a_crash_of_the_database(
    database: str, postgres: PostgresServer
) -> None:
    await postgres.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET synchronous_commit = off")
    async with server_process(database) as (one, storage), sync_client(one) as client:
        for number in range(1, 21):
            assert (await client.pushed(event(number)))["_tag"] == "Success"
        postgres.stop(signal.SIGQUIT)
        await client.push(event(21))
        with pytest.raises(ConnectionClosed):
            await client.receive()
        postgres.start()

        async def head() -> int:
            with contextlib.suppress(OSError):
                return (await storage.logs())["store"].head
            return 0

        assert await until(head, "the pool has new connections") == 20
        async with sync_client(one) as again:
            assert (await again.pushed(event(21)))["_tag"] == "Success"


@pytest.mark.parametrize(
    "url",
    ["", "mysql://a:secret@b/c", "postgresql://user:se/cret@host/db", "postgresql://user:se#cret@host/db"],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="sync database") as error:
        PostgresStorage(url)
    assert "cret" not in str(error.value)
