"""What very many files cost: counted in queries, transactions of the log, and requests, so that no clock is
asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from filesync_web.core.metadata import FileMetadata, encode_metadata
from filesync_web.livestore.state import State
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from filesync_web.testing.livestore import MemoryEventLog
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, hash_of, is_data

COUNT = 120


class Counts(Counter[str]):
    """What was done since the last `clear`: queries, events that were applied to the state, transactions of
    the log, and how often it was read."""


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()

    def count(owner: type, method: str, name: str) -> None:
        original = getattr(owner, method)

        def counting(*args: object, **named: object) -> object:
            counts[name] += 1
            return original(*args, **named)

        monkeypatch.setattr(owner, method, counting)

    count(State, "query", "queries")
    count(State, "_materialize", "applied")
    count(MemoryEventLog, "append", "transactions")
    count(MemoryEventLog, "read", "reads")
    return counts


def asked(device: Device) -> list[str]:
    """The requests to the signer."""
    return [request.url for request in device.network.requests if "/v1/" in request.url]


async def rest(device: Device, is_done: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_done():
            return
        await device.clock.advance(1)
    raise AssertionError("it does not come to rest")


def unfinished(tab: Tab) -> int:
    rows = tab.store.query(FILES.tables.local_file_state)
    return sum(row.upload_status.value != "done" or row.download_status.value != "done" for row in rows)


async def save_offline(device: Device, tab: Tab, count: int) -> None:
    device.network.online = False
    await device.clock.advance(11)
    for number in range(count):
        await tab.sync.save_file(b"file %d" % number)
    device.network.requests.clear()
    device.network.online = True


async def test_small_uploads_share_queries_transactions_and_requests(counts: Counts) -> None:
    async with a_device() as device:
        device.store.features = ["batch", "head", "checksum"]
        tab = await device.tab()
        await save_offline(device, tab, COUNT)
        counts.clear()
        await rest(device, lambda: len(device.store.objects) == COUNT)
        await settle()
        assert unfinished(tab) == 0
        assert counts["transactions"] <= COUNT / 3
        assert counts["queries"] <= COUNT * 4
        assert len(asked(device)) <= COUNT / 3


async def commit_remote_files(device: Device, tab: Tab, count: int) -> None:
    """Another client's files arrive, all at once."""
    events = []
    for number in range(count):
        content = b"remote %d" % number
        content_hash = hash_of(content)
        key, path = f"s/{content_hash}", f"livestore-filesync-files/s/{content_hash}"
        device.store.objects[key] = content
        about = {"id": key, "path": path, "content_hash": content_hash, "updated_at": number}
        metadata = encode_metadata(FileMetadata(size_bytes=len(content)))
        events.append(FILES.events.file_created(**about, metadata_json=metadata, created_at=number))
        events.append(FILES.events.file_updated(**about, remote_key=key))
    await tab.store.commit(*events)


async def test_small_downloads_share_queries_transactions_and_requests(counts: Counts) -> None:
    async with a_device() as device:
        device.store.features = ["batch", "head"]
        tab = await device.tab()
        device.network.requests.clear()
        counts.clear()
        await commit_remote_files(device, tab, COUNT)
        await rest(device, lambda: len(device.blobs.blobs) == COUNT)
        await settle()
        assert unfinished(tab) == 0
        assert counts["transactions"] <= COUNT / 3
        assert counts["queries"] <= COUNT * 5
        assert len(asked(device)) <= COUNT / 3


async def deletes(counts: Counts, count: int) -> Counter[str]:
    """What it costs to delete so many files, here and in the object store."""
    async with a_device() as device:
        device.store.features = ["batch", "head"]
        tab = await device.tab()
        await save_offline(device, tab, count)
        await rest(device, lambda: len(device.store.objects) == count)
        await settle()
        counts.clear()
        for number, record in enumerate(tab.store.query(FILES.tables.files)):
            await tab.sync.delete_file(record.id, purge=True)
            if number % 25 == 0:
                await device.clock.advance(5)  # the state is saved in between
        await rest(device, lambda: not (device.store.objects or device.blobs.blobs))
        await settle()
        assert tab.store.query(FILES.tables.remote_deletes) == []
        return Counter(counts)


async def test_ten_times_as_many_deletes_cost_ten_times_as_much(
    counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filesync_web.livestore.state_saver.EVENTS", 25)
    few = await deletes(counts, 50)
    many = await deletes(counts, 500)
    for name in ("queries", "applied", "transactions", "reads"):
        assert many[name] <= 12 * few[name], f"{name}: {few[name]}, then {many[name]}"


async def test_deletes_that_come_together_go_in_few_requests() -> None:
    async with a_device() as device:
        device.store.features = ["batch", "head"]
        tab = await device.tab()
        await save_offline(device, tab, COUNT)
        await rest(device, lambda: len(device.store.objects) == COUNT)
        device.network.requests.clear()
        deletes = [
            tab.sync.delete_file(record.id, purge=True) for record in tab.store.query(FILES.tables.files)
        ]
        await asyncio.gather(*deletes)
        await rest(device, lambda: not device.store.objects)
        assert len(asked(device)) <= COUNT / 10


async def test_what_waits_for_the_backend_is_not_applied_again_and_again(
    counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filesync_web.livestore.state_saver.EVENTS", 20)
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        counts.clear()
        for number in range(400):
            await tab.sync.save_file(b"file %d" % number)
            if number % 20 == 0:
                await device.clock.advance(5)
        assert counts["applied"] < 12 * 400


async def test_four_small_files_travel_at_a_time_and_what_somebody_waits_for_goes_first() -> None:
    async with a_device() as device:
        device.store.features = ["batch", "head"]
        device.store.hold = is_data
        tab = await device.tab()
        await commit_remote_files(device, tab, 30)
        await settle()
        assert len(device.network.held) == 4
        newest = tab.store.query(FILES.tables.files.order_by("-updated_at"))[0]
        reading = asyncio.create_task(tab.sync.read_file(newest.id))
        await settle()
        for _ in range(2):  # the next one is on its way to the gate already
            answer(device, device.network.held[0])
            await device.clock.advance(0.1)
        assert len(device.network.held) == 4
        assert f"/objects/{newest.remote_key}?" in device.network.held[-1].url
        for request in device.network.held:
            answer(device, request)
        device.store.hold = lambda _request: False
        await device.clock.advance(1)
        assert (await reading).data == device.store.objects[newest.remote_key]


def answer(device: Device, request: HeldRequest) -> None:
    device.store.hold = lambda _request: False
    reply = device.store.answer(request)
    device.store.hold = is_data
    assert reply is not None
    request.finish(reply)
