"""What every blob store must do with bytes that are written at any place, before they are stored."""

from __future__ import annotations

import random

import pytest

from filesync_web.ports import BlobInfo, NewBytes
from tests.contract.blob_world import KIB, MIB, World, assert_nothing_is_left
from tests.contract.site import content, sha256


def write(new: NewBytes, offset: int, data: bytes) -> None:
    new.write(offset, memoryview(data))


class CreateBytesContract:
    """Writing without awaiting, and storing what was written."""

    @pytest.mark.parametrize("data", [b"", b"a", content(3 * MIB + 7)], ids=["empty", "one", "large"])
    async def test_what_was_written_is_stored_as_one_source(self, world: World, data: bytes) -> None:
        new = await world.store.create_bytes()
        for at in range(0, len(data), 700 * KIB):
            write(new, at, data[at : at + 700 * KIB])
            await new.drain()
        assert new.size == len(data)
        finished = await new.finish()
        assert world.store.describe(finished).size == finished.size == len(data)
        assert await world.read(finished.handle) == data
        assert await world.store.list() == {}
        assert await world.store.put(finished, mime_type="text/plain") == BlobInfo(sha256(data), len(data))
        await new.discard()
        assert await world.store.list() == {sha256(data): len(data)}
        assert await world.read(await world.store.open(sha256(data))) == data
        assert await world.store.sweep() == 0

    async def test_bytes_may_be_written_at_any_place(self, world: World) -> None:
        new, expected, places = await world.store.create_bytes(), bytearray(), random.Random(2)
        for _ in range(60):
            offset, piece = places.randrange(300 * KIB), places.randbytes(places.choice((1, 100, 40 * KIB)))
            write(new, offset, piece)
            expected += bytes(max(0, offset - len(expected)))
            expected[offset : offset + len(piece)] = piece
        assert new.size == len(expected)
        info = await world.store.put(await new.finish())
        assert info == BlobInfo(sha256(bytes(expected)), len(expected))
        assert await world.read(await world.store.open(info.content_hash)) == bytes(expected)

    async def test_a_header_that_is_set_at_last_counts(self, world: World) -> None:
        data = content(34 * MIB)
        new = await world.store.create_bytes()
        for at in range(0, len(data), MIB):
            write(new, at, data[at : at + MIB])
            await new.drain()
        write(new, 0, b"head")
        info = await world.store.put(await new.finish())
        assert info.content_hash == sha256(b"head" + data[4:])
        await world.store.delete(info.content_hash)

    async def test_many_pieces_at_once_come_in_order(self, world: World) -> None:
        new = await world.store.create_bytes()
        for number in range(200):
            write(new, number, bytes([number]))
        assert (await world.store.put(await new.finish())).content_hash == sha256(bytes(range(200)))

    async def test_what_is_discarded_leaves_nothing(self, world: World) -> None:
        begun, finished = await world.store.create_bytes(), await world.store.create_bytes()
        write(begun, 0, content(KIB))
        write(finished, 0, content(KIB))
        await finished.finish()
        assert await world.store.list() == {}
        assert await world.reopen().sweep() == 0
        for new in (begun, finished, begun):
            await new.discard()
        await assert_nothing_is_left(world)

    async def test_the_same_content_twice_is_one_blob(self, world: World) -> None:
        present = await world.store.put(b"abc")
        for _ in range(2):
            new = await world.store.create_bytes()
            write(new, 0, b"abc")
            finished = await new.finish()
            assert await world.store.put(finished) == present
            assert await world.store.put(finished) == present
            await new.discard()
        assert await world.store.list() == {present.content_hash: 3}
        assert await world.store.sweep() == 0

    async def test_the_size_of_an_image_that_was_written(self, world: World) -> None:
        new = await world.store.create_bytes()
        write(new, 0, b"GIF89a" + bytes([3, 0, 2, 0, 0, 0, 0]) + b";")
        assert (await world.store.put(await new.finish(), mime_type="image/gif")).image_size == (3, 2)
