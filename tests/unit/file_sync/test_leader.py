"""What the leading tab goes on doing, whatever happens to it, and what the others can ask of it."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.engine.effects import Job
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from tests.unit.file_sync.scene import Tab, a_device, is_put, saved


async def test_transfers_go_on_after_an_error_that_nobody_foresaw() -> None:
    async with a_device() as device:
        look, device.blobs.list = device.blobs.list, _fail  # type: ignore[method-assign]
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        failed = [event.error for event in tab.events if event.type == "sync:error"]
        assert failed == ["the disk is on fire"]
        device.blobs.list = look  # type: ignore[method-assign]
        await device.clock.advance(6)
        assert tab.record(result.file_id).is_uploaded


async def test_a_signer_that_describes_itself_wrongly_offers_nothing() -> None:
    async with a_device() as device:
        device.store.features = 5  # type: ignore[assignment]
        tab = await device.tab()
        result = await tab.sync.save_file(b"bytes")
        await settle()
        assert tab.record(result.file_id).is_uploaded


async def test_any_tab_can_ask_for_a_look_at_the_connection() -> None:
    probes: list[str] = []

    def count(request: HeldRequest) -> bool:
        if request.url.endswith("/health"):
            probes.append(request.url)
        return False

    async with a_device() as device:
        device.store.hold = count
        leader, follower = await device.tab(), await device.tab()
        for tab in (leader, follower):
            probes.clear()
            tab.sync.trigger_sync()
            await settle()
            assert len(probes) == 1


class SlowEnd:
    """The jobs of a tab, which take their time to clean up when they are cancelled."""

    def __init__(self, tab: Tab) -> None:
        jobs = tab.sync._leader._runner._jobs
        self.may_end = asyncio.Event()
        self.running = self.most = 0
        self._run, jobs.run = jobs.run, self.run  # type: ignore[method-assign]

    async def run(self, job: Job) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self._run(job)
        except asyncio.CancelledError:
            await self.may_end.wait()
            raise
        finally:
            self.running -= 1


async def test_stopping_waits_for_what_a_lost_leadership_has_left() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        slow = SlowEnd(tab)
        await tab.sync.save_file(b"bytes")
        await settle()
        thief = device.leaders.lock()
        await thief.acquire(steal=True)
        await settle()
        assert not tab.store.leader
        stopping = asyncio.ensure_future(tab.sync.stop())
        await device.clock.advance(100)
        assert not stopping.done()
        slow.may_end.set()
        await asyncio.wait_for(stopping, 30)
        assert slow.running == 0


async def test_a_tab_that_leads_again_waits_for_its_own_end() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        slow = SlowEnd(tab)
        result = await tab.sync.save_file(b"bytes")
        await settle()
        thief = device.leaders.lock()
        await thief.acquire(steal=True)
        await settle()
        thief.release()
        await device.clock.advance(1)
        assert tab.store.leader
        assert (slow.running, slow.most) == (1, 1), "the old job is still ending"
        device.store.hold = lambda _request: False
        slow.may_end.set()
        await device.clock.advance(1)
        assert tab.record(result.file_id).is_uploaded
        assert slow.most == 1


async def test_a_start_while_the_stop_waits_begins_after_it() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        slow = SlowEnd(tab)
        result = await tab.sync.save_file(b"bytes")
        await settle()
        stopping = asyncio.ensure_future(tab.sync.stop())
        await settle()
        tab.sync.start()
        await settle()
        assert (slow.running, slow.most) == (1, 1)
        device.store.hold = lambda _request: False
        slow.may_end.set()
        await stopping
        await settle()
        assert tab.record(result.file_id).is_uploaded
        assert slow.most == 1


async def test_disposing_returns_when_all_work_has_ended() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        slow = SlowEnd(tab)
        await tab.sync.save_file(b"bytes")
        await settle()
        disposing = [asyncio.ensure_future(tab.sync.dispose()) for _ in range(2)]
        await device.clock.advance(100)
        assert not any(task.done() for task in disposing)
        slow.may_end.set()
        await asyncio.wait_for(asyncio.gather(*disposing), 30)
        assert slow.running == 0


async def test_disposing_ends_a_collection_that_waits_for_a_save() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (file,) = await saved(tab, b"garbage soon")
        async with device.locks.hold("blobs", exclusive=False):  # another tab is recording
            await tab.sync.delete_file(file.file_id)
            await settle()
            await asyncio.wait_for(tab.sync.dispose(), 30)
        assert file.content_hash in device.blobs.blobs, "the next start collects it"


async def test_one_end_that_fails_keeps_no_other_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_device() as device:
        tab = await device.tab()
        monkeypatch.setattr(tab.sync._eviction, "close", _fail)
        with pytest.raises(RuntimeError, match="fire"):
            await tab.sync.dispose()
        assert tab.sync._leader._following is None
        assert not device.network.held


async def _fail() -> dict[str, int]:
    raise RuntimeError("the disk is on fire")
