"""Events of the app that are committed together with what happens to a file: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from filesync_web.testing.livestore import MemoryEventLog
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, devices, synced

photos = fs.table("photos", {"file_id": fs.text(primary_key=True), "album": fs.text()})
photo_added = fs.event("v1.PhotoAdded", {"file_id": fs.text(), "album": fs.text()})
NOTES = fs.table("notes", {"file_id": fs.text(primary_key=True)})
NOTED = fs.event("v1.Noted", {"file_id": fs.text()})
photo_removed = fs.event("v1.PhotoRemoved", {"file_id": fs.text()})
SCHEMA = fs.make_schema(
    tables={**FILES.tables, "photos": photos, "notes": NOTES},
    events={**FILES.events, "photo_added": photo_added, "photo_removed": photo_removed, "noted": NOTED},
    materializers={
        **FILES.create_materializers(FILES.tables),
        "v1.PhotoAdded": lambda args, _context: photos.insert(**args),
        "v1.Noted": lambda args, _context: NOTES.insert(**args),
        "v1.PhotoRemoved": lambda args, _context: photos.where(file_id=args.file_id).delete(),
    },
)


def added(result: fs.FileOperationResult) -> list[fs.NewEvent]:
    return [photo_added(file_id=result.file_id, album="Summer")]


def noted(result: fs.FileOperationResult) -> fs.NewEvent:
    return NOTED(file_id=result.file_id)


def removed(result: fs.FileOperationResult) -> list[fs.NewEvent]:
    return [photo_removed(file_id=result.file_id)]


def refusing(_result: fs.FileOperationResult) -> list[fs.NewEvent]:
    raise LookupError("there is no such album")


async def a_tab(device: Device, **options: Any) -> Tab:
    device.schema = SCHEMA
    return await device.tab(**options)


def appended(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the events of each transaction of the log, from now on."""
    transactions: list[list[str]] = []
    append = MemoryEventLog.append

    async def noting(log: MemoryEventLog, events: Any, seen: Any) -> Any:
        transactions.append([event.name for event in events])
        return await append(log, events, seen)

    monkeypatch.setattr(MemoryEventLog, "append", noting)
    return transactions


async def test_they_are_in_the_transaction_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        tab = await a_tab(device, local_only=True)
        transactions = appended(monkeypatch)
        saved = await tab.sync.save_file(b"one", events=added)
        assert [(photo.file_id, photo.album) for photo in tab.store.query(photos)] == [
            (saved.file_id, "Summer")
        ]
        await tab.sync.update_file(
            saved.file_id, b"two", events=lambda result: [*removed(result), *added(result)]
        )
        await tab.sync.delete_file(saved.file_id, events=removed)
        assert tab.store.query(photos) == []
        of_app = [names for names in transactions if any("Photo" in name for name in names)]
        assert [[name for name in names if not name.startswith("v1.Local")] for names in of_app] == [
            ["v1.FileCreated", "v1.BlobUsed", "v1.PhotoAdded"],
            ["v1.FileUpdated", "v1.FileVersionBase", "v1.BlobUsed", "v1.PhotoRemoved", "v1.PhotoAdded"],
            ["v1.FileDeleted", "v1.FileVersionBase", "v1.PhotoRemoved"],
        ]


async def test_they_are_told_what_the_call_returns() -> None:
    async with a_device() as device:
        tab = await a_tab(device)
        told: list[fs.FileOperationResult] = []

        def note(result: fs.FileOperationResult) -> list[fs.NewEvent]:
            told.append(result)
            return []

        saved = await tab.sync.save_file(b"one", events=note)
        edited = await tab.sync.update_file(saved.file_id, b"two", events=note)
        await tab.sync.delete_file(saved.file_id, events=note)
        assert told == [saved, edited, edited]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        (refusing, LookupError),
        (lambda result: [*added(result), *added(result)], fs.SchemaError),  # its key is there already
        (lambda _result: ["no event"], fs.InvalidArgumentError),
        (lambda _result: [fs.event("v1.Foreign", {})()], fs.SchemaError),
        (lambda _result: photo_added(file_id="x", album="y"), fs.InvalidArgumentError),
        (lambda result: [photo_added(file_id=result.file_id, album="x" * 900_000)], fs.EventTooLargeError),
        ([], fs.InvalidArgumentError),
    ],
)
async def test_when_they_cannot_be_committed_nothing_is(
    events: Callable[[fs.FileOperationResult], Any], error: type[Exception]
) -> None:
    async with a_device() as device:
        tab = await a_tab(device)
        saved = await tab.sync.save_file(b"old")
        await settle()
        with pytest.raises(error):
            await tab.sync.save_file(b"new", events=events)
        with pytest.raises(error):
            await tab.sync.update_file(saved.file_id, b"newer", events=events)
        with pytest.raises(error):
            await tab.sync.delete_file(saved.file_id, events=events)
        await device.clock.advance(5)  # what is left over is collected when nobody saves
        assert [file.content_hash for file in tab.store.query(FILES.tables.files)] == [saved.content_hash]
        assert tab.record(saved.file_id).is_live
        assert tab.store.query(photos) == []
        assert list(device.blobs.blobs) == [saved.content_hash]


