"""What every blob store must do. A test class derives from `BlobStoreContract` and gives it a `world`."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from filesync_web.errors import (
    AuthError,
    BlobNotFoundError,
    IntegrityError,
    InvalidArgumentError,
    NetworkError,
    PermanentTransferError,
    RemoteMissingError,
    ServerError,
    StallError,
)
from filesync_web.ports import BlobInfo, BlobStore, Http
from tests.contract.site import content, sha256

KIB, MIB = 1024, 1024 * 1024
_keys = itertools.count(1)


class World(ABC):
    """A blob store and a site to download from."""

    store: BlobStore
    http: Http
    site: str
    keeps_time = True
    """Whether time passes in it, so that something can stall."""

    @abstractmethod
    def reopen(self) -> BlobStore:
        """Another store object on the same bytes, as after a restart or in another tab."""

    @abstractmethod
    async def read(self, handle: Any) -> bytes:
        """The bytes behind a blob handle."""

    def blob(self, size: int = 300 * KIB, **faults: Any) -> Remote:
        """A file on the site, and the way it misbehaves."""
        return Remote(self, size, faults)


WHEN_ASKED = "&when=asked"


class Remote:
    """A file on the site."""

    def __init__(self, world: World, size: int, faults: dict[str, Any]) -> None:
        self.world = world
        self.key = f"{id(world)}-{next(_keys)}"
        self.data = content(size)
        self.hash = sha256(self.data)
        self.url = f"{world.site}/blob?{urlencode({'size': size, 'key': self.key, **faults})}"

    async def download(self, store: BlobStore | None = None, **options: Any) -> BlobInfo:
        given = {"content_hash": self.hash, "size": len(self.data), "stall_timeout": 20.0, **options}
        return await (store or self.world.store).download(self.url, given.pop("headers", {}), **given)

    async def requests(self) -> list[dict[str, Any]]:
        """What the site was asked, oldest first."""
        return await self.ask("log")

    async def ask(self, what: str) -> Any:
        """What the site knows about this file."""
        url = f"{self.world.site}/{what}?key={self.key}"
        answer = await self.world.http.request("GET", url, headers={}, timeout=10)
        return json.loads(answer.body)

    async def ranges(self) -> list[str]:
        """The Range header of each request, "" for none."""
        return [request["headers"].get("range", "") for request in await self.requests()]


class Recorder:
    """A progress callback that remembers, and that a test can wait for."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.called = asyncio.Event()

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))
        self.called.set()

    async def reach(self, size: int) -> None:
        """Wait until that many bytes are done."""
        while not any(done >= size for done, _total in self.calls):
            self.called.clear()
            await self.called.wait()


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def assert_nothing_is_left(world: World) -> None:
    assert await world.store.list() == {}
    assert await world.store.sweep() == 0


