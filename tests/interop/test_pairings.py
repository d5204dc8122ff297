"""Two clients share one store: this kit and the real LiveStore, on either one's backend."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.harness.server import ServerProcess
from tests.interop.clients import Client, Device, Event, Rows
from tests.interop.conftest import OpenClient
from tests.interop.line import Line

Pairing = tuple[str, str, str]


def _parameter(*pairing: str, marks: Sequence[pytest.MarkDecorator] = ()) -> ParameterSet:
    return pytest.param(pairing, id=f"{pairing[0]}-{pairing[1]}-on-{pairing[2]}", marks=marks)


PAIRINGS = [
    _parameter("python", "livestore", "filesync"),
    _parameter("python", "livestore", "cloudflare", marks=[pytest.mark.thorough]),
    _parameter("python", "python", "cloudflare", marks=[pytest.mark.thorough]),
    _parameter("livestore", "livestore", "filesync", marks=[pytest.mark.thorough]),
]
"""The kinds of the first and the second client, and of the backend."""

ON_BOTH_BACKENDS = [PAIRINGS[0], _parameter("python", "livestore", "cloudflare"), *PAIRINGS[2:]]
"""The same, for what is tried with LiveStore's own backend each time."""

BOTH_WAYS = [
    *PAIRINGS,
    _parameter("livestore", "python", "filesync"),
    _parameter("livestore", "python", "cloudflare", marks=[pytest.mark.thorough]),
]
"""For tests in which the first and the second client do different things."""


pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(600),  # the first test fetches LiveStore
]

NewLine = Callable[[], Awaitable[Line]]
NewDevice = Callable[..., Device]


def created(file_id: str, content_hash: str = "0" * 64, **args: Any) -> Event:
    return "v1.FileCreated", {
        "id": file_id,
        "path": f"livestore-filesync-files/shop/{content_hash}",
        "contentHash": content_hash,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.001Z",
        **args,
    }


def updated(file_id: str, content_hash: str, **args: Any) -> Event:
    return "v1.FileUpdated", {
        "id": file_id,
        "path": f"livestore-filesync-files/shop/{content_hash}",
        "remoteKey": f"shop/{content_hash}",
        "contentHash": content_hash,
        "updatedAt": "2026-01-02T00:00:00.999Z",
        **args,
    }


def deleted(file_id: str) -> Event:
    return "v1.FileDeleted", {"id": file_id, "deletedAt": "2026-01-03T00:00:00.000Z"}


def noted(note_id: str, text: str) -> Event:
    return "v1.NoteTaken", {"id": note_id, "text": text}


BACKLOG_IDS = [f"{number:03}" for number in range(201)]
BACKLOG = [created(file_id, f"{file_id:0>64}") for file_id in BACKLOG_IDS]
"""Three pages of a pull; not more, since a LiveStore client takes long to push them."""


@pytest.fixture(params=PAIRINGS)
def pairing(request: pytest.FixtureRequest) -> Pairing:
    pairing: Pairing = request.param
    return pairing


@pytest.fixture
def backend(pairing: Pairing, request: pytest.FixtureRequest) -> ServerProcess:
    process: ServerProcess = request.getfixturevalue(f"{pairing[2]}_backend")
    return process


class Pair:
    """Two open clients of one store, each with a line of its own."""

    def __init__(self, first: Client, second: Client, lines: tuple[Line, Line]) -> None:
        self.first = first
        self.second = second
        self.lines = lines

    async def go_offline(self) -> None:
        for line in self.lines:
            await line.cut()

    async def go_online(self) -> None:
        for line in self.lines:
            await line.mend()


@pytest.fixture
async def pair(pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice) -> Pair:
    lines = await new_line(), await new_line()
    first = await open_client(pairing[0], new_device(lines[0].port))
    second = await open_client(pairing[1], new_device(lines[1].port))
    return Pair(first, second, lines)


