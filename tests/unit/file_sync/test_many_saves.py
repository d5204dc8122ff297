"""Many files saved by one call: in order, some at a time, and none lost by another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.files.save_groups import MAX_CONCURRENT_IMPORTS
from filesync_web.testing.clock import settle
from filesync_web.testing.livestore import MemoryEventLog
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, hash_of

NOTED = fs.event("v1.Noted", {"file_id": fs.text(), "by": fs.text()})
NOTES = fs.table("notes", {"file_id": fs.text(primary_key=True), "by": fs.text()})
SCHEMA = fs.make_schema(
    tables={**FILES.tables, "notes": NOTES},
    events={**FILES.events, "noted": NOTED},
    materializers={
        **FILES.create_materializers(FILES.tables),
        "v1.Noted": lambda args, _context: NOTES.insert(**args),
    },
)


class Gate:
    """Sources that give their bytes when it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def source(self, data: bytes) -> AsyncIterator[bytes]:
        self.waiting += 1
        try:
            await self.opened.wait()
        finally:
            self.waiting -= 1
        yield data


async def broken() -> AsyncIterator[bytes]:
    yield b"the beginning"
    raise LookupError("the rest is not there")


def names(tab: Tab) -> list[str | None]:
    return [
        fs.get_file_metadata(file).name for file in tab.store.query(FILES.tables.files.order_by("created_at"))
    ]


async def stored(device: Device) -> set[str]:
    """The contents that are there when what was left over is collected."""
    await device.clock.advance(5)
    return set(device.blobs.blobs)


async def test_the_results_are_in_the_order_of_the_sources() -> None:
    async with a_device() as device:
        tab = await device.tab()
        slow = Gate()
        saving = asyncio.create_task(
            tab.sync.save_files([slow.source(b"0"), b"1", fs.FileToSave(b"2", name="two.txt"), b"3"])
        )
        await settle()
        assert len(tab.store.query(FILES.tables.files)) == 3  # nobody waits for the first
        slow.opened.set()
        results = await saving
        assert [result.content_hash for result in results] == [hash_of(b"%d" % n) for n in range(4)]
        assert names(tab) == [None, None, "two.txt", None]
        assert await tab.sync.save_files([]) == []


async def test_a_bounded_number_is_taken_at_a_time() -> None:
    async with a_device() as device:
        tab = await device.tab()
        gate, taken = Gate(), 0

        def sources() -> Iterator[Any]:
            nonlocal taken
            for number in range(100):
                taken += 1
                yield gate.source(b"%d" % number)

        saving = asyncio.create_task(tab.sync.save_files(sources()))
        await settle()
        assert taken == gate.waiting == MAX_CONCURRENT_IMPORTS
        gate.opened.set()
        assert len(await saving) == 100


async def test_they_share_transactions_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = 0
    append = MemoryEventLog.append

    async def counting(*args: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return await append(*args)

    async with a_device() as device:
        tab = await device.tab(local_only=True)
        monkeypatch.setattr(MemoryEventLog, "append", counting)
        await tab.sync.save_files(b"%d" % number for number in range(160))
        assert transactions <= 160 / 4


async def test_one_that_cannot_be_saved_loses_no_other() -> None:
    async with a_device() as device:
        tab = await device.tab()
        told: list[tuple[int, Any]] = []
        sources = [b"0", fs.FileToSave(broken(), name="b.txt"), 5, b"3"]
        with pytest.raises(fs.SaveFilesError, match="2 files were not saved, 2 were; ") as caught:
            await tab.sync.save_files(sources, on_result=lambda *result: told.append(result))
        error = caught.value
        assert "source 1 (b.txt): LookupError('the rest is not there')" in str(error)
        first, *missing, last = error.results
        assert missing == [None, None]
        assert first is not None
        assert last is not None
        assert (first.content_hash, last.content_hash) == (hash_of(b"0"), hash_of(b"3"))
        assert {at: type(why) for at, why in error.failures.items()} == {
            1: LookupError,
            2: fs.InvalidArgumentError,
        }
        assert isinstance(error, fs.FileSyncError)
        assert error.split(LookupError)[0].exceptions == (error.failures[1],)  # type: ignore[union-attr]
        assert dict(told) == {0: first, 1: error.failures[1], 2: error.failures[2], 3: last}
        assert await stored(device) == {hash_of(b"0"), hash_of(b"3")}
        assert len(tab.store.query(FILES.tables.files)) == 2


async def test_what_would_fail_for_all_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        put, puts = device.blobs.put, 0

        async def full(*args: Any, **named: Any) -> Any:
            nonlocal puts
            puts += 1
            if puts > 10:
                raise fs.QuotaExceededError("the device is full")
            return await put(*args, **named)

        monkeypatch.setattr(device.blobs, "put", full)
        sources = [b"%d" % number for number in range(1000)]
        with pytest.raises(fs.SaveFilesError, match="990 files were not saved, 10 were") as caught:
            await tab.sync.save_files(sources)
        assert puts <= 10 + MAX_CONCURRENT_IMPORTS
        saved = [data for data, result in zip(sources, caught.value.results, strict=True) if result]
        assert await stored(device) == {hash_of(data) for data in saved}
        assert len(saved) == 10


async def test_sources_that_break_off_end_it() -> None:
    def sources() -> Iterator[bytes]:
        yield b"0"
        raise LookupError("no more")

    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.SaveFilesError) as caught:
            await tab.sync.save_files(sources())
        assert [result is not None for result in caught.value.results] == [True, False]
        assert isinstance(caught.value.failures[1], LookupError)


