"""What every blob store must do to fetch a whole content, and when it gets something else."""

from __future__ import annotations

import asyncio

import pytest

from filesync_web.errors import (
    AuthError,
    IntegrityError,
    NetworkError,
    PermanentTransferError,
    RemoteMissingError,
    ServerError,
)
from filesync_web.ports import BlobInfo
from tests.contract.blob_world import KIB, Recorder, World, assert_nothing_is_left
from tests.contract.site import sha256


class DownloadContract:
    """Fetching whole contents, and errors."""

    async def test_a_download_is_stored_and_its_headers_are_sent(self, world: World) -> None:
        remote, seen = world.blob(), Recorder()
        info = await remote.download(headers={"Authorization": "Bearer abc"}, progress=seen)
        assert info == BlobInfo(remote.hash, len(remote.data))
        assert await world.read(await world.store.open(remote.hash)) == remote.data
        [request] = await remote.requests()
        assert request["headers"]["authorization"] == "Bearer abc"
        assert seen.calls[-1] == (len(remote.data), len(remote.data))
        assert await world.store.sweep() == 0

    async def test_an_empty_file_and_an_unknown_size(self, world: World) -> None:
        await world.blob(0).download()
        await world.blob(0).download(size=None)
        remote = world.blob(10 * KIB, nolength="")
        await remote.download(size=None)
        assert await world.store.list() == {sha256(b""): 0, remote.hash: 10 * KIB}

    async def test_what_is_here_is_not_fetched(self, world: World) -> None:
        remote = world.blob()
        await world.store.put(remote.data)
        assert (await remote.download()).size == len(remote.data)
        assert await remote.requests() == []

    async def test_two_downloads_of_one_content_are_one_request(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("one network, one store")
        remote = world.blob()
        await asyncio.gather(remote.download(), remote.download(), remote.download(world.reopen()))
        assert len(await remote.requests()) == 1

    async def test_two_downloads_of_one_small_content_are_one_request(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("one network, one store")
        remote = world.blob(7 * KIB)
        await asyncio.gather(remote.download(), remote.download(), remote.download())
        assert len(await remote.requests()) == 1

    async def test_small_content_that_two_stores_download_is_there_once(self, world: World) -> None:
        remote = world.blob(7 * KIB)
        await asyncio.gather(remote.download(), remote.download(world.reopen()))
        assert await world.store.list() == {remote.hash: len(remote.data)}

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (401, AuthError),
            (403, PermanentTransferError),
            (404, RemoteMissingError),
            (413, PermanentTransferError),
            (429, ServerError),
            (503, ServerError),
        ],
    )
    async def test_a_status_is_its_typed_error(self, world: World, status: int, expected: type) -> None:
        remote = world.blob(status=status, retry_after=7)
        with pytest.raises(expected) as caught:
            await remote.download()
        assert caught.value.status == status
        if expected is ServerError:
            assert caught.value.retry_after == 7.0
        await assert_nothing_is_left(world)

    async def test_no_server_is_a_network_error(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("a network in memory has no other hosts")
        remote = world.blob()
        remote.url = "http://127.0.0.1:9/nobody-listens-here"
        with pytest.raises(NetworkError):
            await remote.download()
        await assert_nothing_is_left(world)

    @pytest.mark.parametrize(
        "fault", [{"corrupt": 1000}, {"more": 5}, {"seed": 2}], ids=lambda fault: next(iter(fault))
    )
    @pytest.mark.parametrize("size_is_known", [True, False])
    async def test_wrong_bytes_are_discarded_and_fetched_again(
        self, world: World, fault: dict[str, int], size_is_known: bool
    ) -> None:
        remote = world.blob(times=1, **fault)
        if "seed" in fault:
            remote.url = remote.url.replace("times=1", "")
        with pytest.raises(IntegrityError):
            await remote.download(**({} if size_is_known else {"size": None}))
        await assert_nothing_is_left(world)
        if "seed" not in fault:
            await remote.download()
            assert await remote.ranges() == ["", ""]
