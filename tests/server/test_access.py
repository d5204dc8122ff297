"""Two users of one server: neither gets, lists, changes or removes anything of the other's private store, by
any part; both work in the shared one; and who is given no more tokens is out when the last one ends.

A table of parts and actions, tried against a real server.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import filesync_web as fs
from filesync_server import (
    Compose,
    EmbeddedStore,
    Hub,
    SqliteStorage,
    create_data_plane,
    create_signer,
    create_sync_backend,
)
from filesync_server.shared.jwt_auth import jwt_auth
from filesync_web.livestore.wire import sync_query
from tests.harness.native_client import native_client
from tests.harness.waiting import until
from tests.in_page.client import FILES as FILE_TABLES
from tests.in_page.client import SCHEMA
from tests.server.support import FILES, TIMEOUT, serving, sha256
from tests.server.sync_client import NONE, SyncClient, event

KEY = "a-shared-secret-of-at-least-32-bytes"
STORES = {"ann": ["ann", "shared"], "bob": ["bob", "shared"]}
SECRET = b"what is in a private store"
SHORT = 6.0
"""Seconds that a token is good for: what is done before it ends takes milliseconds on a quiet machine."""


def token(user: str, life: float = 600) -> str:
    """A web token that ends in so many seconds, up to a second more."""
    claims = {"sub": user, "stores": STORES[user], "exp": math.ceil(time.time() + life)}
    return jwt.encode(claims, KEY, "HS256")


@dataclass
class Server:
    """All parts on one origin, and a client without any token of its own."""

    url: str
    http: httpx.AsyncClient
    store: EmbeddedStore
    logs: SqliteStorage

    async def head(self, store_id: str) -> int:
        """The last number of a store's log, for a push that is right."""
        log = (await self.logs.logs([store_id])).get(store_id)
        return log.head if log else 0

    async def sign(self, call: str, bearer: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}"}
        return await self.http.post(f"{self.url}/api/v1/{call}", json=body, headers=headers)

    def socket(self, store_id: str, bearer: str) -> connect:
        address = f"{self.url.replace('http', 'ws')}/sync?{sync_query(store_id, {'authToken': bearer})}"
        return connect(address, open_timeout=TIMEOUT)

    async def rpc(self, address: str, named: str, bearer: str, tag: str, **payload: Any) -> list[Any]:
        """One call of the sync over HTTP, for a store that the address and the body name."""
        query = sync_query(address, {"authToken": bearer}, "http")
        body = {
            "_tag": "Request",
            "id": "1",
            "tag": f"SyncHttpRpc.{tag}",
            "payload": {"storeId": named, **payload},
        }
        answer = await self.http.post(f"{self.url}/sync?{query}", json=body)
        return answer.json() if answer.status_code == 200 else []

    async def content(self, store_id: str) -> tuple[Any, ...]:
        """What there is of a store: its events and its object."""
        owner = next(user for user, stores in STORES.items() if store_id in stores)
        messages = await self.rpc(store_id, store_id, token(owner), "Pull", cursor=NONE)
        found = await self.store.find(key_of(store_id))
        return events_in(messages), found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """With an object and an event in each private store."""
    store = EmbeddedStore(tmp_path / "objects")
    logs = SqliteStorage(tmp_path / "sync.sqlite")
    hub = Hub(logs)
    authenticate = jwt_auth(KEY, algorithms=["HS256"], leeway=0)
    app = Compose(
        {
            "/api": create_signer(store, authenticate=authenticate),
            FILES: create_data_plane(store, authenticate=authenticate),
            "/sync": create_sync_backend(hub, authenticate=authenticate),
        }
    )
    async with serving(app) as url, httpx.AsyncClient(timeout=TIMEOUT) as http:
        server = Server(url, http, store, logs)
        for user in STORES:
            assert await WRITE["signer"](server, user, token(user))
            assert await WRITE["sync over HTTP"](server, user, token(user))
        yield server
    await hub.close()
    await store.close()


def key_of(store_id: str) -> str:
    return f"{store_id}/{sha256(SECRET)}"


def events_in(messages: list[Any]) -> list[Any]:
    chunks = [message for message in messages if message["_tag"] == "Chunk"]
    return [item["eventEncoded"] for chunk in chunks for value in chunk["values"] for item in value["batch"]]


