"""The store on CPython, whole and real: SQLite file, `websockets`, and the server's sync backend over TCP."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from filesync_web.environment import open_store
from filesync_web.livestore.ports import SocketClosedError
from filesync_web.livestore.store import Store
from filesync_web.livestore.sync_status import SyncOptions
from filesync_web.native.web_socket import open_native_socket
from tests.harness import ServerProcess
from tests.harness.waiting import until
from tests.unit.livestore.support import NOTES, bodies, note_added, note_changed

TOKEN = "dev-token-change-in-production"

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture(params=["ws", "http"])
async def open_at(
    request: pytest.FixtureRequest, bare_server: ServerProcess, tmp_path: Path
) -> AsyncIterator[OpenStore]:
    stores: list[Store] = []

    async def open_(device: str, store_id: str, payload: Any = {"authToken": TOKEN}) -> Store:  # noqa: B006
        sync = SyncOptions(f"{bare_server.url}/sync", payload, transport=request.param)
        stores.append(await open_store(NOTES, store_id=store_id, sync=sync, data_dir=tmp_path / device))
        return stores[-1]

    yield open_
    for store in stores:
        await store.close()


async def test_two_processes_worth_of_stores_converge(open_at: OpenStore) -> None:
    one, two = await open_at("one", "shared"), await open_at("two", "shared")
    await one.commit(*[note_added(id=str(i), body="one") for i in range(120)])
    await two.commit(note_added(id="x", body="two"))
    await until(lambda: bodies(one) == bodies(two) and len(bodies(one)) == 121, "both have all notes")
    await until(lambda: not one.sync_status.pending and not two.sync_status.pending, "nothing is pending")


async def test_stores_of_different_ids_do_not_mix(open_at: OpenStore) -> None:
    one, two = await open_at("one", "first"), await open_at("one", "second")
    await one.commit(note_added(id="a"))
    await two.commit(note_added(id="b"))
    await until(lambda: one.sync_status.pending == two.sync_status.pending == 0, "nothing is pending")
    assert set(bodies(one)) == {"a"}
    assert set(bodies(two)) == {"b"}


async def test_what_was_committed_offline_survives_and_is_sent_later(
    bare_server: ServerProcess, open_at: OpenStore
) -> None:
    store = await open_at("one", "offline")
    await store.commit(note_added(id="a", body="online"))
    await until(lambda: store.sync_status.connected and not store.sync_status.pending, "it has synced")
    bare_server.kill()
    await until(lambda: not store.sync_status.connected, "it is offline")
    await store.commit(note_changed(id="a", body="offline"))
    await store.close()
    again = await open_at("one", "offline")
    assert bodies(again) == {"a": "offline"}
    assert again.sync_status.pending == 1
    bare_server.start()
    again.nudge_sync()
    await until(lambda: again.sync_status.pending == 0, "nothing is pending")
    other = await open_at("two", "offline")
    await until(lambda: bodies(other) == {"a": "offline"}, "another device has the change")


async def test_a_wrong_token_is_told_and_not_shown(
    open_at: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = await open_at("one", "refused", {"authToken": "secret-secret"})
    await until(lambda: store.sync_status.last_error, "the refusal is told")
    assert "(400: the token is not valid)" in store.sync_status.last_error
    assert "secret-secret" not in caplog.text + store.sync_status.last_error


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/sync?payload=secret", "nonsense?payload=secret"])
async def test_a_socket_that_cannot_be_opened_is_told_and_not_shown(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SocketClosedError) as caught:
        await open_native_socket(url)
    assert "secret" not in caplog.text + str(caught.value)
