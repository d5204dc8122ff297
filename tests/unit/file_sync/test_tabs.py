"""Several tabs of a device on fakes: one leads and transfers, another takes over what it leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.files.tables import FileSyncTables
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import a_device, is_put, saved


async def test_one_tab_transfers_and_another_takes_over() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        first, second = await device.tab(), await device.tab()
        result = await second.sync.save_file(b"shared")
        await settle()
        assert (first.store.leader, second.store.leader) == (True, False)
        assert len(device.network.held) == 1
        assert "upload:start" in [event.type for event in second.events]
        aborted = device.network.held[0]
        await first.close()
        device.open_tabs.remove(first)
        await settle()
        assert aborted.aborted
        device.store.hold = lambda _request: False
        (await device.network.next()).respond(200)
        await settle()
        assert second.record(result.file_id).is_uploaded


async def test_a_new_tab_learns_from_the_leader_that_it_is_offline() -> None:
    async with a_device() as device:
        device.network.online = False
        await device.tab()
        follower = await device.tab()
        assert not follower.sync.is_online()
        device.network.online = True
        await device.clock.advance(11)
        assert follower.sync.is_online()


@pytest.mark.parametrize(
    "body",
    [5, "text", {}, {"type": "online"}, [], [5, None, [], "online"], [{}, {"type": 5}, {"type": ["online"]}]],
)
async def test_a_message_that_is_no_event_of_this_version_is_none(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_device() as device:
        await device.tab()
        follower = await device.tab()
        follower.events.clear()
        other = device.hub.channel()
        other.post({"type": "message", "topic": "file-sync-event", "body": body})
        later = {"type": "later", "file_id": 5, "loaded": "1", "error": "e", "new": {"a": 1}}
        other.post({"type": "message", "topic": "file-sync-event", "body": [later]})
        await settle()
        assert follower.events == [fs.FileSyncEvent("later", error="e")]
        assert caplog.text == ""


@pytest.mark.parametrize(
    "kind", ["message", "sync-status", "who-leads", "leader", "hello", "nudge", "later", ""]
)
async def test_messages_with_other_members_do_no_harm(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with a_device() as device:
        tabs = [await device.tab(), await device.tab()]
        other = device.hub.channel()
        for value in (None, 5, "text", [[]], {"a": {}}):
            members = ("topic", "body", "connected", "error", "type_")
            other.post({"type": kind, **dict.fromkeys(members, value)})
            other.post({"type": kind})
        await settle()
        assert caplog.text == ""
        (file,) = await saved(tabs[1], b"still works")
        assert tabs[0].record(file.file_id).is_uploaded


async def test_what_was_queued_when_the_tab_died_is_taken_up_again() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        results = [await tab.sync.save_file(b"%d" % n) for n in range(3)]
        await settle()
        await tab.close()
        device.open_tabs.clear()
        device.store.hold = lambda _request: False
        tab = await device.tab()
        await settle()
        assert all(tab.record(result.file_id).is_uploaded for result in results)


async def test_a_tab_that_begins_to_lead_looks_at_its_files_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        device.connectivity.set_online(False)
        tab = await device.tab()
        results = [await tab.sync.save_file(b"%d" % n) for n in range(4)]
        await tab.close()
        device.connectivity.set_online(True)
        monkeypatch.setattr("filesync_web.transfers.engine_runner.FACTS_PER_BATCH", 1)
        parts: list[list[str]] = []
        records = FileSyncTables.records

        def looked_at(tables: FileSyncTables, file_ids: list[str]) -> list[fs.FileRecord]:
            parts.append(file_ids)
            return records(tables, file_ids)

        monkeypatch.setattr(FileSyncTables, "records", looked_at)
        tab = await device.tab()
        assert sorted(parts[:4]) == sorted([result.file_id] for result in results)
        assert all(tab.record(result.file_id).is_uploaded for result in results)


async def test_only_the_leading_tab_probes_the_signer() -> None:
    async with a_device() as device:
        for _ in range(3):
            await device.tab(health_check_interval=10.0)
        device.network.requests.clear()
        await device.clock.advance(100)
        assert len(device.network.requests) == 10


async def test_nothing_runs_while_there_is_nothing_to_do() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.sync.save_file(b"done")
        await settle()
        device.network.requests.clear()
        sleepers = device.clock.sleepers
        await device.clock.advance(9)
        assert not device.network.requests
        assert device.clock.sleepers == sleepers, "something polls"


async def test_transfers_start_again_after_the_event_log_failed() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        result = await tab.sync.save_file(b"stubborn")
        request = await device.network.next()
        device.log.fail_next = True
        request.respond(200)
        await settle()
        assert "sync:error" in [event.type for event in tab.events]
        device.store.hold = lambda _request: False
        await device.clock.advance(6)
        assert tab.record(result.file_id).is_uploaded


async def test_two_tabs_that_change_the_controls_of_a_file_at_once_both_have_their_way() -> None:
    async with a_device() as device:
        first, second = await device.tab(), await device.tab()
        result = await first.sync.save_file(b"asked much of")
        await settle()
        await asyncio.gather(
            first.sync.pin_file(result.file_id),
            second.sync.pause_transfer(result.file_id),
            first.sync.prioritize_download(result.file_id),
        )
        await settle()
        control = FileSyncTables(second.store, device.clock).control(result.file_id)
        assert (control.pinned, control.state) == (True, fs.Control.PAUSED)