def is_success(message: dict[str, Any]) -> bool:
    return message["_tag"] == "Exit" and message["exit"]["_tag"] == "Success"


# --- what a user tries: the answer says whether it worked ---------------------------------------------------

Attempt = Callable[[Server, str, str], Awaitable[bool]]


async def download_signed(server: Server, store_id: str, bearer: str) -> bool:
    signed = await server.sign("sign/download", bearer, key=key_of(store_id))
    return signed.is_success and (await server.http.get(signed.json()["url"])).content == SECRET


async def look_up(server: Server, store_id: str, bearer: str) -> bool:
    alone = await server.sign("head", bearer, key=key_of(store_id))
    batch = await server.sign("batch", bearer, requests=[{"op": "head", "key": key_of(store_id)}])
    in_batch = batch.json().get("results", [{}])[0]
    assert in_batch.get("exists") == alone.json().get("exists")
    return alone.json().get("exists") is True


async def upload_signed(server: Server, store_id: str, bearer: str) -> bool:
    fields = {"key": key_of(store_id), "contentLength": len(SECRET)}
    parts = await server.sign("multipart/create", bearer, **fields)
    signed = await server.sign("sign/upload", bearer, **fields)
    assert parts.is_success == signed.is_success
    if not signed.is_success:
        return False
    url, headers = signed.json()["url"], signed.json()["headers"]
    return (await server.http.put(url, content=SECRET, headers=headers)).is_success


async def delete_signed(server: Server, store_id: str, bearer: str) -> bool:
    asked = [{"op": "delete", "key": key_of(store_id)}]
    batch = (await server.sign("batch", bearer, requests=asked)).json().get("results", [{}])[0]
    alone = await server.sign("delete", bearer, key=key_of(store_id))
    assert (batch.get("status") == 204) == alone.is_success
    return alone.is_success


def direct(method: str) -> Attempt:
    async def attempt(server: Server, store_id: str, bearer: str) -> bool:
        url, headers = f"{server.url}{FILES}/{key_of(store_id)}", {"Authorization": f"Bearer {bearer}"}
        content = SECRET if method == "PUT" else None
        return (await server.http.request(method, url, content=content, headers=headers)).is_success

    return attempt


def by_socket(use: Callable[[SyncClient, int], Awaitable[bool]]) -> Attempt:
    """By a socket for the store; and by one for the user's own, in which the other store is named."""

    async def attempt(server: Server, store_id: str, bearer: str) -> bool:
        async def tried(address: str) -> bool:
            try:
                async with server.socket(address, bearer) as socket:
                    return await use(SyncClient(socket, store_id), await server.head(store_id))
            except InvalidStatus as refusal:
                return refusal.response.status_code not in {400, 403}

        worked, sneaked = await tried(store_id), await tried("shared")
        assert sneaked is (store_id == "shared" and worked)
        return worked

    return attempt


async def pull(client: SyncClient, _head: int) -> bool:
    request_id = await client.pull(live=False)
    message = await client.receive()
    assert message["requestId"] == request_id
    return message["_tag"] == "Chunk"


async def count(client: SyncClient, _head: int) -> bool:
    """A live pull behind some event tells how many there are."""
    await client.pull(live=True)
    return (await client.receive())["_tag"] == "Chunk"


async def push(client: SyncClient, head: int) -> bool:
    return (await client.pushed(event(head + 1, name="v1.FileCreated")))["_tag"] == "Success"


async def push_a_deletion(client: SyncClient, head: int) -> bool:
    return (await client.pushed(event(head + 1, name="v1.FileDeleted")))["_tag"] == "Success"


def by_http(tag: str, name: str = "") -> Attempt:
    async def attempt(server: Server, store_id: str, bearer: str) -> bool:
        async def tried(address: str) -> bool:
            batch = [event(await server.head(store_id) + 1, name=name)]
            payload = {"batch": batch, "backendId": NONE} if tag == "Push" else {"cursor": NONE}
            answer = await server.rpc(address, store_id, bearer, tag, **payload)
            return bool(answer) and is_success(answer[-1])

        worked, sneaked = await tried(store_id), await tried("shared")
        assert sneaked is (store_id == "shared" and worked)
        return worked

    return attempt


