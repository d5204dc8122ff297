"""What every blob store must do when a download breaks, stalls or is cancelled: go on, and end cleanly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from filesync_web.errors import (
    IntegrityError,
    NetworkError,
    ServerError,
    StallError,
)
from tests.contract.blob_world import KIB, MIB, Recorder, Remote, World

WHEN_ASKED = "&when=asked"


class ResumeContract:
    """Going on after a break."""

    # A browser that learns of the break drops what it has not handed over yet, up to a few megabytes.
    SIZE, CUT = 8 * MIB, 6 * MIB

    async def break_off(self, remote: Remote, **options: Any) -> None:
        """Download until the connection breaks, which it does when bytes have arrived: what a stream still
        holds when it breaks is lost."""
        seen = Recorder()
        remote.url += "" if remote.url.endswith(WHEN_ASKED) else WHEN_ASKED
        download = asyncio.create_task(remote.download(progress=seen, **options))
        arrived = asyncio.create_task(seen.reach(1))
        await asyncio.wait({download, arrived}, return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        await remote.ask("break")
        with pytest.raises(NetworkError):
            await download
        assert await remote.world.store.size(remote.hash) is None
        assert await remote.world.store.list() == {}

    async def test_a_cut_download_goes_on_where_it_broke(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1)
        await self.break_off(remote)
        assert await world.store.sweep() == 0
        seen = Recorder()
        await remote.download(world.reopen(), progress=seen)
        first, second = await remote.requests()
        assert "range" not in first["headers"]
        start = int(second["headers"]["range"].removeprefix("bytes=").removesuffix("-"))
        assert 0 < start <= self.CUT
        assert second["headers"]["if-range"] == '"v1"'
        assert seen.calls[-1] == (len(remote.data), len(remote.data))
        assert await world.read(await world.store.open(remote.hash)) == remote.data

    async def test_it_breaks_and_goes_on_several_times(self, world: World) -> None:
        remote = world.blob(3 * self.SIZE, cut=self.CUT, times=3)
        for _ in range(3):
            await self.break_off(remote)
        await remote.download()
        starts = [int(asked[6:-1] or 0) if asked else 0 for asked in await remote.ranges()]
        assert starts == sorted(set(starts))
        assert await world.read(await world.store.open(remote.hash)) == remote.data

    @pytest.mark.parametrize("fault", ["noetag", "weak"])
    async def test_without_a_strong_etag_the_range_is_asked_for_alone(self, world: World, fault: str) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1, **{fault: ""})
        await self.break_off(remote)
        await remote.download()
        second = (await remote.requests())[1]["headers"]
        assert second["range"].startswith("bytes=")
        assert "if-range" not in second

    async def test_a_server_without_ranges_sends_it_all_again(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1)
        await self.break_off(remote)
        remote.url = remote.url.replace("times=1", "norange=").replace("cut=", "was=")
        await remote.download()
        assert await world.read(await world.store.open(remote.hash)) == remote.data

    async def test_another_etag_sends_it_all_again(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1, etag='"old"')
        await self.break_off(remote)
        await remote.download()
        assert await world.read(await world.store.open(remote.hash)) == remote.data

    async def test_a_range_that_was_not_asked_for_is_refused(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1)
        await self.break_off(remote)
        good = remote.url
        remote.url = good.replace("times=1", "wrongrange=10").replace("cut=", "was=")
        with pytest.raises(IntegrityError):
            await remote.download()
        remote.url = good
        await remote.download()
        assert (await remote.ranges())[-1] == ""

    async def test_a_partial_of_wrong_bytes_is_discarded_in_the_end(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, corrupt=50, times=1)
        await self.break_off(remote)
        with pytest.raises(IntegrityError):
            await remote.download()
        await remote.download()
        first, second, third = await remote.ranges()
        assert (first, bool(second), third) == ("", True, "")

    async def test_a_partial_as_long_as_the_content_needs_no_request_or_begins_anew(
        self, world: World
    ) -> None:
        remote = world.blob(100 * KIB, nolength="", times=1)
        # The size was promised too large: the bytes are all here, but nobody knows.
        await self.break_off(remote, size=200 * KIB)
        await remote.download()
        assert await remote.ranges() == [""]
        other = world.blob(90 * KIB, nolength="", times=1)
        with pytest.raises(NetworkError):
            await other.download(size=200 * KIB)
        await other.download(size=None)  # 416, and once more from the beginning
        assert await other.ranges() == ["", f"bytes={90 * KIB}-", ""]

    async def test_an_answer_that_ends_early_without_a_length_is_a_break(self, world: World) -> None:
        remote = world.blob(self.SIZE, nolength="", cut=self.CUT, times=1)
        await self.break_off(remote)
        await remote.download()
        assert (await remote.ranges())[1] != ""

    async def test_a_busy_server_does_not_cost_what_is_here(self, world: World) -> None:
        remote = world.blob(self.SIZE, cut=self.CUT, times=1)
        await self.break_off(remote)
        good = remote.url
        remote.url = good.replace("times=1", "status=503")
        with pytest.raises(ServerError):
            await remote.download()
        remote.url = good
        await remote.download()
        assert (await remote.ranges())[-1] != ""

    async def test_a_stalled_download_is_a_stall_error_and_goes_on_later(self, world: World) -> None:
        remote, seen = world.blob(stall=100 * KIB), Recorder()
        while not seen.calls:  # on a busy machine it may stand still before a byte has come
            with pytest.raises(StallError):
                await remote.download(stall_timeout=0.5, progress=seen)
        tries = len(await remote.requests())
        remote.url = remote.url.replace("stall=", "was=")
        await remote.download()
        assert (await remote.ranges())[tries] != ""

    async def test_a_server_that_never_answers_is_a_stall_error(self, world: World) -> None:
        remote = world.blob()
        remote.url = remote.url.replace("/blob", "/quiet") + "&hang=0"
        if not world.keeps_time:
            pytest.skip("nothing is quiet in memory")
        with pytest.raises(StallError):
            await remote.download(stall_timeout=0.3)

    async def test_a_cancelled_download_ends_its_request_and_goes_on_later(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("a network in memory delivers at once")
        remote, seen = world.blob(stall=100 * KIB, times=1), Recorder()
        task = asyncio.create_task(remote.download(progress=seen))
        await seen.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await world.store.list() == {}
        assert await world.store.sweep() == 0
        await remote.download()
        assert (await remote.ranges())[1] != ""

    async def test_waiting_for_another_download_of_the_same_content_can_be_cancelled(
        self, world: World
    ) -> None:
        if not world.keeps_time:
            pytest.skip("a network in memory delivers at once")
        remote, seen = world.blob(stall=100 * KIB, times=1), Recorder()
        first = asyncio.create_task(remote.download(progress=seen))
        await seen.called.wait()
        second = asyncio.create_task(remote.download(world.reopen()))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not first.done()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(await remote.requests()) == 1