class PutContract:
    """Storing and reading back."""

    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            (lambda: b"", b""),
            (lambda: b"hello", b"hello"),
            (lambda: bytearray(b"hello"), b"hello"),
            (lambda: memoryview(b"0123456789")[2:6], b"2345"),
            (lambda: memoryview(content(40))[::2], content(40)[::2]),
            (lambda: content(3 * MIB + 1), content(3 * MIB + 1)),
            (lambda: io.BytesIO(content(2 * MIB)), content(2 * MIB)),
            (lambda: iter([b"ab", bytearray(b"cd"), memoryview(b"ef"), b""]), b"abcdef"),
            (lambda: stream(b"a" * MIB, b"b" * 3 * MIB, b"", b"c"), b"a" * MIB + b"b" * 3 * MIB + b"c"),
            (stream, b""),
        ],
        ids=[
            "empty",
            "bytes",
            "bytearray",
            "view",
            "strided",
            "large",
            "file",
            "iterator",
            "stream",
            "no-chunk",
        ],
    )
    async def test_put_returns_hash_and_size_of_any_source(
        self, world: World, make: Any, expected: bytes
    ) -> None:
        info = await world.store.put(make())
        assert info == BlobInfo(sha256(expected), len(expected))
        assert await world.store.size(info.content_hash) == len(expected)
        assert await world.read(await world.store.open(info.content_hash)) == expected

    async def test_describe_says_what_is_known(self, world: World) -> None:
        assert world.store.describe(b"abc").size == 3
        assert world.store.describe(stream(b"abc")).size is None
        for wrong in (None, 7, "text", object()):
            with pytest.raises(InvalidArgumentError):
                world.store.describe(wrong)
            with pytest.raises(InvalidArgumentError):
                await world.store.put(wrong)

    async def test_put_of_the_same_content_is_one_blob(self, world: World) -> None:
        infos = await asyncio.gather(*(world.store.put(content(200 * KIB)) for _ in range(4)))
        again = await world.reopen().put(stream(content(200 * KIB)))
        assert {*infos, again} == {BlobInfo(sha256(content(200 * KIB)), 200 * KIB)}
        assert await world.store.list() == {again.content_hash: again.size}
        assert await world.store.sweep() == 0

    async def test_many_puts_at_once(self, world: World) -> None:
        infos = await asyncio.gather(*(world.store.put(content(50 * KIB, seed)) for seed in range(12)))
        assert await world.store.list() == {info.content_hash: 50 * KIB for info in infos}
        for seed, info in enumerate(infos):
            assert info.content_hash == sha256(content(50 * KIB, seed))

    async def test_put_reports_progress_up_to_the_end(self, world: World) -> None:
        seen = Recorder()
        await world.store.put(content(3 * MIB), progress=seen)
        assert seen.calls == sorted(seen.calls)
        assert seen.calls[-1] == (3 * MIB, 3 * MIB)

    async def test_progress_that_raises_does_no_harm_to_a_later_put(self, world: World) -> None:
        def progress(_done: int, _total: int) -> None:
            raise RuntimeError("on purpose")

        try:
            await world.store.put(b"abc", progress=progress)
        except RuntimeError:
            await assert_nothing_is_left(world)
        assert (await world.store.put(b"abc")).size == 3

    async def test_a_source_that_fails_leaves_nothing(self, world: World) -> None:
        async def failing() -> AsyncIterator[bytes]:
            yield content(2 * MIB)
            raise RuntimeError("on purpose")

        with pytest.raises(RuntimeError, match="on purpose"):
            await world.store.put(failing())
        await assert_nothing_is_left(world)

    async def test_a_source_of_something_else_than_bytes_leaves_nothing(self, world: World) -> None:
        def wrong() -> Iterator[Any]:
            yield b"abc"
            yield "text"

        with pytest.raises(InvalidArgumentError, match="str"):
            await world.store.put(wrong())
        await assert_nothing_is_left(world)

    async def test_a_cancelled_put_leaves_nothing_and_closes_its_source(self, world: World) -> None:
        reached, closed = asyncio.Event(), asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            try:
                yield content(MIB)
                reached.set()
                await asyncio.Event().wait()
            finally:
                closed.set()

        task = asyncio.create_task(world.store.put(endless()))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_nothing_is_left(world)
        assert closed.is_set()

    async def test_a_running_put_is_invisible_and_survives_a_sweep(self, world: World) -> None:
        reached, go = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"abc"
            reached.set()
            await go.wait()
            yield b"def"

        task = asyncio.create_task(world.store.put(slow()))
        await reached.wait()
        assert await world.store.list() == {}
        assert await world.reopen().sweep() == 0
        go.set()
        assert (await task).content_hash == sha256(b"abcdef")


class LookUpContract:
    """What is stored, and removing it."""

    async def test_what_is_not_there(self, world: World) -> None:
        unknown = sha256(b"never stored")
        assert await world.store.size(unknown) is None
        for call in (world.store.open, world.store.url):
            with pytest.raises(BlobNotFoundError, match=unknown):
                await call(unknown)
        await world.store.delete(unknown)
        world.store.revoke_url(unknown)
        assert await world.store.image_size(unknown, mime_type="image/png") is None

    async def test_delete_removes_one_content_only(self, world: World) -> None:
        gone, kept = await world.store.put(b"gone", mime_type="text/plain"), await world.store.put(b"kept")
        await world.store.delete(gone.content_hash)
        assert await world.reopen().list() == {kept.content_hash: 4}
        assert await world.store.size(gone.content_hash) is None
        with pytest.raises(BlobNotFoundError):
            await world.store.open(gone.content_hash)
        assert await world.store.put(b"gone") == gone

    async def test_the_store_survives_a_restart(self, world: World) -> None:
        info = await world.store.put(content(KIB))
        store = world.reopen()
        assert await store.list() == {info.content_hash: KIB}
        assert await world.read(await store.open(info.content_hash)) == content(KIB)

    async def test_one_url_for_a_content_until_it_is_revoked(self, world: World) -> None:
        info = await world.store.put(b"abc")
        urls = await asyncio.gather(*(world.store.url(info.content_hash) for _ in range(3)))
        assert len(set(urls)) == 1
        world.store.revoke_url(info.content_hash)
        world.store.revoke_url(info.content_hash)
        assert await world.store.url(info.content_hash)

    async def test_the_size_of_an_image(self, world: World) -> None:
        image = b"GIF89a" + bytes([3, 0, 2, 0, 0, 0, 0]) + b";"
        info = await world.store.put(image)
        assert await world.store.image_size(info.content_hash, mime_type="image/gif") == (3, 2)
        assert await world.store.image_size(info.content_hash, mime_type="text/plain") is None
        other = await world.store.put(b"no image")
        assert await world.store.image_size(other.content_hash, mime_type="image/png") is None

    async def test_storage_status(self, world: World) -> None:
        await world.store.put(content(MIB))
        status = await world.store.storage_status()
        assert status.available
        assert status.usage is not None
        assert status.usage >= MIB
        assert await world.store.request_persistence() in (True, False, None)


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
        remote = world.blob(stall=100 * KIB, times=1)
        with pytest.raises(StallError):
            await remote.download(stall_timeout=0.5)
        await remote.download()
        assert (await remote.ranges())[1] != ""

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


class BlobStoreContract(PutContract, LookUpContract, DownloadContract, ResumeContract):
    """All of it."""
