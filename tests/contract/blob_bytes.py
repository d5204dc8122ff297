"""What every blob store must do for those who read stored bytes at any place, without awaiting."""

from __future__ import annotations

import errno
import random
from functools import partial

import pytest

from filesync_web.errors import BlobNotFoundError, StorageError, UnreadableError
from filesync_web.ports import RandomAccess
from tests.contract.blob_world import KIB, MIB, World
from tests.contract.site import content, sha256
from tests.harness.waiting import until


def read(opened: RandomAccess, offset: int, count: int) -> bytes:
    buffer = bytearray(b"?" * count)
    came = opened.read_into(offset, memoryview(buffer))
    assert buffer[came:] == b"?" * (count - came)
    return bytes(buffer[:came])


class OpenBytesContract:
    """Reading at any place."""

    async def test_bytes_are_read_at_any_place(self, world: World) -> None:
        data = content(3 * MIB + 5)
        opened = await world.store.open_bytes((await world.store.put(data)).content_hash)
        places = random.Random(1)
        assert opened.size == len(data)
        for _ in range(40):
            offset, count = places.randrange(len(data) + 10), places.choice((0, 1, 7, 4 * KIB, MIB + 3))
            assert read(opened, offset, count) == data[offset : offset + count]
        assert read(opened, 0, len(data) + 1) == data
        assert read(opened, len(data) - 1, 2) == data[-1:]
        assert read(opened, len(data), 1) == read(opened, 10 * MIB, 1) == b""
        opened.close()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\0",
            bytes(range(256)) * 2,
            b"\xef\xbb\xbf\xff\xfe\xfe\xff\xef\xbb\xbfabc",
            b"\r\n\r\0\x1a\xa0\x80",
        ],
        ids=["empty", "one", "all", "byte order marks", "controls"],
    )
    async def test_any_bytes_come_as_they_are(self, world: World, data: bytes) -> None:
        opened = await world.store.open_bytes(
            (await world.store.put(data, mime_type="text/plain")).content_hash
        )
        for start in range(min(len(data), 16)):
            assert read(opened, start, len(data)) == data[start:]
            assert read(opened, start, 3) == data[start : start + 3]
        assert read(opened, 0, 1000) == data
        opened.close()

    async def test_all_bytes_are_read_into_memory(self, world: World) -> None:
        for data in (b"", b"\x00\xff", content(3 * MIB + 5)):
            found = await world.store.read((await world.store.put(data)).content_hash)
            assert isinstance(found, bytes)
            assert found == data
        with pytest.raises(BlobNotFoundError):
            await world.store.read(sha256(b"never stored"))

    async def test_what_is_not_there_cannot_be_opened(self, world: World) -> None:
        unknown = sha256(b"never stored")
        with pytest.raises(BlobNotFoundError, match=unknown):
            await world.store.open_bytes(unknown)
        assert await world.store.delete(unknown)

    async def test_what_is_open_stays_readable_when_it_is_deleted(self, world: World) -> None:
        info = await world.store.put(content(KIB))
        one, other = [await world.reopen().open_bytes(info.content_hash) for _ in range(2)]
        await world.store.delete(info.content_hash)
        assert read(one, 0, KIB) == content(KIB)
        one.close()
        await world.store.delete(info.content_hash)
        assert read(other, 7, KIB) == content(KIB)[7:]
        other.close()
        await until(partial(world.store.delete, info.content_hash), "it is removed")
        assert await world.store.list() == {}
        with pytest.raises(BlobNotFoundError):
            await world.store.open_bytes(info.content_hash)

    async def test_what_is_closed_is_read_no_more(self, world: World) -> None:
        opened = await world.store.open_bytes((await world.store.put(b"abc")).content_hash)
        opened.close()
        opened.close()
        with pytest.raises(UnreadableError) as caught:
            read(opened, 0, 1)
        assert isinstance(caught.value, OSError)
        assert isinstance(caught.value, StorageError)
        assert caught.value.errno == errno.EIO
