"""Files as Python's own file objects: what libraries do with them, and what becomes of the bytes."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
import json
import sqlite3
import wave
import zipfile
from contextlib import closing
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import Tab, a_device, hash_of, is_data, saved, synced


async def content_of(tab: Tab, file_id: str) -> bytes:
    async with tab.sync.open_file(file_id) as file:
        return file.read()


# --- reading


async def test_libraries_read_an_open_file() -> None:
    archive, database = io.BytesIO(), sqlite3.connect(":memory:")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("deep/member.txt", "member " * 5000)
    database.executescript("create table t (x); insert into t values (41), (1)")
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        table, zipped, data, tree = await saved(
            tab, b"a;b\r\n1;2\r\n3;4\r\n", archive.getvalue(), database.serialize(), b'{"a": [1, 2]}'
        )
        async with tab.sync.open_file(table.file_id, text=True, newline="") as text:
            assert [row["b"] for row in csv.DictReader(text, delimiter=";")] == ["2", "4"]
        async with tab.sync.open_file(zipped.path) as file:
            found = zipfile.ZipFile(file)
            assert found.namelist() == ["deep/member.txt"]
            assert found.read("deep/member.txt") == b"member " * 5000
        async with tab.sync.open_file(data.file_id) as file:
            with closing(sqlite3.connect(":memory:")) as copy:
                copy.deserialize(file.read())
                assert copy.execute("select sum(x) from t").fetchone() == (42,)
        async with tab.sync.open_file(tree.file_id) as file:
            assert json.load(file) == {"a": [1, 2]}


async def test_an_open_file_is_what_python_opens() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        result = await tab.sync.save_file(bytes(range(256)) * 10, name="bytes.bin")
        async with tab.sync.open_file(result.file_id, buffer_size=16) as file:
            assert isinstance(file, io.BufferedReader)
            assert (file.name, file.mode) == ("bytes.bin", "rb")
            assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
            assert file.read(3) == b"\0\1\2"
            assert file.seek(-2, io.SEEK_END) == 2558
            assert file.read() == b"\xfe\xff"
            assert file.seek(5000) == 5000
            assert file.read(1) == b""
            with pytest.raises(OSError, match="beginning") as caught:
                file.seek(-3000, io.SEEK_END)
            assert caught.value.errno == errno.EINVAL
            with pytest.raises(io.UnsupportedOperation):
                file.write(b"x")
        assert file.closed
        with pytest.raises(ValueError, match="closed"):
            file.read()


async def test_text_has_an_encoding_and_line_ends_as_for_open() -> None:
    content = "Grüße\r\nzwei\r\n".encode("latin-1")
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        [result] = await saved(tab, content)
        async with tab.sync.open_file(result.file_id, encoding="latin-1") as file:
            assert isinstance(file, io.TextIOWrapper)
            assert file.read() == "Grüße\nzwei\n"
        async with tab.sync.open_file(result.file_id, encoding="latin-1", newline="") as file:
            assert list(file) == ["Grüße\r\n", "zwei\r\n"]
        async with tab.sync.open_file(result.file_id, text=True, errors="replace") as file:
            assert file.encoding == "utf-8"
            assert file.readline() == "Gr\ufffd\ufffde\n"
        with pytest.raises(UnicodeDecodeError):
            async with tab.sync.open_file(result.file_id, text=True) as file:
                file.read()


async def test_what_cannot_be_opened_is_a_file_not_found_error() -> None:
    async with a_device() as device:
        tab = await device.tab()
        device.store.hold = is_data
        file_id = await tab.commit_remote_file(device, b"elsewhere")
        for unknown, kind in (("unknown", fs.UnknownFileError), (file_id, fs.BlobNotFoundError)):
            with pytest.raises(kind) as caught:
                async with tab.sync.open_file(unknown, wait=False):
                    pass
            assert isinstance(caught.value, FileNotFoundError)
            assert caught.value.errno == errno.ENOENT
            assert unknown in str(caught.value) or hash_of(b"elsewhere") in str(caught.value)
        with pytest.raises(fs.InvalidArgumentError, match="newline"):
            async with tab.sync.open_file(file_id, newline=""):  # type: ignore[call-overload]
                pass
        with pytest.raises(fs.InvalidArgumentError, match="buffer_size"):
            async with tab.sync.open_file(file_id, buffer_size=0):
                pass
        with pytest.raises(LookupError, match="no-such"):
            async with tab.sync.open_file(file_id, encoding="no-such"):
                pass


async def test_a_file_that_is_not_here_is_downloaded_first() -> None:
    async with a_device() as device:
        tab = await device.tab()
        device.store.hold = is_data
        reading = asyncio.create_task(content_of(tab, await tab.commit_remote_file(device, b"slow")))
        await settle()
        assert not reading.done()
        (await device.network.next()).respond(200, b"slow")
        assert await reading == b"slow"


async def test_an_open_file_keeps_its_content_when_it_is_edited_and_deleted() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await tab.keep_nothing()
        [result] = await saved(tab, b"old content")
        async with tab.sync.open_file(result.file_id, buffer_size=1) as file:
            assert file.read(3) == b"old"
            await tab.sync.update_file(result.file_id, b"new")
            await tab.sync.delete_file(result.file_id)
            await tab.sync.collect_garbage()
            await settle()
            assert set(device.blobs.blobs) == {hash_of(b"old content")}
            assert file.read() == b" content"
        await device.clock.advance(2)  # the bytes are removed by whoever gets the lock, now or then
        assert device.blobs.blobs == {}


async def test_an_open_file_is_not_evicted() -> None:
    async with a_device() as device:
        tab = await device.tab()
        [result] = await saved(tab, b"content")
        async with tab.sync.open_file(result.file_id) as file:
            with pytest.raises(fs.NotEvictableError, match="open"):
                await tab.sync.evict_file(result.file_id)
            assert await tab.sync.free_space(1) == 0
            assert file.read() == b"content"
            row = tab.row(result.file_id)
            assert row is not None
            assert row.local_hash == result.content_hash
        await tab.sync.evict_file(result.file_id)
        assert device.blobs.blobs == {}


async def test_an_orphan_that_is_open_is_not_dropped() -> None:
    async with a_device() as device:
        backend = synced(device)
        tab = await device.tab()
        [result] = await saved(tab, b"content")
        await device.clock.advance(5)
        async with tab.sync.open_file(result.file_id) as file:
            backend.reset()
            await device.clock.advance(30)
            with pytest.raises(fs.NotEvictableError, match="open"):
                await tab.sync.drop_orphan(result.content_hash)
            assert file.read() == b"content"
        await tab.sync.drop_orphan(result.content_hash)
        assert device.blobs.blobs == {}


# --- writing


async def test_libraries_write_a_created_file() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        async with tab.sync.create_file("table.csv", text=True, newline="") as text:
            assert isinstance(text, fs.CreatedTextFile)
            csv.writer(text).writerows([["a", "ü"], [1, 2]])
            await text.drain()
        assert await content_of(tab, text.result.file_id) == "a,ü\r\n1,2\r\n".encode()
        assert fs.get_file_metadata(tab.record(text.result.file_id)).mime_type == "text/csv"
        async with tab.sync.create_file("a.zip", mime_type="application/x-own") as file:
            assert isinstance(file, fs.CreatedFile)
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("member", b"m" * 100_000)
        assert fs.get_file_metadata(tab.record(file.result.file_id)).mime_type == "application/x-own"
        async with tab.sync.open_file(file.result.file_id) as found:
            archive = zipfile.ZipFile(found)
            assert archive.testzip() is None
            assert archive.read("member") == b"m" * 100_000
        async with tab.sync.create_file() as file:
            with wave.open(file, "wb") as sound:  # it sets the header last
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(b"\1\2" * 500)
        async with tab.sync.open_file(file.result.file_id) as found:
            with wave.open(found) as sound:
                assert sound.getnframes() == 500
        assert fs.get_file_metadata(tab.record(file.result.file_id)).name is None


async def test_new_content_of_a_file() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        old = await tab.sync.save_file(b"old", name="notes.txt")
        async with tab.sync.create_file(file_id=old.file_id, encoding="utf-16-le") as file:
            file.write("new")
            assert await content_of(tab, old.file_id) == b"old"
        assert file.result.file_id == old.file_id
        assert await content_of(tab, old.file_id) == "new".encode("utf-16-le")
        assert fs.get_file_metadata(tab.record(old.file_id)).name == "notes.txt"
        with pytest.raises(fs.UnknownFileError):
            async with tab.sync.create_file(file_id="unknown"):
                pytest.fail("there is nothing to write to")


async def write_half_a_file(tab: Tab, **arguments: Any) -> None:
    async with tab.sync.create_file(**arguments) as file:
        file.write(b"half of")
        await file.drain()
        file.write(b" it")
        with pytest.raises(asyncio.InvalidStateError):
            assert file.result
        raise ZeroDivisionError


async def test_a_block_that_raises_keeps_nothing() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        old = await tab.sync.save_file(b"old")
        for arguments in ({}, {"file_id": old.file_id}):
            with pytest.raises(ZeroDivisionError):
                await write_half_a_file(tab, **arguments)
        assert set(device.blobs.blobs) == {old.content_hash}
        assert len(tab.store.query("select 1 from files")) == 1


async def test_a_full_device_is_an_os_error_and_keeps_nothing() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        device.blobs.quota = 1000
        with pytest.raises(fs.QuotaExceededError) as caught:
            async with tab.sync.create_file() as file:
                file.write(bytes(1001))
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == errno.ENOSPC
        assert device.blobs.blobs == {}


async def test_an_argument_that_cannot_work_is_told_before_the_block() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        wrong = (
            {"mime_type": "nö"},
            {"metadata": fs.FileMetadata(custom={"x": object()})},
            {"errors": "ignore"},
        )
        for arguments in wrong:
            with pytest.raises(fs.InvalidArgumentError):
                async with tab.sync.create_file(**arguments):  # type: ignore[call-overload]
                    pytest.fail("it is too late")


async def test_a_preprocessor_gets_what_was_written() -> None:
    seen = []

    def shout(source: object) -> bytes:
        seen.append(source)
        return b"LOUD"

    async with a_device() as device:
        tab = await device.tab(local_only=True, preprocessors={"text/plain": shout})
        async with tab.sync.create_file("a.txt") as file:
            file.write(b"quiet")
        async with tab.sync.create_file("a.bin") as other:
            other.write(b"quiet")
        assert [getattr(source, "data", None) for source in seen] == [b"quiet"]
        assert await content_of(tab, file.result.file_id) == b"LOUD"
        assert await content_of(tab, other.result.file_id) == b"quiet"


async def test_a_library_may_close_the_file_before_the_block_ends() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        async with tab.sync.create_file() as file:
            file.write(b"abc")
            file.close()
        assert await content_of(tab, file.result.file_id) == b"abc"