async def test_when_it_is_cancelled_what_is_saved_stays_and_nothing_else() -> None:
    async with a_device() as device:
        tab = await device.tab()
        gate = Gate()
        saving = asyncio.create_task(tab.sync.save_files([b"0", gate.source(b"1"), b"2", gate.source(b"3")]))
        await settle()
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert gate.waiting == 0
        assert await stored(device) == {hash_of(b"0"), hash_of(b"2")}
        assert len(tab.store.query(FILES.tables.files)) == 2


async def test_each_file_has_its_events_in_its_commit() -> None:
    def noted(by: str) -> Any:
        return lambda result: [NOTED(file_id=result.file_id, by=by)]

    def refuse(_result: fs.FileOperationResult) -> list[fs.NewEvent]:
        raise LookupError("no")

    async with a_device() as device:
        device.schema = SCHEMA
        tab = await device.tab()
        of_its_own, refused = fs.FileToSave(b"1", events=noted("file")), fs.FileToSave(b"2", events=refuse)
        with pytest.raises(fs.SaveFilesError) as caught:
            await tab.sync.save_files([b"0", of_its_own, refused], events=noted("all"))
        first, second, third = caught.value.results
        assert third is None
        assert first is not None
        assert second is not None
        notes = {note.file_id: note.by for note in tab.store.query(NOTES)}
        assert notes == {first.file_id: "all", second.file_id: "file"}
        assert await stored(device) == {hash_of(b"0"), hash_of(b"1")}


async def test_a_file_that_is_there_can_get_new_content() -> None:
    async with a_device() as device:
        tab = await device.tab()
        old = await tab.sync.save_file(b"old", name="a.txt")
        edited, new = await tab.sync.save_files([fs.FileToSave(b"new", file_id=old.file_id), b"other"])
        assert edited.file_id == old.file_id != new.file_id
        assert tab.record(old.file_id).content_hash == hash_of(b"new")
        assert names(tab) == ["a.txt", None]


async def test_an_error_of_whoever_watches_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with a_device() as device:
        tab = await device.tab()
        results = await tab.sync.save_files([b"0"], on_result=lambda _at, _result: 1 / 0)
        assert len(results) == 1
        assert "on_result" in caplog.text


@pytest.mark.parametrize("sources", [b"data", "path", 5, memoryview(b"data")])
async def test_one_source_is_not_several(sources: Any) -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match="several"):
            await tab.sync.save_files(sources)


async def test_what_cannot_be_called_is_told_before_anything_is_saved() -> None:
    async with a_device() as device:
        tab = await device.tab()
        wrong: Any = 5
        with pytest.raises(fs.InvalidArgumentError, match="on_result"):
            await tab.sync.save_files([b"0"], on_result=wrong)
        with pytest.raises(fs.InvalidArgumentError, match="events"):
            await tab.sync.save_files([b"0"], events=wrong)
        assert tab.store.query(FILES.tables.files) == []
