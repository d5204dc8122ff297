"""The sync backend over real WebSockets: every row of the protocol's tables."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, payload_token_auth
from filesync_server.sync.connection import MAX_QUEUED_BYTES
from filesync_server.sync.storage import Appended, Rejection
from filesync_web.livestore.messages import Event
from filesync_web.livestore.wire import sync_query
from tests.server.support import BEARER, NONE, TOKEN, Clock, event, numbers, serving, some, sync_client


@pytest.fixture
async def hub(tmp_path: Path, clock: Clock) -> AsyncIterator[Hub]:
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite", clock=clock))
    yield hub
    await hub.close()


@pytest.fixture
async def url(hub: Hub) -> AsyncIterator[str]:
    sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url:
        yield url


def chain(count: int, start: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [event(number, **fields) for number in range(start, start + count)]


def error_of(exit_: dict[str, Any]) -> dict[str, Any]:
    assert exit_["_tag"] == "Failure", exit_
    assert exit_["cause"]["_tag"] == "Fail", exit_
    return exit_["cause"]["error"]


def defect_of(exit_: dict[str, Any]) -> str:
    assert exit_["_tag"] == "Failure", exit_
    assert exit_["cause"]["_tag"] == "Die", exit_
    return exit_["cause"]["defect"]


# --- the upgrade --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (sync_query("store"), 400),
        (sync_query("store", {"authToken": "wrong"}), 400),
        (sync_query("store", {"authToken": 1}), 400),
        (sync_query("store", "text"), 400),
        ("storeId=store&transport=ws&payload=%257B", 400),
        (sync_query("", {"authToken": TOKEN}), 404),
        (f"transport=ws&payload=%7B%22authToken%22%3A%22{TOKEN}%22%7D", 404),
        (sync_query("a\nb", {"authToken": TOKEN}), 404),
        (sync_query("x" * 256, {"authToken": TOKEN}), 404),
        (sync_query("store", {"authToken": TOKEN}).replace("transport=ws", "transport=tcp"), 400),
    ],
)
async def test_refusals_happen_at_the_upgrade(url: str, query: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"{url.replace('http', 'ws')}/sync?{query}")
    assert refusal.value.response.status_code == status
    assert json.loads(refusal.value.response.body)["error"]


async def test_wrong_path_and_missing_upgrade(url: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"{url.replace('http', 'ws')}/sync/other?{sync_query('store', {'authToken': TOKEN})}")
    assert refusal.value.response.status_code == 404
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{url}/sync?{sync_query('store', {'authToken': TOKEN})}")
    assert answer.status_code == 426


@pytest.mark.parametrize("encoding", ["once", "twice"])
async def test_the_payload_may_be_encoded_once_or_twice(url: str, encoding: str) -> None:
    twice = sync_query("store", {"authToken": TOKEN})
    query = twice if encoding == "twice" else twice.replace("%25", "%")
    async with connect(f"{url.replace('http', 'ws')}/sync?{query}") as socket:
        await socket.send('{"_tag":"Ping"}')
        assert json.loads(await socket.recv()) == {"_tag": "Pong"}


async def test_a_bearer_header_admits_as_well(url: str) -> None:
    async with sync_client(url, token=None, additional_headers=BEARER) as client:
        await client.ping()


async def test_pages_of_other_origins_are_refused(hub: Hub) -> None:
    page = "https://app.example"
    sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN), allowed_origins=[page])
    async with serving(Compose({"/sync": sync})) as url:
        for origin in (url, page):
            async with sync_client(url, origin=origin) as client:
                await client.ping()
        with pytest.raises(InvalidStatus):
            async with sync_client(url, origin="https://evil.example"):
                pass


async def test_the_auth_callback_gets_store_and_payload(hub: Hub) -> None:
    async def authenticate(_connection: HTTPConnection, store_id: str, payload: Any) -> bool:
        return payload == {"authToken": f"for-{store_id}"}

    async with serving(Compose({"/sync": create_sync_backend(hub, authenticate=authenticate)})) as url:
        async with sync_client(url, "a", token="for-a") as client:
            await client.ping()
        with pytest.raises(InvalidStatus):
            async with sync_client(url, "b", token="for-a"):
                pass


# --- pull ---------------------------------------------------------------------------------------------------


async def test_an_empty_store_answers_one_empty_batch(url: str) -> None:
    async with sync_client(url) as client:
        request_id = await client.pull(live=False)
        chunk = await client.receive()
        value = chunk["values"][0]
        assert chunk["_tag"] == "Chunk"
        assert chunk["requestId"] == request_id
        assert value["batch"] == []
        assert value["pageInfo"] == {"_tag": "NoMore"}
        assert len(value["backendId"]) == 21
        await client.ping()  # the exit waits for the ack
        await client.ack(request_id)
        assert await client.receive() == {
            "_tag": "Exit",
            "requestId": request_id,
            "exit": {"_tag": "Success"},
        }


async def test_what_was_pushed_is_pulled(url: str, clock: Clock) -> None:
    clock.now = 1_800_000_000.5
    events = [
        event(1, args={"text": "ü😀", "n": 1.5, "null": None, "deep": [{"a": [True]}]}),
        event(2, args=None, name="vX.Unknown"),
    ]
    async with sync_client(url) as client:
        assert await client.pushed(*events) == {"_tag": "Success", "value": {}}
        await client.pull(live=False)
        value = (await client.receive())["values"][0]
        assert [item["eventEncoded"] for item in value["batch"]] == events
        assert value["batch"][0]["metadata"] == some(
            {"_tag": "SyncMessage.SyncMetadata", "createdAt": "2027-01-15T08:00:00.500Z"}
        )


async def test_a_cursor_gives_what_comes_after_it(url: str) -> None:
    async with sync_client(url) as client:
        await client.pushed(*chain(5))
        backend_id, events = await client.pull_all()
        assert [item["seqNum"] for item in events] == [1, 2, 3, 4, 5]
        _, events = await client.pull_all((backend_id, 3))
        assert [item["seqNum"] for item in events] == [4, 5]
        _, events = await client.pull_all((backend_id, 99))
        assert events == []


async def test_another_backend_id_is_a_mismatch(url: str) -> None:
    async with sync_client(url) as client:
        await client.pushed(*chain(1))
        backend_id, _ = await client.pull_all()
        expected = {"_tag": "BackendIdMismatchError", "expected": backend_id, "received": "other"}
        await client.pull(cursor=("other", 1))
        assert error_of((await client.receive())["exit"]) == expected
        assert error_of(await client.pushed(event(2), backend_id="other")) == expected
        assert await client.pushed(event(2), backend_id=backend_id) == {"_tag": "Success", "value": {}}
    async with sync_client(url, "untouched") as client:
        await client.pull(cursor=("other", 0))
        assert error_of((await client.receive())["exit"])["_tag"] == "BackendIdMismatchError"


async def test_stored_chunks_have_at_most_100_events_and_wait_for_the_ack(url: str) -> None:
    async with sync_client(url) as client:
        for start in (1, 101, 201):
            await client.pushed(*chain(100 if start < 201 else 50, start))
        request_id = await client.pull(live=False)
        got = []
        for remaining in (150, 50, 0):
            chunk = await client.receive()
            got += numbers(chunk)
            page_info = chunk["values"][0]["pageInfo"]
            more = {"_tag": "MoreKnown", "remaining": remaining}
            assert page_info == (more if remaining else {"_tag": "NoMore"})
            await client.ping()  # nothing more comes before the ack
            await client.ack(request_id)
        assert got == list(range(1, 251))
        assert (await client.receive())["exit"] == {"_tag": "Success"}


async def test_chunks_have_at_most_900000_bytes(url: str) -> None:
    async with sync_client(url) as client:
        for number in (1, 2, 3):
            assert (await client.pushed(event(number, args="x" * 440_000)))["_tag"] == "Success"
        assert (await client.pushed(event(4, args="x" * 899_000)))["_tag"] == "Success"
        request_id = await client.pull(live=False)
        sizes = []
        for _ in range(3):
            sizes.append(numbers(await client.receive()))
            await client.ack(request_id)
        assert sizes == [[1, 2], [3], [4]]


# --- live ---------------------------------------------------------------------------------------------------


async def test_a_live_pull_brings_later_pushes_before_the_pushers_exit(url: str) -> None:
    async with sync_client(url) as pusher, sync_client(url) as reader:
        own = await pusher.pull()
        assert numbers(await pusher.receive()) == []
        await reader.pull()
        assert numbers(await reader.receive()) == []
        # Not even the first chunk is acknowledged: live chunks do not wait.
        for number in (1, 2, 3):
            request_id = await pusher.push(event(number))
            first = await pusher.receive()
            assert (first["requestId"], numbers(first)) == (own, [number])
            assert await pusher.receive() == {
                "_tag": "Exit",
                "requestId": request_id,
                "exit": {"_tag": "Success", "value": {}},
            }
            assert numbers(await reader.receive()) == [number]


async def test_a_finite_pull_gets_no_broadcasts(url: str) -> None:
    async with sync_client(url) as client:
        await client.pull(live=False)
        assert numbers(await client.receive()) == []
        await client.pushed(event(1))
        assert client.early == []


async def test_a_live_pull_first_catches_up(url: str) -> None:
    async with sync_client(url) as client, sync_client(url) as other:
        await other.pushed(*chain(100))
        await other.pushed(*chain(50, 101))
        request_id = await client.pull()
        assert numbers(await client.receive()) == list(range(1, 101))
        await other.pushed(event(151))
        await client.ping()
        await client.ack(request_id)
        assert numbers(await client.receive()) == list(range(101, 152))
        await other.pushed(event(152))
        assert numbers(await client.receive()) == [152]


async def test_an_interrupt_ends_a_live_pull(url: str) -> None:
    async with sync_client(url) as client:
        request_id = await client.pull()
        await client.receive()
        await client.send({"_tag": "Interrupt", "requestId": request_id})
        ended = await client.receive()
        assert ended["exit"]["cause"]["_tag"] == "Interrupt"
        await client.pushed(event(1))
        assert client.early == []


async def test_two_stores_do_not_mix(url: str) -> None:
    async with sync_client(url, "a") as a, sync_client(url, "b") as b:
        await b.pull()
        await b.receive()
        await a.pushed(*chain(3))
        await b.ping()
        assert (await b.pull_all())[1] == []
        assert (await a.pull_all())[0] != (await b.pull_all())[0]
        assert (await b.pushed(event(1, args="b")))["_tag"] == "Success"


async def test_a_request_for_another_store_is_refused(url: str) -> None:
    async with sync_client(url, "a") as client:
        client.store_id = "b"
        assert "storeId" in defect_of(await client.pushed(event(1)))
        await client.pull()
        assert "storeId" in defect_of((await client.receive())["exit"])


# --- push ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", [0, 1, 3, 7])
async def test_a_push_must_start_at_the_head(url: str, parent: int) -> None:
    async with sync_client(url) as client:
        await client.pushed(*chain(2))
        exit_ = await client.pushed(event(parent + 1, parent))
        assert error_of(exit_) == {"_tag": "ServerAheadError", "minimumExpectedNum": 2, "providedNum": parent}
        assert len((await client.pull_all())[1]) == 2


async def test_an_empty_batch_succeeds(url: str) -> None:
    async with sync_client(url) as client:
        assert await client.pushed() == {"_tag": "Success", "value": {}}


@pytest.mark.parametrize(
    "batch",
    [
        [event(1), event(3, 2)],
        [event(1), event(2, 0)],
        [event(1), event(1, 1)],
        [event(1, 1)],
        [event(2, 0), event(1, 2)],
        [event(0, 0)],
    ],
)
async def test_a_batch_must_be_one_ascending_chain(url: str, batch: list[dict[str, Any]]) -> None:
    async with sync_client(url) as client:
        assert defect_of(await client.pushed(*batch))
        assert (await client.pull_all())[1] == []


async def test_a_batch_has_at_most_100_events(url: str) -> None:
    async with sync_client(url) as client:
        assert "100" in defect_of(await client.pushed(*chain(101)))
        assert (await client.pushed(*chain(100)))["_tag"] == "Success"


@pytest.mark.parametrize("batch", [[event(1, args="x" * 900_000)], chain(2, args="ü" * 240_000)])
async def test_a_batch_has_at_most_900000_bytes(url: str, batch: list[dict[str, Any]]) -> None:
    async with sync_client(url) as client:
        assert "900000" in defect_of(await client.pushed(*batch))
        assert (await client.pull_all())[1] == []


@pytest.mark.parametrize("missing", ["name", "args", "seqNum", "parentSeqNum", "clientId", "sessionId"])
async def test_a_missing_field_is_a_die(url: str, missing: str) -> None:
    async with sync_client(url) as client:
        bad = {name: value for name, value in event(1).items() if name != missing}
        assert missing in defect_of(await client.pushed(bad))


async def test_other_malformed_payloads_are_a_die(url: str) -> None:
    store = {"storeId": "store"}
    async with sync_client(url) as client:
        for tag, payload in [
            ("SyncWsRpc.Push", store),
            ("SyncWsRpc.Push", store | {"batch": [1], "backendId": NONE}),
            ("SyncWsRpc.Push", store | {"batch": []}),
            ("SyncWsRpc.Push", {"batch": [], "backendId": NONE}),
            ("SyncWsRpc.Push", store | {"batch": [event(1) | {"seqNum": "1"}], "backendId": NONE}),
            ("SyncWsRpc.Push", store | {"batch": [event(1) | {"seqNum": 2**53}], "backendId": NONE}),
            ("SyncWsRpc.Push", store | {"batch": [event(1) | {"name": "\ud800"}], "backendId": NONE}),
            ("SyncWsRpc.Pull", store | {"cursor": NONE}),
            ("SyncWsRpc.Pull", store | {"live": True}),
            ("SyncWsRpc.Pull", store | {"live": True, "cursor": some({"backendId": "b"})}),
            ("SyncWsRpc.Pull", None),
        ]:
            await client.request(tag, payload)
            assert defect_of((await client.receive())["exit"]), payload


async def test_pushes_at_once_are_serialised(url: str) -> None:
    async with sync_client(url) as reader:
        await reader.pull()
        await reader.receive()

        async def write(name: str) -> None:
            async with sync_client(url) as client:
                head, done = 0, 0
                while done < 5:
                    exit_ = await client.pushed(event(head + 1, args=name))
                    if exit_["_tag"] == "Success":
                        head, done = head + 1, done + 1
                    else:
                        head = error_of(exit_)["minimumExpectedNum"]

        await asyncio.gather(*(write(f"client{number}") for number in range(8)))
        got = [number for _ in range(40) for number in numbers(await reader.receive())]
        assert got == list(range(1, 41))
        _, events = await reader.pull_all()
        names = [item["args"] for item in events]
        assert Counter(names) == {f"client{number}": 5 for number in range(8)}


# --- the envelope -------------------------------------------------------------------------------------------


async def test_frames_that_nobody_understands_leave_the_socket_usable(url: str) -> None:
    async with sync_client(url) as client:
        for frame in [
            "",
            "{",
            "[]",
            "null",
            '{"_tag":"Nothing"}',
            '{"_tag":"Ack"}',
            '{"_tag":"Ack","requestId":1}',
        ]:
            await client.send(frame)
            assert (await client.receive())["_tag"] == "Defect"
        for request_id in ("-1", "x", "1.5", "0x1", "٣", 7):
            await client.send({"_tag": "Request", "id": request_id, "tag": "SyncWsRpc.Pull", "payload": {}})
            assert (await client.receive())["_tag"] == "Defect"
        await client.request("SyncWsRpc.Nothing", {})
        assert (await client.receive())["_tag"] == "Defect"
        await client.socket.send(b"\xff\xfe")
        assert (await client.receive())["_tag"] == "Defect"
        await client.socket.send(b'{"_tag":"Ping"}')
        assert await client.receive() == {"_tag": "Pong"}


async def test_half_characters_in_arguments_come_back_as_they_were(url: str) -> None:
    async with sync_client(url) as client:
        assert (await client.pushed(event(1, args="half \ud83d")))["_tag"] == "Success"
        assert (await client.pull_all())[1] == [event(1, args="half \ud83d")]


async def test_optional_envelope_members(url: str) -> None:
    async with sync_client(url) as client:
        payload = {"storeId": "store", "live": False, "cursor": NONE, "payload": {"x": 1}}
        request = {"_tag": "Request", "id": "0", "tag": "SyncWsRpc.Pull", "payload": payload}
        await client.send(request | {"traceId": "t", "spanId": "s", "sampled": True})
        assert numbers(await client.receive()) == []
        await client.send({"_tag": "Eof"})
        await client.ping()


async def test_a_frame_over_a_mebibyte_ends_the_connection_with_a_reason(url: str) -> None:
    async with sync_client(url) as client:
        await client.send("x" * (1024**2 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_compression_is_used_when_offered(url: str) -> None:
    async with sync_client(url, compression="deflate") as client:
        extensions = [type(extension).__name__ for extension in client.socket.protocol.extensions]
        assert extensions == ["PerMessageDeflate"]
        await client.ping()
    async with sync_client(url, compression=None) as client:
        assert client.socket.protocol.extensions == []
        await client.ping()


# --- the life of a backend ----------------------------------------------------------------------------------


async def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "sync.sqlite"
    found = []
    for start in (1, 4):
        hub = Hub(SqliteStorage(path))
        sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN))
        async with serving(Compose({"/sync": sync})) as url, sync_client(url) as client:
            assert (await client.pushed(*chain(3, start)))["_tag"] == "Success"
            found.append(await client.pull_all())
        await hub.close()
    assert found[0][0] == found[1][0]
    assert found[1][1] == chain(6)


class _Held(SqliteStorage):
    """A storage whose appends wait, once they are durable, until the test lets them go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.durable = asyncio.Event()
        self.go_on = asyncio.Event()

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None
    ) -> Appended | Rejection:
        outcome = await super().append(store_id, batch, backend_id)
        self.durable.set()
        await self.go_on.wait()
        return outcome


