"""What the leading tab does with versions and trash, by a wall clock that is moved."""

from __future__ import annotations

from typing import Any

import pytest

from filesync_web.core.versions import version_id
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from tests.unit.file_sync.scene import (
    FILES,
    Device,
    Tab,
    a_device,
    devices,
    hash_of,
    is_put,
    restart,
    saved,
    synced,
)

MINUTE = 60.0


async def set_policy(tab: Tab, **limits: float | None) -> None:
    """Keep 2 versions for 2 minutes and the trash for 3, with other `limits` where they are given."""
    minutes = {"keep_ms": 2, "trash_ms": 3, **limits}
    keep_ms, trash_ms = (_milliseconds(minutes[name]) for name in ("keep_ms", "trash_ms"))
    policy = FILES.events.file_version_policy_set
    await tab.store.commit(
        policy(keep_last=limits.get("keep_last", 2), keep_ms=keep_ms, trash_ms=trash_ms, edit_revives=True)
    )


def _milliseconds(minutes: float | None) -> int | None:
    return None if minutes is None else int(minutes * MINUTE * 1000)


def objects(device: Device) -> set[bytes]:
    return set(device.store.objects.values())


def here(device: Device) -> set[str]:
    return set(device.blobs.blobs)


async def edited(device: Device, **limits: float | None) -> tuple[Tab, str]:
    """A tab with a file of which an old and a new content are uploaded."""
    tab = await device.tab()
    await set_policy(tab, **limits)
    [file] = await saved(tab, b"old")
    await tab.sync.update_file(file.file_id, b"new")
    await settle()
    return tab, file.file_id


async def test_a_version_goes_when_the_policy_says_and_not_before() -> None:
    async with a_device() as device:
        tab, file_id = await edited(device)
        await device.clock.advance(2 * MINUTE - 5)
        assert objects(device) == {b"old", b"new"}
        assert here(device) == {hash_of(b"old"), hash_of(b"new")}
        await device.clock.advance(10)
        assert objects(device) == {b"new"}
        assert here(device) == {hash_of(b"new")}
        assert tab.row(version_id(file_id, hash_of(b"old"))) is None


async def test_a_deleted_file_goes_when_the_policy_says_with_its_versions() -> None:
    async with a_device() as device:
        tab, file_id = await edited(device, keep_ms=None)
        await tab.sync.delete_file(file_id)
        await device.clock.advance(3 * MINUTE - 5)
        assert objects(device) == {b"old", b"new"}
        await device.clock.advance(10)
        assert objects(device) == set()
        assert here(device) == set()
        assert tab.row(file_id) is None


async def test_only_as_many_versions_as_the_policy_says_stay() -> None:
    async with a_device() as device:
        tab, file_id = await edited(device)
        for content in (b"third", b"fourth"):
            await tab.sync.update_file(file_id, content)
            await settle()
        assert objects(device) == {b"new", b"third", b"fourth"}


async def test_a_version_that_nobody_has_uploaded_is_uploaded_after_what_is_current() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab(max_concurrent_uploads=1)
        await set_policy(tab)
        file = await tab.sync.save_file(b"old")
        await tab.sync.update_file(file.file_id, b"new")
        other = await tab.sync.save_file(b"other")
        await settle()
        put = [await put_held(device, await device.network.next(is_put)) for _ in range(3)]
        assert put[-1] == b"old"
        assert objects(device) == {b"old", b"new", b"other"}
        [version] = tab.store.query(FILES.tables.file_versions.where(file_id=file.file_id, number=1))
        assert version.remote_key == f"s/{hash_of(b'old')}"
        told = {event.file_id for event in tab.events}
        assert told <= {None, file.file_id, other.file_id}, "no app knows the id of a version"


async def put_held(device: Device, request: HeldRequest) -> bytes:
    """The object store takes what was sent."""
    device.store.objects[request.url.removeprefix("/objects/").partition("?")[0]] = request.body
    request.respond(200)
    await settle()
    return request.body


async def test_a_deleted_file_is_uploaded_all_the_same() -> None:
    async with a_device() as device:
        device.network.online = False
        tab = await device.tab(health_check_interval=20.0)
        await set_policy(tab)
        file = await tab.sync.save_file(b"deleted")
        await tab.sync.delete_file(file.file_id)
        await settle()
        device.network.online = True
        await device.clock.advance(60)
        assert objects(device) == {b"deleted"}
        assert tab.record(file.file_id).is_uploaded
        await device.clock.advance(3 * MINUTE)
        assert objects(device) == set()


