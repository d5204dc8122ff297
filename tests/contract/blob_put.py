"""What every blob store must do with bytes that it is given, and with those that it has."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from filesync_web.errors import (
    BlobNotFoundError,
    InvalidArgumentError,
)
from filesync_web.ports import BlobInfo
from tests.contract.blob_world import KIB, MIB, Recorder, World, assert_nothing_is_left
from tests.contract.site import content, sha256


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


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
        for source in (image, stream(image)):
            info = await world.store.put(source, mime_type="image/gif")
            assert (info.size, info.image_size) == (len(image), (3, 2))
        assert (await world.store.put(image, mime_type="text/plain")).image_size is None
        assert (await world.store.put(b"no image", mime_type="image/png")).image_size is None
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