@pytest.mark.parametrize("end", ["socket lost", "request cancelled"])
async def test_a_durable_push_is_broadcast_even_when_the_pusher_is_gone(tmp_path: Path, end: str) -> None:
    storage = _Held(tmp_path / "sync.sqlite")
    hub = Hub(storage)
    sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as reader:
        await reader.pull()
        await reader.receive()
        if end == "socket lost":
            async with sync_client(url) as pusher:
                await pusher.push(event(1))
                await storage.durable.wait()
                pusher.socket.transport.abort()
        else:
            batch = (Event("v1.Test", {}, 1, 0, "clientA", "sessionA"),)
            request = asyncio.create_task(hub.append("store", batch, None))
            await storage.durable.wait()
            request.cancel()
            await asyncio.wait([request])
        storage.go_on.set()
        assert numbers(await reader.receive()) == [1]
    await hub.close()


async def test_a_slow_reader_is_dropped_and_loses_nothing(hub: Hub, url: str) -> None:
    async with sync_client(url) as writer, sync_client(url, compression=None, max_queue=1) as slow:
        request_id = await slow.pull()
        backend_id = (await slow.receive())["values"][0]["backendId"]
        slow.socket.transport.pause_reading()
        big = "x" * 800_000
        count = 0
        while len(hub._rooms["store"].listeners) == 2:
            count += 1
            assert (await writer.pushed(event(count, args=big)))["_tag"] == "Success"
            assert count * len(big) < 8 * MAX_QUEUED_BYTES, "the slow reader was never dropped"
        slow.socket.transport.resume_reading()
        seen = 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                assert numbers(await slow.receive()) == [seen + 1]
                seen += 1
        assert slow.socket.close_code in {1006, 1013}
        assert request_id == "0"
    async with sync_client(url) as again:
        _, events = await again.pull_all((backend_id, seen))
        assert [item["seqNum"] for item in events] == list(range(seen + 1, count + 1))


async def test_a_broken_storage_is_a_die_and_the_socket_stays(tmp_path: Path) -> None:
    class Broken(SqliteStorage):
        async def append(self, *_: Any) -> Appended | Rejection:
            raise OSError("no space left")

    hub = Hub(Broken(tmp_path / "sync.sqlite"))
    sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as client:
        assert "no space" not in defect_of(await client.pushed(event(1)))
        await client.ping()
    await hub.close()


async def test_closing_the_hub_ends_live_pulls(tmp_path: Path) -> None:
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite"))
    sync = create_sync_backend(hub, authenticate=payload_token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url, sync_client(url) as client:
        await client.pull()
        await client.receive()
        await hub.close()
        assert (await client.receive())["exit"]["cause"]["_tag"] == "Interrupt"
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
