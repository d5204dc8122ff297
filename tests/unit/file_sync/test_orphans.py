"""No deletion follows from the absence of information: bytes whose files have vanished are kept and shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import filesync_web as fs
from filesync_web.livestore.messages import Event
from filesync_web.testing.clock import settle
from filesync_web.testing.http import Reply
from filesync_web.testing.livestore import MemoryEventLog
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import (
    FILES,
    Tab,
    a_device,
    hash_of,
    is_data,
    is_put,
    restart,
    saved,
    synced,
)

DAY = 24 * 3600.0


def restore(backend: MemorySyncBackend, events: list[Event]) -> None:
    """The backend comes back from an older backup, with what it had then."""
    backend.reset()
    backend.events = list(events)


async def orphans_of(tab: Tab) -> dict[str, fs.Orphan]:
    return {orphan.content_hash: orphan for orphan in await tab.sync.list_orphans()}


async def test_a_backend_that_lost_everything_costs_no_bytes() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        contents = [b"file %d" % n for n in range(5)]
        for n, content in enumerate(contents):
            await tab.sync.save_file(content, name=f"{n}.txt")
        await device.clock.advance(5)
        assert not tab.store.unconfirmed()
        backend.reset()
        await device.clock.advance(30)
        assert not tab.store.query(FILES.tables.files), "the log's new identity has dropped the records"
        tab = await restart(device)
        await tab.sync.collect_garbage()
        assert sorted(device.blobs.blobs.values()) == contents
        found = await orphans_of(tab)
        assert {orphan.metadata.name for orphan in found.values()} == {f"{n}.txt" for n in range(5)}
        assert {orphan.metadata.mime_type for orphan in found.values()} == {"text/plain"}
        assert {orphan.size for orphan in found.values()} == {6}
        assert not tab.store.query(FILES.tables.local_file_state), "nothing is shown to wait for ever"


async def test_orphans_are_found_without_a_restart() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        await saved(tab, b"bytes")
        await device.clock.advance(5)
        assert not await tab.sync.list_orphans()
        seen: list[object] = []
        tab.store.subscribe((FILES.tables.orphans,), seen.append)
        backend.reset()
        await device.clock.advance(30)
        (orphan,) = await tab.sync.list_orphans()
        assert orphan.content_hash == hash_of(b"bytes")
        assert seen, "who watches the table is told"


async def test_an_orphan_is_saved_again_without_copying_it() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        said = fs.FileMetadata(custom={"album": "Summer"})
        old = await tab.sync.save_file(b"precious", name="a.png", metadata=said)
        await device.clock.advance(5)
        backend.reset()
        device.store.objects.clear()
        await device.clock.advance(30)
        tab = await restart(device)
        device.blobs.put = None  # type: ignore[assignment, method-assign]
        new = await tab.sync.recover_orphan(old.content_hash)
        renamed = fs.get_file_metadata(tab.record(new.file_id))
        assert (renamed.name, renamed.mime_type, renamed.size_bytes) == ("a.png", "image/png", 8)
        assert renamed.custom["album"] == "Summer"
        await device.clock.advance(5)
        assert tab.record(new.file_id).is_uploaded
        assert device.store.objects == {f"s/{old.content_hash}": b"precious"}
        assert [event.name for event in backend.events].count("v1.FileCreated") == 1
        assert not await tab.sync.list_orphans()
        await tab.sync.delete_file(new.file_id, purge=True)
        await settle()
        assert not device.blobs.blobs, "it is an ordinary file again"


async def test_an_orphan_can_be_named_and_dropped() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        one, two = await saved(tab, b"one", b"two")
        await device.clock.advance(5)
        backend.reset()
        await device.clock.advance(30)
        await tab.sync.list_orphans()
        await tab.sync.drop_orphan(one.content_hash)
        assert list(device.blobs.blobs) == [two.content_hash]
        found = await tab.sync.recover_orphan(two.content_hash, name="found again.txt")
        metadata = fs.get_file_metadata(tab.record(found.file_id))
        assert metadata.name == "found again.txt"
        for gone in (one.content_hash, two.content_hash, "0" * 64):
            for call in (tab.sync.drop_orphan(gone), tab.sync.recover_orphan(gone)):
                with pytest.raises(fs.BlobNotFoundError):
                    await call
        for wrong in ("", "xyz", 5, None, hash_of(b"two").upper()):
            for call in (tab.sync.drop_orphan(wrong), tab.sync.recover_orphan(wrong)):  # type: ignore[arg-type]
                with pytest.raises(fs.InvalidArgumentError):
                    await call
        assert list(device.blobs.blobs) == [two.content_hash]


async def test_files_that_come_back_have_their_bytes() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        (file,) = await saved(tab, b"bytes")
        await device.clock.advance(5)
        true_events, true_id = backend.events, backend.backend_id
        backend.reset()  # the address of a test server, say
        await device.clock.advance(30)
        tab = await restart(device)
        assert await tab.sync.list_orphans()
        backend.reset()
        backend.events, backend.backend_id = true_events, true_id
        device.network.requests.clear()
        await device.clock.advance(60)
        tab = await restart(device)
        assert not await tab.sync.list_orphans()
        assert not tab.store.query(FILES.tables.orphans)
        assert (await tab.sync.read_file(file.file_id, wait=False)).data == b"bytes"
        assert not [r for r in device.network.requests if is_data(r)], "nothing was transferred"
        await tab.sync.delete_file(file.file_id, purge=True)
        await settle()
        assert not device.blobs.blobs


async def test_a_file_that_has_come_back_can_be_deleted_at_once() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        (file,) = await saved(tab, b"bytes")
        await device.clock.advance(5)
        true_events, true_id = backend.events, backend.backend_id
        backend.reset()
        await device.clock.advance(30)
        assert await tab.sync.list_orphans()
        backend.reset()
        backend.events, backend.backend_id = true_events, true_id
        await device.clock.advance(60)
        await tab.sync.delete_file(file.file_id, purge=True)
        await settle()
        assert not device.blobs.blobs
        assert not await tab.sync.list_orphans()


async def test_transfers_of_vanished_files_end() -> None:
    async with a_device() as device:
        backend = synced(device)
        device.store.hold = is_put
        tab = await device.tab()
        await tab.sync.save_file(b"bytes")
        await settle()
        upload = await device.network.next("PUT")
        backend.reset()
        await device.clock.advance(30)
        assert upload.aborted
        assert not tab.store.query(FILES.tables.local_file_state)
        (file,) = await saved(tab, b"others")
        assert [request.body for request in device.network.held] == [b"others"]
        assert tab.row(file.file_id)


async def test_what_a_backup_does_not_know_is_kept_even_beside_a_deleted_file_of_that_content() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        (first,) = await saved(tab, b"same")
        await tab.sync.delete_file(first.file_id, purge=True)
        await device.clock.advance(5)
        backup = list(backend.events)
        await saved(tab, b"same", b"other")
        await device.clock.advance(5)
        restore(backend, backup)
        await device.clock.advance(30)
        tab = await restart(device)
        await tab.sync.collect_garbage()
        assert sorted(device.blobs.blobs.values()) == [b"other", b"same"]
        assert len(await tab.sync.list_orphans()) == 2


async def test_an_edit_that_a_backup_does_not_know_is_kept() -> None:
    async with a_device() as device:
        backend = synced(device)
        device.store.hold = lambda request: is_put(request) and request.body == b"edited"
        tab = await device.tab()
        (file,) = await saved(tab, b"original")
        await device.clock.advance(5)
        backup = list(backend.events)
        edited = await tab.sync.update_file(file.file_id, b"edited", name="b.txt")
        await device.clock.advance(5)
        del device.blobs.blobs[file.content_hash]  # another tab's eviction, say
        restore(backend, backup)
        device.store.hold = lambda _request: False
        await device.clock.advance(60)
        assert tab.record(file.file_id).content_hash == file.content_hash
        assert device.blobs.blobs[file.content_hash] == b"original", "it was downloaded again"
        assert device.blobs.blobs[edited.content_hash] == b"edited"
        (orphan,) = await tab.sync.list_orphans()
        assert (orphan.content_hash, orphan.metadata.name) == (edited.content_hash, "b.txt")


async def test_a_log_that_was_lost_takes_no_bytes_with_it() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await saved(tab, b"one", b"two")
        device.log = MemoryEventLog().storage
        tab = await restart(device, local_only=True)
        await tab.sync.collect_garbage()
        assert sorted(device.blobs.blobs.values()) == [b"one", b"two"]
        assert [orphan.metadata for orphan in await tab.sync.list_orphans()] == [fs.FileMetadata()] * 2


async def test_a_new_log_is_looked_over_before_its_first_save() -> None:
    async with a_device() as device:
        await device.blobs.put(b"older")
        tab = await device.tab(local_only=True)
        await tab.sync.stop()
        device.log = MemoryEventLog().storage
        await tab.close()
        device.open_tabs.clear()
        tab = await device.tab(local_only=True)
        await tab.sync.save_file(b"newer")
        notes = tab.store.query(FILES.tables.orphans)
        assert [note.content_hash for note in notes] == [hash_of(b"older")]


async def test_what_a_lost_log_leaves_is_explained_by_the_backend() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        await tab.keep_nothing()
        _kept, deleted, edited = await saved(tab, b"kept", b"deleted", b"edited")
        await device.clock.advance(5)
        blobs = dict(device.blobs.blobs)
        await tab.sync.delete_file(deleted.file_id)
        await tab.sync.update_file(edited.file_id, b"newer")
        await device.clock.advance(5)
        device.blobs.blobs.update(blobs)
        device.log = MemoryEventLog().storage
        backend.offline = True
        tab = await restart(device)
        assert len(await tab.sync.list_orphans()) == 4, "nothing is known yet"
        backend.offline = False
        await device.clock.advance(60)
        assert not await tab.sync.list_orphans()
        await device.clock.advance(400)
        assert sorted(device.blobs.blobs.values()) == [b"kept", b"newer"]
        assert not tab.store.query(FILES.tables.orphans)


async def test_a_downloaded_file_is_known_by_its_name_as_well() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        content_hash = hash_of(b"theirs")
        device.store.objects[f"s/{content_hash}"] = b"theirs"
        path = f"livestore-filesync-files/s/{content_hash}"
        args = {"id": "t", "path": path, "content_hash": content_hash, "updated_at": 1}
        metadata_json = '{"custom": {"name": "theirs.txt"}}'
        created = FILES.events.file_created(**args, created_at=1, metadata_json=metadata_json)
        updated = FILES.events.file_updated(**args, remote_key=f"s/{content_hash}")
        backend.append(*[Event(e.definition.name, e.args, 0, 0, "other", "s") for e in (created, updated)])
        await device.clock.advance(5)
        assert list(device.blobs.blobs) == [content_hash]
        backend.reset()
        await device.clock.advance(30)
        (orphan,) = await tab.sync.list_orphans()
        assert orphan.metadata.name == "theirs.txt"


async def test_what_is_being_saved_is_no_orphan_and_holds_up_no_list() -> None:
    async def recording() -> AsyncIterator[bytes]:
        yield b"so far"
        await finished.wait()

    async with a_device() as device:
        finished = asyncio.Event()
        await device.blobs.put(b"of an unknown log")
        tab = await device.tab(local_only=True)
        saving = asyncio.ensure_future(tab.sync.save_file(recording()))
        await settle()
        device.blobs.blobs[hash_of(b"nearly saved")] = b"nearly saved"
        found = await asyncio.wait_for(tab.sync.list_orphans(), 30)
        assert [orphan.content_hash for orphan in found] == [hash_of(b"of an unknown log")]
        finished.set()
        await saving


async def test_a_tab_that_follows_recovers_and_drops_as_well() -> None:
    async with a_device() as device:
        backend = synced(device)
        leader, follower = await device.tab(), await device.tab()
        one, two = await saved(leader, b"one", b"two")
        await device.clock.advance(5)
        backend.reset()
        await device.clock.advance(30)
        assert await orphans_of(follower) == await orphans_of(leader)
        await follower.sync.drop_orphan(one.content_hash)
        device.network.plan(is_put, Reply(200))
        again = await follower.sync.recover_orphan(two.content_hash)
        await settle()
        assert leader.record(again.file_id).is_uploaded
        assert not await leader.sync.list_orphans()


async def test_an_orphan_is_recovered_once() -> None:
    async with a_device() as device:
        backend = synced(device)
        leader, follower = await device.tab(), await device.tab()
        (file,) = await saved(leader, b"bytes")
        await device.clock.advance(5)
        backend.reset()
        await device.clock.advance(30)
        assert await leader.sync.list_orphans()
        calls = [tab.sync.recover_orphan(file.content_hash) for tab in (leader, follower, leader)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(fs.BlobNotFoundError) == 2
        assert len(leader.store.query(FILES.tables.files)) == 1
