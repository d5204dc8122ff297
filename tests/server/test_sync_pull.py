"""Pulls of the sync backend over real WebSockets: what is stored, then what is pushed meanwhile."""

from __future__ import annotations

from tests.server.support import (
    Clock,
)
from tests.server.sync_client import chain, defect_of, error_of, event, numbers, some, sync_client

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