async def test_what_ends_while_no_tab_is_open_goes_at_the_next_start() -> None:
    async with a_device() as device:
        tab, file_id = await edited(device)
        await tab.close()
        device.open_tabs.clear()
        await device.clock.advance(3 * MINUTE)
        assert objects(device) == {b"old", b"new"}
        tab = await restart(device)
        assert objects(device) == {b"new"}
        assert here(device) == {hash_of(b"new")}
        assert tab.row(version_id(file_id, hash_of(b"old"))) is None


async def test_what_is_kept_stays_after_a_restart_until_its_end() -> None:
    async with a_device() as device:
        await edited(device)
        await device.clock.advance(MINUTE)
        await restart(device)
        assert objects(device) == {b"old", b"new"}
        assert here(device) == {hash_of(b"old"), hash_of(b"new")}
        await device.clock.advance(MINUTE)
        assert objects(device) == {b"new"}
        assert here(device) == {hash_of(b"new")}


@pytest.mark.parametrize("limits", [{"keep_last": 0}, {"keep_ms": 0}, {"keep_ms": 0.5}])
async def test_a_policy_that_keeps_less_lets_go_at_once(limits: dict[str, Any]) -> None:
    async with a_device() as device:
        tab, _file_id = await edited(device)
        await device.clock.advance(MINUTE)
        assert objects(device) == {b"old", b"new"}
        await set_policy(tab, **limits)
        await settle()
        assert objects(device) == {b"new"}
        assert here(device) == {hash_of(b"new")}


async def test_a_policy_that_keeps_more_is_obeyed() -> None:
    async with a_device() as device:
        tab, _file_id = await edited(device)
        await set_policy(tab, keep_ms=None)
        await device.clock.advance(20 * MINUTE)
        assert objects(device) == {b"old", b"new"}


async def test_the_next_leader_lets_go_what_the_first_kept() -> None:
    async with a_device() as device:
        first, _file_id = await edited(device)
        await device.tab()
        await device.clock.advance(MINUTE)
        await first.close()
        device.open_tabs.remove(first)
        await device.clock.advance(MINUTE - 5)
        assert objects(device) == {b"old", b"new"}
        await device.clock.advance(10)
        assert objects(device) == {b"new"}


async def test_a_shared_content_stays_while_anything_is_kept_that_has_it() -> None:
    async with a_device() as device:
        tab, _file_id = await edited(device)
        await device.clock.advance(MINUTE)
        [copy] = await saved(tab, b"old")
        await tab.sync.delete_file(copy.file_id, purge=True)
        await settle()
        assert objects(device) == {b"old", b"new"}
        assert here(device) == {hash_of(b"old"), hash_of(b"new")}
        await device.clock.advance(MINUTE + 5)
        assert objects(device) == {b"new"}
        assert here(device) == {hash_of(b"new")}


async def test_who_hears_nothing_lets_nothing_go() -> None:
    """Somebody may have brought it back in time: here that is so."""
    async with devices(2) as [here_device, there]:
        there.backend = synced(here_device)
        first = await here_device.tab()
        second = await there.tab()
        await set_policy(first)
        [file] = await saved(first, b"content")
        await first.sync.delete_file(file.file_id)
        await settle()
        await first.store.set_sync_enabled(False)
        await settle()
        await second.store.commit(FILES.events.file_restored(id=file.file_id))
        await here_device.clock.advance(4 * MINUTE)
        assert objects(here_device) == {b"content"}
        await first.store.set_sync_enabled(True)
        await here_device.clock.advance(60)
        assert first.record(file.file_id).is_live
        assert objects(here_device) == {b"content"}
        assert here(here_device) == {hash_of(b"content")}


async def test_who_hears_again_lets_go_what_has_ended() -> None:
    async with a_device() as device:
        synced(device)
        tab, _file_id = await edited(device)
        await tab.store.set_sync_enabled(False)
        await device.clock.advance(3 * MINUTE)
        assert objects(device) == {b"old", b"new"}
        await tab.store.set_sync_enabled(True)
        await device.clock.advance(60)
        assert objects(device) == {b"new"}
