"""Versions, conflicts and the trash, as an app has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

import filesync_web as fs
from tests.unit.file_sync.scene import Device, Tab, a_device, devices, hash_of, saved, synced

DAY = 24 * 3600


async def contents(tab: Tab, file_id: str) -> list[str]:
    return [version.content_hash for version in await tab.sync.list_versions(file_id)]


async def text_of(tab: Tab, file_id: str, content: bytes) -> Any:
    return (await tab.sync.read_version(file_id, hash_of(content))).data


@asynccontextmanager
async def two_who_share_a_file() -> AsyncIterator[tuple[Device, Tab, Tab, str]]:
    """Two clients have a file, and are offline now; `together` ends that."""
    async with devices(2) as (here, elsewhere):
        elsewhere.backend = synced(here)
        elsewhere.store = here.store
        elsewhere.network, elsewhere.clock = here.network, here.clock
        elsewhere.blobs = type(here.blobs)(here.network)
        tab, other = await here.tab(), await elsewhere.tab()
        file_id = (await tab.sync.save_file(b"base", name="a.txt")).file_id
        await here.clock.advance(5)
        for one in (tab, other):
            await one.store.set_sync_enabled(False)
        yield here, tab, other, file_id


async def together(device: Device, *tabs: Tab) -> None:
    """They go online, the first one first."""
    for tab in tabs:
        await tab.store.set_sync_enabled(True)
        await device.clock.advance(5)
    await device.clock.advance(5)


async def test_each_content_is_a_version_that_can_be_read_and_restored() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        file_id = (await tab.sync.save_file(b"one", name="a.txt")).file_id
        await device.clock.advance(10)
        await tab.sync.update_file(file_id, b"two", name="b.txt")
        await device.clock.advance(10)
        two, one = await tab.sync.list_versions(file_id)
        assert (two.is_current, two.kept_until, two.name, two.is_here) == (True, float("inf"), "b.txt", True)
        assert (one.is_current, one.size_bytes, one.name, one.conflict) == (False, 3, "a.txt", "")
        assert one.client_id == tab.store.client_id
        assert two.made_at - one.made_at == 10_000
        assert one.kept_until == two.made_at + 30 * DAY * 1000
        assert await text_of(tab, file_id, b"one") == b"one"
        await tab.sync.restore_version(file_id, one.content_hash)
        assert await tab.sync.read_bytes(file_id) == b"one"
        assert fs.get_file_metadata(tab.record(file_id)).name == "a.txt"
        assert await contents(tab, file_id) == [hash_of(b"one"), hash_of(b"two")]


async def test_restoring_uploads_nothing_when_the_object_is_there() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"one")
        await tab.sync.update_file(file.file_id, b"two")
        await device.clock.advance(5)
        device.store.objects[f"s/{hash_of(b'one')}"] = b"one"
        device.network.requests.clear()
        await tab.sync.restore_version(file.file_id, hash_of(b"one"))
        await device.clock.advance(5)
        assert tab.record(file.file_id).is_uploaded
        assert not [request for request in device.network.requests if request.method == "PUT"]


async def test_a_deleted_file_is_in_the_trash_and_comes_back() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        file_id = (await tab.sync.save_file(b"one", name="a.txt")).file_id
        await tab.sync.update_file(file_id, b"two", name="a.txt", mime_type="text/plain")
        await tab.sync.delete_file(file_id)
        with pytest.raises(fs.UnknownFileError):
            await tab.sync.read_file(file_id)
        (deleted,) = await tab.sync.list_deleted()
        assert (deleted.file_id, deleted.name, deleted.size_bytes) == (file_id, "a.txt", 3)
        assert (deleted.mime_type, deleted.content_hash) == ("text/plain", hash_of(b"two"))
        assert deleted.kept_until == deleted.deleted_at + 30 * DAY * 1000
        assert await contents(tab, file_id) == [hash_of(b"two"), hash_of(b"one")]
        assert await text_of(tab, file_id, b"two") == b"two"
        await tab.sync.restore_file(file_id)
        assert await tab.sync.read_bytes(file_id) == b"two"
        assert await tab.sync.list_deleted() == []
        await tab.sync.restore_file(file_id)
        await tab.sync.delete_file(file_id)
        await tab.sync.restore_version(file_id, hash_of(b"one"))
        assert await tab.sync.read_bytes(file_id) == b"one"


async def test_what_is_purged_cannot_be_had_back() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        file_id = (await tab.sync.save_file(b"one")).file_id
        await tab.sync.update_file(file_id, b"two")
        with pytest.raises(fs.InvalidArgumentError, match="purge=True"):
            await tab.sync.purge_file(file_id)
        await tab.sync.delete_file(file_id)
        await tab.sync.purge_file(file_id)
        await tab.sync.purge_file(file_id)
        assert await tab.sync.list_deleted() == []
        with pytest.raises(fs.VersionGoneError, match="purged"):
            await tab.sync.restore_file(file_id)
        for call in (tab.sync.restore_version, tab.sync.read_version):
            with pytest.raises(fs.VersionGoneError):
                await call(file_id, hash_of(b"one"))
        await tab.sync.collect_garbage()
        assert not device.blobs.blobs


async def test_after_the_end_of_its_time_the_error_says_when_that_was() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await tab.sync.set_version_policy(fs.VersionPolicy(keep_days=1, trash_days=2))
        assert tab.sync.version_policy() == fs.VersionPolicy(10, 1.0, 2.0)
        first, second = await saved(tab, b"one", b"other")
        await tab.sync.update_file(first.file_id, b"two")
        await tab.sync.delete_file(second.file_id)
        (version, ended) = (await tab.sync.list_versions(first.file_id))[1], first.content_hash
        device.clock.shift_wall_clock(1.5 * DAY)
        day = fs.timestamp().kind.to_wire(int(version.kept_until))
        with pytest.raises(fs.VersionGoneError, match=f"{ended}.*ended on {day}.*list_versions"):
            await tab.sync.restore_version(first.file_id, ended)
        assert await contents(tab, first.file_id) == [hash_of(b"two")]
        await tab.sync.restore_file(second.file_id)
        await tab.sync.delete_file(second.file_id)
        device.clock.shift_wall_clock(2.5 * DAY)
        with pytest.raises(fs.VersionGoneError, match=r"ended on .*list_deleted"):
            await tab.sync.restore_file(second.file_id)
        with pytest.raises(fs.VersionGoneError):
            await tab.sync.list_versions(second.file_id)
        await tab.sync.collect_garbage()
        assert list(device.blobs.blobs.values()) == [b"two"]


async def test_what_no_file_ever_had_is_a_mistake_of_the_caller() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        file = await tab.sync.save_file(b"one")
        for file_id, content, error in (
            ("nobody", file.content_hash, fs.UnknownFileError),
            (file.file_id, hash_of(b"other"), fs.InvalidArgumentError),
            (file.file_id, "one", fs.InvalidArgumentError),
            (5, file.content_hash, fs.InvalidArgumentError),
        ):
            for call in (tab.sync.read_version, tab.sync.restore_version):
                with pytest.raises(error):
                    await call(file_id, content)  # type: ignore[arg-type]
        for file_id in ("nobody", f"{file.file_id}@{file.content_hash}"):
            for act in (tab.sync.list_versions, tab.sync.restore_file, tab.sync.purge_file):
                with pytest.raises(fs.UnknownFileError):
                    await act(file_id)
        with pytest.raises(fs.InvalidArgumentError, match="no open conflict"):
            await tab.sync.resolve_conflict(file.file_id, file.content_hash, "take")
        with pytest.raises(fs.InvalidArgumentError, match="choice"):
            await tab.sync.resolve_conflict(file.file_id, file.content_hash, "keep")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "policy",
    [
        fs.VersionPolicy(keep_last=-1),
        fs.VersionPolicy(keep_last=1.5),  # type: ignore[arg-type]
        fs.VersionPolicy(keep_days=-1),
        fs.VersionPolicy(trash_days=float("nan")),
        fs.VersionPolicy(trash_days=float("inf")),
        fs.VersionPolicy(edit_revives=1),  # type: ignore[arg-type]
        None,
    ],
)
async def test_a_policy_that_is_none_is_refused(policy: Any) -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        with pytest.raises(fs.InvalidArgumentError):
            await tab.sync.set_version_policy(policy)
        assert tab.sync.version_policy() == fs.VersionPolicy()


@pytest.mark.parametrize("choice", ["take", "new_file", "drop"])
async def test_of_two_edits_the_first_is_a_conflict_that_both_see_and_either_settles(
    choice: Literal["take", "new_file", "drop"],
) -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.update_file(file_id, b"mine")
        await other.sync.update_file(file_id, b"theirs")
        await together(device, tab, other)
        for one in (tab, other):
            (conflict,) = await one.sync.list_conflicts()
            assert (conflict.file_id, conflict.content_hash) == (file_id, hash_of(b"mine"))
            assert (conflict.conflict, conflict.client_id) == ("edit", tab.store.client_id)
            assert [e.file_id for e in one.events if e.type == "file:conflict"] == [file_id]
            assert await one.sync.read_bytes(file_id) == b"theirs"
        new_id = await tab.sync.resolve_conflict(file_id, conflict.content_hash, choice)
        await together(device)
        for one in (tab, other):
            assert await one.sync.list_conflicts() == []
            assert await one.sync.read_bytes(file_id) == (b"mine" if choice == "take" else b"theirs")
            assert hash_of(b"mine") in await contents(one, file_id), "it is a version like others"
        if choice == "new_file":
            assert new_id not in {None, file_id}
            assert await tab.sync.read_bytes(str(new_id)) == b"mine"
        else:
            assert new_id == (file_id if choice == "take" else None)


@pytest.mark.parametrize("choice", ["take", "new_file", "drop"])
async def test_an_edit_brings_back_a_file_of_whose_deletion_it_did_not_know(
    choice: Literal["take", "new_file", "drop"],
) -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.delete_file(file_id)
        await other.sync.update_file(file_id, b"edited")
        await together(device, tab, other)
        for one in (tab, other):
            assert await one.sync.read_bytes(file_id) == b"edited"
            (conflict,) = await one.sync.list_conflicts()
            assert (conflict.conflict, conflict.is_current) == ("revived", True)
        new_id = await tab.sync.resolve_conflict(file_id, hash_of(b"edited"), choice)
        await together(device)
        for one in (tab, other):
            assert await one.sync.list_conflicts() == []
            assert one.record(file_id).is_live is (choice == "take")
            assert [file.file_id for file in await one.sync.list_deleted()] == [file_id] * (choice != "take")
        if choice == "new_file":
            assert await tab.sync.read_bytes(str(new_id)) == b"edited"


async def test_a_deletion_keeps_the_edit_that_it_has_not_seen_even_when_it_purges() -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.update_file(file_id, b"edited")
        await other.sync.delete_file(file_id, purge=True)
        await together(device, tab, other)
        for one in (tab, other):
            (conflict,) = await one.sync.list_conflicts()
            assert (conflict.conflict, conflict.content_hash) == ("deletion", hash_of(b"edited"))
        await other.sync.resolve_conflict(file_id, hash_of(b"edited"), "take")
        await together(device)
        assert await tab.sync.read_bytes(file_id) == b"edited"


async def test_an_app_may_let_the_deletion_stand() -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.set_version_policy(fs.VersionPolicy(edit_revives=False))
        await tab.sync.delete_file(file_id)
        await other.sync.update_file(file_id, b"edited")
        await together(device, tab, other)
        for one in (tab, other):
            assert not one.record(file_id).is_live
            (deleted,) = await one.sync.list_deleted()
            assert deleted.content_hash == hash_of(b"edited")
            assert [version.conflict for version in await one.sync.list_conflicts()] == ["deletion"]


async def test_a_conflict_that_was_there_before_is_no_news() -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.update_file(file_id, b"mine")
        await other.sync.update_file(file_id, b"theirs")
        await together(device, tab, other)
        later = await device.tab()
        await later.sync.update_file(file_id, b"later")
        assert not [event for event in later.events if event.type == "file:conflict"]
        assert [version.conflict for version in await later.sync.list_conflicts()] == ["edit"]


async def test_a_condition_that_does_not_hold_makes_no_conflict() -> None:
    async with two_who_share_a_file() as (device, tab, other, file_id):
        await tab.sync.update_file(file_id, b"mine")
        await other.sync.update_file(file_id, b"theirs", if_content=hash_of(b"base"))
        await together(device, tab, other)
        for one in (tab, other):
            assert await one.sync.read_bytes(file_id) == b"mine"
            assert await one.sync.list_conflicts() == []


async def test_the_trash_goes_first_then_versions_then_live_files() -> None:
    async with a_device() as device:
        tab = await device.tab()
        live, edited, deleted = await saved(tab, b"live", b"version", b"trash!")
        await tab.sync.update_file(edited.file_id, b"newer")
        await tab.sync.delete_file(deleted.file_id)
        await device.clock.advance(5)
        status = await tab.sync.storage_status()
        assert (status.live, status.versions, status.trash) == (len(b"live" + b"newer"), 7, 6)
        device.store.objects.update({f"s/{hash_of(content)}": content for content in (b"version", b"trash!")})
        freed = []
        while await tab.sync.free_space(1):
            here = set(device.blobs.blobs.values())
            freed.append({b"live", b"newer", b"version", b"trash!"} - here)
        assert freed[:2] == [{b"trash!"}, {b"trash!", b"version"}]
        assert not device.blobs.blobs
        assert await tab.sync.read_bytes(live.file_id) == b"live"
        assert await text_of(tab, edited.file_id, b"version") == b"version"
        assert await text_of(tab, deleted.file_id, b"trash!") == b"trash!"
