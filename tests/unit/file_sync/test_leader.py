"""What the leading tab goes on doing, whatever happens to it, and what the others can ask of it."""

from __future__ import annotations

from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from tests.unit.file_sync.scene import a_device


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


async def _fail() -> dict[str, int]:
    raise RuntimeError("the disk is on fire")
