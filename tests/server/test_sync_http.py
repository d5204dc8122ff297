"""The sync backend's HTTP transport."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.sync.storage import Page, StorageError
from filesync_web.livestore.wire import sync_query
from tests.server.support import BEARER, TIMEOUT, TOKEN, serving
from tests.server.sync_client import NONE, event, numbers, some, sync_client

PAGE = "https://app.example"


@pytest.fixture
async def storage(tmp_path: Path) -> SqliteStorage:
    return SqliteStorage(tmp_path / "sync.sqlite")


@pytest.fixture
async def url(storage: SqliteStorage) -> AsyncIterator[str]:
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN), allowed_origins=[PAGE])
    async with serving(Compose({"/sync": sync})) as url:
        yield url
    await hub.close()


@dataclass
class HttpClient:
    http: httpx.AsyncClient
    url: str
    store_id: str = "store"

    def address(self) -> str:
        query = sync_query(self.store_id, {"authToken": TOKEN}).replace("transport=ws", "transport=http")
        return f"{self.url}/sync?{query}"

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else httpx.Request("POST", "http://x", json=body).content
        headers = {"content-type": "application/json", "x-livestore-store-id": self.store_id} | headers
        return await self.http.post(self.address(), content=content, headers=headers)

    async def call(self, tag: str, **payload: Any) -> list[dict[str, Any]]:
        """The messages that answer a request."""
        request = {"_tag": "Request", "id": "7", "tag": f"SyncHttpRpc.{tag}", "headers": []}
        answer = await self.post(request | {"payload": {"storeId": self.store_id} | payload})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        return answer.json()

    async def push(self, *events: dict[str, Any], backend_id: str | None = None) -> dict[str, Any]:
        known = NONE if backend_id is None else some(backend_id)
        (message,) = await self.call("Push", batch=list(events), backendId=known)
        assert (message["_tag"], message["requestId"]) == ("Exit", "7")
        return message["exit"]

    async def pull(self, cursor: tuple[str, int] | None = None) -> list[dict[str, Any]]:
        position = some({"backendId": cursor[0], "eventSequenceNumber": cursor[1]}) if cursor else NONE
        return await self.call("Pull", cursor=position)


@pytest.fixture
async def client(url: str) -> AsyncIterator[HttpClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT) as http:
        yield HttpClient(http, url)


async def test_a_client_may_ask_for_a_few_bytes_at_a_time(client: HttpClient) -> None:
    events = [event(n, n - 1, args={"text": "x" * 10_000}) for n in range(1, 31)]
    await client.push(*events)
    backend_id, after, counts = "", 0, []
    while not counts or counts[-1][1]:
        cursor = some({"backendId": backend_id, "eventSequenceNumber": after}) if after else NONE
        chunk, end = await client.call("Pull", cursor=cursor, maxBytes=45_000)
        assert end == SUCCESS
        (value,) = chunk["values"]
        assert numbers(chunk)[0] == after + 1
        backend_id, after = value["backendId"], numbers(chunk)[-1]
        page = value["pageInfo"]
        counts.append((len(value["batch"]), page.get("remaining", 0)))
    assert counts == [(4, 26), (4, 22), (4, 18), (4, 14), (4, 10), (4, 6), (4, 2), (2, 0)]


async def test_at_least_one_event_comes_however_few_bytes_are_asked_for(client: HttpClient) -> None:
    await client.push(*(event(n, n - 1) for n in range(1, 4)))
    for max_bytes in (1, 2):
        chunk, end = await client.call("Pull", cursor=NONE, maxBytes=max_bytes)
        assert numbers(chunk) == [1]
        assert end == SUCCESS
    for wrong in (-1, "1", 1.5, None):
        (failed,) = await client.call("Pull", cursor=NONE, maxBytes=wrong)
        assert failed["exit"]["_tag"] == "Failure"


SUCCESS = {"_tag": "Exit", "requestId": "7", "exit": {"_tag": "Success"}}


async def test_ping(client: HttpClient) -> None:
    (exit_,) = await client.call("Ping")
    assert exit_["exit"] == {"_tag": "Success", "value": {"_tag": "SyncMessage.Pong"}}


async def test_an_empty_store_answers_one_empty_batch(client: HttpClient) -> None:
    chunk, exit_ = await client.pull()
    assert (chunk["requestId"], numbers(chunk), exit_) == ("7", [], SUCCESS)
    assert chunk["values"][0]["pageInfo"] == {"_tag": "NoMore"}
    assert len(chunk["values"][0]["backendId"]) == 21


async def test_what_was_pushed_is_pulled_in_chunks(client: HttpClient) -> None:
    for start in (1, 101, 201):
        count = 100 if start < 201 else 50
        batch = [event(number) for number in range(start, start + count)]
        assert await client.push(*batch) == {"_tag": "Success", "value": {}}
    *chunks, exit_ = await client.pull()
    assert [len(numbers(chunk)) for chunk in chunks] == [100, 100, 50]
    assert [number for chunk in chunks for number in numbers(chunk)] == list(range(1, 251))
    assert [chunk["values"][0]["pageInfo"] for chunk in chunks] == [
        {"_tag": "MoreKnown", "remaining": 150},
        {"_tag": "MoreKnown", "remaining": 50},
        {"_tag": "NoMore"},
    ]
    assert exit_ == SUCCESS
    backend_id = chunks[0]["values"][0]["backendId"]
    chunk, _ = await client.pull((backend_id, 249))
    assert numbers(chunk) == [250]
    chunk, _ = await client.pull((backend_id, 250))
    assert numbers(chunk) == []


async def test_refused_pushes_and_pulls_say_why(client: HttpClient) -> None:
    await client.push(event(1))
    error = (await client.push(event(1)))["cause"]["error"]
    assert error == {"_tag": "ServerAheadError", "minimumExpectedNum": 1, "providedNum": 0}
    error = (await client.push(event(2), backend_id="other"))["cause"]["error"]
    assert (error["_tag"], error["received"]) == ("BackendIdMismatchError", "other")
    (exit_,) = await client.pull(("other", 1))
    assert exit_["exit"]["cause"]["error"] == error
    for batch in ([event(2), event(4, 3)], [event(2, args="x" * 900_000)]):
        assert (await client.push(*batch))["cause"]["_tag"] == "Die"
    (exit_,) = await client.call("Pull", storeId="another", cursor=NONE)
    assert "another" in exit_["exit"]["cause"]["defect"]
    (exit_,) = await client.call("Pull")
    assert exit_["exit"]["cause"]["_tag"] == "Die"


async def test_pushes_reach_live_pulls_of_websockets_and_back(client: HttpClient, url: str) -> None:
    async with sync_client(url) as socket:
        await socket.pull()
        assert numbers(await socket.receive()) == []
        await client.push(event(1))
        assert numbers(await socket.receive()) == [1]
        await socket.pushed(event(2))
        chunk, _ = await client.pull()
        assert numbers(chunk) == [1, 2]


async def test_messages_that_nobody_understands_are_answered_as_such(client: HttpClient) -> None:
    for body in (b"", b"{", b"[]", b"\xff", b'{"_tag":"Nothing"}'):
        (message,) = (await client.post(body)).json()
        assert message["_tag"] == "Defect"
    (message,) = await client.call("Nothing")
    assert message == {"_tag": "Defect", "defect": "unknown request tag: SyncHttpRpc.Nothing"}
    assert (await client.post(b'{"_tag":"Ping"}')).json() == [{"_tag": "Pong"}]
    assert (await client.post(b'{"_tag":"Eof"}')).json() == []


@pytest.mark.parametrize("depth", [300, 975, 100_000])
async def test_what_is_nested_too_deeply_is_refused(client: HttpClient, depth: int) -> None:
    text = json.dumps(event(1, args="deep")).replace('"deep"', "[" * depth + "]" * depth)
    payload = f'{{"storeId":"store","batch":[{text}],"backendId":{{"_tag":"None"}}}}'
    request = f'{{"_tag":"Request","id":"7","tag":"SyncHttpRpc.Push","payload":{payload}}}'
    (message,) = (await client.post(request.encode())).json()
    assert (message["_tag"], message["requestId"]) == ("Exit", "7")
    assert "nested" in message["exit"]["cause"]["defect"]
    (message,) = (await client.post(b"[" * depth)).json()
    assert message["_tag"] == "Defect"
    deep = quote(quote("[" * min(depth, 3000)))
    address = client.address().partition("&payload")[0] + f"&payload={deep}"
    assert (await client.http.post(address, content=b'{"_tag":"Ping"}')).status_code == 400
    assert (await client.push(event(1)))["_tag"] == "Success"


async def test_a_push_that_jumps_is_refused(client: HttpClient) -> None:
    assert "seqNum" in (await client.push(event(2**53 - 1, 0)))["cause"]["defect"]
    assert (await client.push(event(1)))["_tag"] == "Success"


async def test_refusals(client: HttpClient) -> None:
    good = client.address()
    addresses = {
        good.replace(TOKEN, "wrong"): 400,
        good.replace("payload=%257B", "payload=%255B"): 400,
        good.replace("storeId=store", "storeId="): 404,
        good.replace("transport=http", "transport=ws"): 426,
        good.replace("&transport=http", ""): 426,
        good.replace("/sync?", "/sync/more?"): 404,
    }
    for address, status in addresses.items():
        answer = await client.http.post(address, content=b'{"_tag":"Ping"}')
        assert (answer.status_code, bool(answer.text)) == (status, True), address
        assert answer.headers["content-type"].startswith("text/plain"), "to LiveStore JSON would be the end"
    assert (await client.http.get(good)).status_code == 405
    assert (await client.post(b"{}", **{"x-livestore-store-id": "other"})).status_code == 400
    assert (await client.post(b" " * (1024**2 + 1))).status_code == 413
    bare = good.partition("&payload")[0]
    assert (await client.http.post(bare, content=b'{"_tag":"Ping"}')).status_code == 400
    assert (await client.http.post(bare, content=b'{"_tag":"Ping"}', headers=BEARER)).status_code == 200


async def test_pages_of_allowed_origins_only(client: HttpClient) -> None:
    answer = await client.post(b'{"_tag":"Ping"}', origin=PAGE)
    assert answer.headers["access-control-allow-origin"] == PAGE
    asked = "content-type,x-livestore-store-id,traceparent,b3,authorization"
    preflight = {"origin": PAGE, "access-control-request-method": "POST"}
    preflight["access-control-request-headers"] = asked
    answer = await client.http.options(client.address(), headers=preflight)
    assert answer.status_code == 200
    assert set(asked.split(",")) <= set(answer.headers["access-control-allow-headers"].lower().split(", "))
    answer = await client.post(b'{"_tag":"Ping"}', origin="https://evil.example")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    answer = await client.http.options(
        client.address(), headers=preflight | {"origin": "https://evil.example"}
    )
    assert answer.status_code == 400


async def test_a_log_that_breaks_in_the_middle_of_a_pull_is_a_die(
    client: HttpClient, storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in (1, 101):
        await client.push(*(event(number) for number in range(start, start + 100)))
    read = storage.read

    async def breaks(store_id: str, after: int, backend_id: str | None) -> Any:
        if after:
            raise StorageError("no space left, and the password is x")
        page = await read(store_id, after, backend_id)
        assert isinstance(page, Page)
        return page

    monkeypatch.setattr(storage, "read", breaks)
    chunk, exit_ = await client.pull()
    assert len(numbers(chunk)) == 100
    assert exit_["exit"]["cause"] == {"_tag": "Die", "defect": "the event log cannot be used at the moment"}