@pytest.mark.parametrize("pairing", ON_BOTH_BACKENDS)
async def test_each_sees_files_edits_and_deletes_of_the_other(pair: Pair) -> None:
    first, second = pair.first, pair.second
    metadata = '{"mimeType":"image/png","sizeBytes":3,"custom":{"name":"Grüße 🌍.png"}}'
    await first.commit(created("a", "a" * 64, metadataJson=metadata), created("b", metadataJson=None))
    await second.wait_for_files("a", "b")
    await second.commit(updated("a", "c" * 64), deleted("b"))
    await second.commit(created("c", "d" * 64))
    await first.wait_for_files("a", "b", "c")

    files = await first.files()
    assert files == await second.files()
    assert files == [
        {
            "id": "a",
            "path": "livestore-filesync-files/shop/" + "c" * 64,
            "remoteKey": "shop/" + "c" * 64,
            "contentHash": "c" * 64,
            "metadataJson": metadata,  # the edit said nothing of it
            "createdAt": 1767225600000,
            "updatedAt": 1767312000999,
            "deletedAt": None,
        },
        {
            "id": "b",
            "path": "livestore-filesync-files/shop/" + "0" * 64,
            "remoteKey": "",
            "contentHash": "0" * 64,
            "metadataJson": None,
            "createdAt": 1767225600000,
            "updatedAt": 1767225600001,
            "deletedAt": 1767398400000,
        },
        {
            "id": "c",
            "path": "livestore-filesync-files/shop/" + "d" * 64,
            "remoteKey": "",
            "contentHash": "d" * 64,
            "metadataJson": None,
            "createdAt": 1767225600000,
            "updatedAt": 1767225600001,
            "deletedAt": None,
        },
    ]


async def test_an_edit_that_removes_metadata_removes_it_everywhere(pair: Pair) -> None:
    await pair.first.commit(created("a", metadataJson="{}"))
    await pair.second.wait_for_files("a")
    await pair.second.commit(updated("a", "e" * 64, metadataJson=None))
    await pair.first.wait_for(
        "SELECT contentHash, metadataJson FROM files", [{"contentHash": "e" * 64, "metadataJson": None}]
    )


async def test_concurrent_offline_edits_end_in_equal_tables(pair: Pair) -> None:
    first, second = pair.first, pair.second
    await first.commit(created("shared"), created("doomed"))
    await second.wait_for_files("doomed", "shared")

    await pair.go_offline()
    for name, client in ("first", first), ("second", second):
        for number in range(20):
            await client.commit(updated("shared", f"{name} {number}"), created(f"{name} {number:02}"))
    await first.commit(deleted("doomed"), created("last of first"))
    await second.commit(updated("doomed", "edited"), created("last of second"))
    own = [f"first {number:02}" for number in range(20)]
    await first.wait_for_files("doomed", "shared", "last of first", *own)
    await pair.go_online()

    everything = [f"{name} {number:02}" for name in ("first", "second") for number in range(20)]
    everything += ["doomed", "shared", "last of first", "last of second"]
    await first.wait_for_files(*everything)
    await second.wait_for_files(*everything)
    files = await first.files()
    assert files == await second.files()
    by_id = {row["id"]: row for row in files}
    assert by_id["shared"]["contentHash"] in {"first 19", "second 19"}
    assert by_id["doomed"]["contentHash"] == "edited"
    assert by_id["doomed"]["deletedAt"]


async def test_values_of_every_type_arrive_as_they_were_committed(
    pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice
) -> None:
    line = await new_line()
    tasks: Rows = [
        {
            "id": "full",
            "count": 2**53 - 1,
            "ratio": 0.1,
            "done": True,
            "tags": {"words": ["Grüße 🌍", "\u2028"], "more": [1, 2.5, None, False, {}]},
            "due": "2026-01-01T00:00:00.001Z",
            "note": "'quoted'",
        },
        {"id": "spare", "count": -1, "ratio": 5, "done": False, "tags": [], "due": None},
    ]
    clients = [await open_client(kind, new_device(line.port, app="notes")) for kind in pairing[:2]]
    for number, client in enumerate(clients):
        await client.commit(*(("v1.TaskAdded", {**task, "id": f"{task['id']} {number}"}) for task in tasks))
        for each in clients:
            await each.wait_for("SELECT count(*) AS tasks FROM tasks", [{"tasks": 2 * number + 2}])

    full = {"count": 2**53 - 1, "ratio": 0.1, "done": 1, "due": 1767225600001, "note": "'quoted'"}
    spare = {"count": -1, "ratio": 5, "done": 0, "due": None, "note": None}
    for client in clients:
        rows = await client.query("SELECT * FROM tasks ORDER BY id")
        assert [json.loads(row.pop("tags")) for row in rows] == [tasks[0]["tags"]] * 2 + [[]] * 2
        assert rows == [
            {"id": f"{name} {number}", **rest}
            for name, rest in (("full", full), ("spare", spare))
            for number in range(2)
        ]