READ: dict[str, Attempt] = {
    "signer": download_signed,
    "data plane": direct("GET"),
    "sync over WebSocket": by_socket(pull),
    "sync over HTTP": by_http("Pull"),
}
LIST: dict[str, Attempt] = {
    "signer": look_up,
    "data plane": direct("HEAD"),
    "sync over WebSocket": by_socket(count),
    "sync over HTTP": by_http("Pull"),
}
WRITE: dict[str, Attempt] = {
    "signer": upload_signed,
    "data plane": direct("PUT"),
    "sync over WebSocket": by_socket(push),
    "sync over HTTP": by_http("Push", "v1.FileCreated"),
}
DELETE: dict[str, Attempt] = {
    "signer": delete_signed,
    "data plane": direct("DELETE"),
    "sync over WebSocket": by_socket(push_a_deletion),
    "sync over HTTP": by_http("Push", "v1.FileDeleted"),
}
TABLE = {"write": WRITE, "read": READ, "list": LIST, "delete": DELETE}  # in this order all can work
NOBODY_CAN = {("delete", "data plane")}
"""It removes nothing for anybody: only the signer does."""


@pytest.mark.parametrize(("user", "other"), [("ann", "bob"), ("bob", "ann")])
async def test_nobody_gets_anything_of_the_others_private_store(
    server: Server, user: str, other: str
) -> None:
    before = await server.content(other)
    assert before[0]
    assert before[1] is not None
    for action, attempts in TABLE.items():
        for part, attempt in attempts.items():
            assert not await attempt(server, other, token(user)), (action, part)
        assert await server.content(other) == before, action


@pytest.mark.parametrize("user", STORES)
async def test_both_work_in_their_own_store_and_in_the_shared_one(server: Server, user: str) -> None:
    for store_id in STORES[user]:
        for action, attempts in TABLE.items():
            for part, attempt in attempts.items():
                worked = await attempt(server, store_id, token(user))
                assert worked is ((action, part) not in NOBODY_CAN), (action, part, store_id)


async def test_a_users_url_opens_no_object_of_another(server: Server) -> None:
    signed = (await server.sign("sign/download", token("ann"), key=key_of("ann"))).json()["url"]
    assert (await server.http.get(signed)).content == SECRET
    assert (await server.http.get(signed.replace("/ann/", "/bob/"))).status_code == 403


# --- the end of a token -------------------------------------------------------------------------------------


async def test_a_revoked_user_is_out_when_the_last_token_ends(server: Server) -> None:
    last = token("ann", SHORT)
    signed = await server.sign("sign/download", last, key=key_of("ann"))
    url = signed.json()["url"]
    async with server.socket("ann", last) as socket:
        client = SyncClient(socket, "ann")
        assert await count(client, 0)
        with pytest.raises(ConnectionClosed) as closed:  # held open by nothing but the token
            await client.receive()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1013, "clients come back after it, with the token that they have then"
    assert (await server.http.get(url)).status_code == 403
    before = await server.content("shared")
    for action, attempts in TABLE.items():
        for part, attempt in attempts.items():
            assert not await attempt(server, "ann", last), (action, part)
            assert not await attempt(server, "shared", last), (action, part)
    assert await server.content("shared") == before


async def test_a_client_asks_for_another_token_and_goes_on(server: Server, tmp_path: Path) -> None:
    given: list[str] = []

    def next_token() -> str:
        given.append(token("ann", 2))
        return given[-1]

    bob = native_client(
        tmp_path / "bob",
        store_id="shared",
        sync_url=f"{server.url}/sync",
        signer_url=f"{server.url}/api",
        token=token("bob"),
    )
    sync = fs.SyncOptions(f"{server.url}/sync", auth_token=next_token)
    ann = await fs.open_store(SCHEMA, store_id="shared", sync=sync, data_dir=tmp_path / "ann")
    try:
        async with bob as (_, files):
            await files.save_file(b"before", name="before")
            await until(lambda: len(ann.query(FILE_TABLES.tables.files)) == 1, "it arrives")
            asked = len(given)
            await until(lambda: len(given) >= asked + 2, "two more tokens were asked for")
            await files.save_file(b"after", name="after")
            await until(lambda: len(ann.query(FILE_TABLES.tables.files)) == 2, "it arrives as well")
    finally:
        await ann.close()
