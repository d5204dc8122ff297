"""Pushes to the sync backend over real WebSockets: which are accepted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from filesync_server.sync.protocol import MAX_GAP
from filesync_web.core.foreign import MAX_DEPTH
from filesync_web.livestore.messages import MAX_FRAME_BYTES
from tests.server.sync_client import NONE, chain, defect_of, error_of, event, numbers, some, sync_client


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


# --- what could not be pulled again -------------------------------------------------------------------------


def nested(depth: int) -> Any:
    """An argument of so many lists in each other."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


DEEPEST = MAX_DEPTH - 4
"""Of an event's arguments in the frame of a push."""


@pytest.mark.parametrize("depth", [DEEPEST + 1, 975, 2000, 6000, 100_000])
async def test_what_is_nested_too_deeply_is_refused_at_the_push(url: str, depth: int) -> None:
    text = json.dumps(event(1, args="deep")).replace('"deep"', "[" * depth + "]" * depth)
    async with sync_client(url) as client:
        payload = f'{{"storeId":"store","batch":[{text}],"backendId":{{"_tag":"None"}}}}'
        await client.send(f'{{"_tag":"Request","id":"0","tag":"SyncWsRpc.Push","payload":{payload}}}')
        answer = await client.receive()
        assert answer["requestId"] == "0"
        assert "256" in defect_of(answer["exit"])
        client.next_id = 1
        assert (await client.pushed(event(1)))["_tag"] == "Success", "the socket stays usable"
        assert (await client.pull_all())[1] == [event(1)]


async def test_the_deepest_event_is_pulled_live_and_later(url: str) -> None:
    async with sync_client(url) as client, sync_client(url) as reader:
        await reader.pull()
        await reader.receive()
        deepest = [event(1, args=nested(DEEPEST)), event(2, args={"a": nested(DEEPEST - 1)})]
        assert (await client.pushed(*deepest))["_tag"] == "Success"
        assert numbers(await reader.receive()) == [1, 2]
        assert (await client.pull_all())[1] == deepest


async def test_brackets_in_texts_are_not_nested(url: str) -> None:
    args = {"art": "[" * 5000 + '\\"{' * 5000, "ключ[[[": ["[]" * 500] * 100}
    async with sync_client(url) as client:
        assert (await client.pushed(event(1, args=args)))["_tag"] == "Success"
        assert (await client.pull_all())[1] == [event(1, args=args)]


@pytest.mark.parametrize("number", [2**53 - 1, 2**40, MAX_GAP + 1])
async def test_no_jump_of_the_numbers_ends_a_log(url: str, number: int) -> None:
    async with sync_client(url) as client:
        assert "seqNum" in defect_of(await client.pushed(event(number, 0)))
        assert "seqNum" in defect_of(await client.pushed(event(1), event(1 + number, 1)))
        assert (await client.pushed(event(1)))["_tag"] == "Success"
        assert (await client.pull_all())[1] == [event(1)]


async def test_a_log_may_begin_later(url: str) -> None:
    """LiveStore's own tests of sync backends have logs that begin at 100 and at 20,000."""
    later = [event(20_000, 0), event(20_001)]
    async with sync_client(url) as client:
        assert (await client.pushed(*later))["_tag"] == "Success"
        assert (await client.pull_all())[1] == later


async def test_half_a_character_costs_only_itself(url: str) -> None:
    """Beside a lone surrogate, which has to be escaped, everything else is sent as it was measured."""
    events = [
        event(1, args="я" * 220_000),
        event(2, args="half \ud83d"),
        event(3, args="ж" * 200_000 + "\udc00"),
    ]
    async with sync_client(url) as client, sync_client(url) as reader:
        await reader.pull()
        await reader.receive()
        for each in events:
            assert (await client.pushed(each))["_tag"] == "Success"
            assert numbers(await reader.receive()) == [each["seqNum"]]
        assert (await client.pull_all())[1] == events
    async with sync_client(url, max_size=MAX_FRAME_BYTES) as strict:
        assert (await strict.pull_all())[1] == events, "no frame is larger than clients take"


async def test_a_push_of_text_beside_half_a_character_is_measured_as_it_is_sent(url: str) -> None:
    batch = [event(1, args="я" * 250_000 + "\ud83d"), event(2, args="ж" * 190_000)]
    async with sync_client(url) as client:
        assert (await client.pushed(*batch))["_tag"] == "Success"
        assert (await client.pull_all())[1] == batch