async def test_a_log_that_fails_takes_neither() -> None:
    async with a_device() as device:
        tab = await a_tab(device)
        device.log.fail_next = True
        with pytest.raises(fs.StoreError):
            await tab.sync.save_file(b"one", events=added)
        await settle()
        assert (tab.store.query(FILES.tables.files), tab.store.query(photos)) == ([], [])
        assert device.blobs.blobs == {}


async def test_a_condition_ties_them_to_what_others_have_done_before() -> None:
    async with devices(2) as (here, elsewhere):
        elsewhere.backend = synced(here)
        tab, other = await a_tab(here), await a_tab(elsewhere)
        await tab.keep_nothing(edit_revives=False)
        saved = await tab.sync.save_file(b"one")
        await here.clock.advance(1)
        await elsewhere.clock.advance(1)
        await tab.store.set_sync_enabled(False)
        live = FILES.tables.files.where(id=saved.file_id, deleted_at=None)
        await tab.sync.update_file(
            saved.file_id, b"two", events=lambda result: [added(result)[0].only_if(live)]
        )
        assert len(tab.store.query(photos)) == 1
        await other.sync.delete_file(saved.file_id)
        await elsewhere.clock.advance(1)
        await tab.store.set_sync_enabled(True)
        await here.clock.advance(1)
        assert not tab.record(saved.file_id).is_live
        assert tab.store.query(photos) == []


@pytest.mark.parametrize("deletes", [False, True])
async def test_they_have_no_effect_when_that_of_the_file_has_none(deletes: bool) -> None:
    async with devices(2) as (here, elsewhere):
        elsewhere.backend = synced(here)
        tab, other = await a_tab(here), await a_tab(elsewhere)
        saved = await tab.sync.save_file(b"one")
        await here.clock.advance(1)
        await elsewhere.clock.advance(1)
        await tab.store.set_sync_enabled(False)
        if deletes:
            await tab.sync.delete_file(saved.file_id, if_content=saved.content_hash, events=added)
        else:
            await tab.sync.update_file(
                saved.file_id, b"two", if_content=saved.content_hash, events=lambda r: [noted(r), *added(r)]
            )
        assert len(tab.store.query(photos)) == 1  # as long as nobody was faster
        edited = await other.sync.update_file(saved.file_id, b"three")
        await elsewhere.clock.advance(1)
        await tab.store.set_sync_enabled(True)
        await here.clock.advance(1)
        assert tab.record(saved.file_id).content_hash == edited.content_hash
        assert tab.record(saved.file_id).is_live
        assert tab.store.query(photos) == tab.store.query(NOTES) == []


async def test_those_of_an_edit_that_counts_have_their_effect_everywhere() -> None:
    async with devices(2) as (here, elsewhere):
        elsewhere.backend = synced(here)
        tab, other = await a_tab(here), await a_tab(elsewhere)
        saved = await tab.sync.save_file(b"one")
        unmet = photos.where(file_id="nobody")
        await tab.sync.update_file(
            saved.file_id,
            b"two",
            if_content=saved.content_hash,
            events=lambda r: [*added(r), noted(r).only_if(unmet)],
        )
        await here.clock.advance(1)
        await elsewhere.clock.advance(1)
        for one in (tab, other):
            assert [photo.file_id for photo in one.store.query(photos)] == [saved.file_id]
            assert one.store.query(NOTES) == []  # its own condition counts as well