@pytest.mark.parametrize("pairing", BOTH_WAYS)
async def test_an_unknown_event_is_skipped_and_kept(
    pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice
) -> None:
    line = await new_line()
    author = await open_client(pairing[0], new_device(line.port, app="notes"))
    device = new_device(line.port)
    reader = await open_client(pairing[1], device)
    await author.commit(created("before"), noted("n", "hello"), created("after"))
    await reader.wait_for_files("after", "before")
    await reader.commit(created("reply"))
    await author.wait_for_files("after", "before", "reply")

    # The app is updated to a version that knows the event.
    await reader.close()
    reader = await open_client(pairing[1], replace(device, app="notes"))
    await reader.wait_for("SELECT id, text FROM notes", [{"id": "n", "text": "hello"}])
    assert await reader.files() == await author.files()


@pytest.mark.parametrize("pairing", BOTH_WAYS)
async def test_a_backlog_of_several_pages_arrives_whole(
    pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice
) -> None:
    line = await new_line()
    author = await open_client(pairing[0], new_device(line.port))
    await author.commit(*BACKLOG)
    await _wait_until_pushed(open_client, new_device(line.port))

    newcomer = await open_client(pairing[1], new_device(line.port))
    await newcomer.wait_for_files(*BACKLOG_IDS)
    assert await newcomer.files() == await author.files()
    await newcomer.commit(created("thanks"))
    await author.wait_for_files(*BACKLOG_IDS, "thanks")


@pytest.mark.parametrize(
    "pairing",
    [
        _parameter("python", "python", "filesync"),
        _parameter("python", "python", "cloudflare", marks=[pytest.mark.thorough]),
    ],
)
async def test_an_event_that_overtakes_the_backlog_hides_nothing(
    pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice
) -> None:
    """LiveStore's backend sends news at once, also in the middle of the pages of a backlog."""
    line, slow_line = await new_line(), await new_line()
    author = await open_client(pairing[0], new_device(line.port))
    await author.commit(*BACKLOG)
    await _wait_until_pushed(open_client, new_device(line.port))

    slow_line.hold()
    newcomer = await open_client(pairing[1], new_device(slow_line.port))
    await slow_line.wait_for_held(1_000)  # the first page (compressed), which stays unacknowledged
    await author.commit(created("news"))
    await _wait_until_pushed(open_client, new_device(line.port), "news")
    slow_line.release()
    await newcomer.wait_for_files(*BACKLOG_IDS, "news")
    await newcomer.commit(created("thanks"))
    await author.wait_for_files(*BACKLOG_IDS, "news", "thanks")


async def _wait_until_pushed(open_client: OpenClient, device: Device, *more: str) -> None:
    """Return when another client has the backlog, and `more`."""
    witness = await open_client("python", device)
    await witness.wait_for_files(*BACKLOG_IDS, *more)
    await witness.close()


async def test_both_go_on_after_the_backend_was_restarted(pair: Pair, backend: ServerProcess) -> None:
    first, second = pair.first, pair.second
    await first.commit(created("before"))
    await second.wait_for_files("before")
    backend.stop()
    await first.commit(created("meanwhile of first"))
    await second.commit(created("meanwhile of second"))
    backend.start()
    await first.wait_for_files("before", "meanwhile of first", "meanwhile of second")
    await second.wait_for_files("before", "meanwhile of first", "meanwhile of second")
    await first.commit(created("after of first"))
    await second.wait_for_files("after of first", "before", "meanwhile of first", "meanwhile of second")
    await second.commit(deleted("before"))
    await first.wait_for("SELECT id FROM files WHERE deletedAt IS NOT NULL", [{"id": "before"}])
    assert await first.files() == await second.files()


@pytest.mark.parametrize("pairing", BOTH_WAYS)
async def test_a_client_with_a_wrong_token_keeps_its_events_to_itself(
    pairing: Pairing, open_client: OpenClient, new_line: NewLine, new_device: NewDevice
) -> None:
    line, strange_line = await new_line(), await new_line()
    author = await open_client(pairing[0], new_device(line.port))
    assert await line.statuses.get() == 101
    await author.commit(created("secret"))
    device = new_device(strange_line.port, token="wrong")
    stranger = await open_client(pairing[1], device)
    await stranger.commit(created("smuggled"))
    assert [await strange_line.statuses.get() for _attempt in range(2)] == [400, 400]
    assert [row["id"] for row in await stranger.files()] == ["smuggled"]
    assert [row["id"] for row in await author.files()] == ["secret"]

    # With the right token the same device is let in.
    await stranger.close()
    admitted = await open_client(pairing[1], replace(device, token=new_device(line.port).token))
    await admitted.wait_for_files("secret", "smuggled")
    await author.wait_for_files("secret", "smuggled")
