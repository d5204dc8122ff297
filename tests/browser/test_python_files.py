"""Files as Python's own file objects, in a page and in a worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness import Profile, PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.memory import Memory
from tests.harness.pyodide_page import Kind


@run_in_pyodide
async def test_libraries_write_and_read(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import csv
    import json
    import sqlite3
    import zipfile

    import filesync_web as fs
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        async with sync.create_file("table.csv", text=True, newline="") as text:
            csv.writer(text).writerows([["name", "number"], *(["ü", number] for number in range(2000))])
        async with sync.open_file(text.result.file_id, text=True, newline="") as text:
            assert sum(int(row["number"]) for row in csv.DictReader(text)) == 1_999_000
        async with sync.create_file("a.zip") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # it goes back to set the sizes
                archive.writestr("member", b"member " * 50_000)
                archive.writestr("other", bytes(300_000))
        async with sync.open_file(file.result.file_id) as file:
            archive = zipfile.ZipFile(file)
            assert (archive.namelist(), archive.testzip()) == (["member", "other"], None)
            assert archive.read("member") == b"member " * 50_000
        database = sqlite3.connect(":memory:")
        database.executescript("create table t (x); insert into t values (41), (1)")
        async with sync.create_file("a.sqlite3") as file:
            file.write(database.serialize())
        async with sync.open_file(file.result.file_id) as file:
            copy = sqlite3.connect(":memory:")
            copy.deserialize(file.read())
            assert copy.execute("select sum(x) from t").fetchone() == (42,)
        saved = await sync.save_file(json.dumps({"key": ["ä", 1]}).encode("utf-16"))
        async with sync.open_file(saved.file_id) as file:
            assert json.load(file) == {"key": ["ä", 1]}
        async with sync.open_file(saved.file_id, encoding="utf-16") as text:
            assert text.read() == '{"key": ["\\u00e4", 1]}'
        caught = None
        try:
            await sync.open_file("unknown").__aenter__()
        except FileNotFoundError as error:
            caught = error
        assert isinstance(caught, fs.UnknownFileError)
    finally:
        await close_client()


@run_in_pyodide
async def test_any_place_is_read_as_from_bytes(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import io
    import random

    from tests.in_page.client import close_client, open_client

    chance = random.Random(5)
    data = bytes(range(256)) * 12_000 + b"\xef\xbb\xbf\xff\xfe\xfe\xff" * 3000 + b"end"
    _store, sync = await open_client(store_id)
    try:
        saved = await sync.save_file(data)
        for buffer_size in (1, 1000, 1 << 17):
            async with sync.open_file(saved.file_id, buffer_size=buffer_size) as file:
                expected = io.BytesIO(data)
                for _ in range(150):
                    place = chance.randrange(len(data) + 100)
                    assert file.seek(place) == expected.seek(place)
                    for _ in range(chance.randrange(4)):
                        count = chance.choice((0, 1, 2, 3, 70, 5000, 70_000))
                        assert file.read(count) == expected.read(count)
                        assert file.tell() == expected.tell()
                file.seek(0)
                assert file.read() == data
                assert file.read(1) == b""
        async with sync.open_file(saved.file_id, suspend=True) as file:
            assert file.seek(255) == 255
            assert file.read(3) == data[255:258]
            assert file.read() == data[258:]
    finally:
        await close_client()


@run_in_pyodide
async def test_other_tasks_run_while_a_read_is_suspended(selenium: PyodidePage, store_id: str) -> None:
    import asyncio

    from pyodide.ffi import can_run_sync

    from tests.in_page.client import close_client, open_client

    data = bytes(range(256)) * 20_000
    _store, sync = await open_client(store_id)
    turns: list[int] = []

    async def turn() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(len(turns))

    async def read() -> tuple[bool, int]:
        async with sync.open_file(saved.file_id, suspend=True) as file:
            before = len(turns)
            assert file.read() == data
            return can_run_sync(), len(turns) - before

    try:
        saved = await sync.save_file(data)
        turning = asyncio.create_task(turn())
        for suspended, count in await asyncio.gather(read(), read(), read()):
            assert suspended == bool(count)
        turning.cancel()
    finally:
        await close_client()


@run_in_pyodide
async def test_any_file_of_javascript_is_read_at_once(selenium_everywhere: PyodidePage) -> None:
    import io

    import js
    from pyodide.ffi import to_js

    from filesync_web.browser.open_file import open_file
    from filesync_web.core.raw_files import RawReader

    data = b"\xff\xfe\xef\xbb\xbf" + bytes(range(256)) * 5000
    closed = []
    opened = open_file(js.Blob.new(to_js([to_js(data)])), lambda: closed.append(True))
    file = io.BufferedReader(RawReader(opened, "a blob"), 4)
    for place in range(8):
        file.seek(place)
        assert file.read(3) == data[place : place + 3]
    assert file.read() == data[10:]
    file.close()
    file.close()
    assert closed == [True]


@run_in_pyodide
async def test_text_is_read_line_by_line(selenium_everywhere: PyodidePage, store_id: str) -> None:
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        lines = [f"Zeile {number} äöü €\n" for number in range(3000)]
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
            saved = await sync.save_file("".join(lines).encode(encoding))
            async with sync.open_file(saved.file_id, encoding=encoding, buffer_size=512) as text:
                assert list(text) == lines
                text.seek(0)
                assert text.readline() == lines[0]
    finally:
        await close_client()


@run_in_pyodide
async def test_a_block_that_raises_leaves_nothing(selenium_everywhere: PyodidePage, store_id: str) -> None:
    from tests.in_page.blobs import leftovers
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id)
    try:
        old = await sync.save_file(b"old")
        for file_id in (None, old.file_id):
            try:
                async with sync.create_file("new", file_id=file_id) as file:
                    file.write(bytes(3 << 20))
                    await file.drain()
                    assert await leftovers(store_id) != []
                    file.write(b"more")
                    raise ZeroDivisionError
            except ZeroDivisionError:
                pass
            assert await leftovers(store_id) == []
        assert [record.content_hash for record in store.query(FILES.tables.files)] == [old.content_hash]
        async with sync.open_file(old.file_id) as file:
            assert file.read() == b"old"
    finally:
        await close_client()


@run_in_pyodide
async def test_an_open_file_stays_what_it_was(selenium_everywhere: PyodidePage, store_id: str) -> None:
    from filesync_web.browser.blobs import OpfsBlobStore
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    data = bytes(range(256)) * 1000
    store, sync = await open_client(store_id)
    other_tab = OpfsBlobStore(store_id)
    try:
        saved = await sync.save_file(data)
        record = FILES.tables.files.where(id=saved.file_id)
        async with sync.open_file(saved.file_id, buffer_size=1) as file, sync.open_file(saved.path) as other:
            assert file.read(3) == data[:3]
            await until(lambda: store.query(record)[0].remote_key, "it is uploaded")
            assert (await (await sync.read_file(saved.file_id)).arrayBuffer()).to_bytes() == data
            assert other.read() == data
            edited = await sync.update_file(saved.file_id, b"edited")
            await sync.delete_file(saved.file_id, purge=True)
            await sync.collect_garbage()
            assert not await other_tab.delete(saved.content_hash)
            assert file.read() == data[3:]

        async def is_gone() -> bool:
            return {saved.content_hash, edited.content_hash}.isdisjoint(await other_tab.list())

        await until(is_gone, "the bytes are removed")
    finally:
        other_tab.close()
        await close_client()


@run_in_pyodide
async def test_what_is_written_in_pieces_is_hashed(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import hashlib

    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        for goes_back in (False, True):  # then it is hashed at the end, here in pieces
            async with sync.create_file() as file:
                sha = hashlib.sha256(b"head" if goes_back else bytes([0]) * 4)
                for number in range(36):
                    piece = bytes([number]) * (1 << 20)
                    file.write(piece)
                    sha.update(piece if number else piece[4:])
                    await file.drain()
                if goes_back:
                    file.seek(0)
                    file.write(b"head")
            assert file.result.content_hash == sha.hexdigest()
            await sync.delete_file(file.result.file_id, purge=True)
    finally:
        await close_client()


@run_in_pyodide
async def test_what_is_open_is_read_to_its_end_when_the_worker_has_ended(
    selenium: PyodidePage, store_id: str
) -> None:
    from filesync_web.browser.blobs import OpfsBlobStore

    data = bytes(range(256)) * 10_000
    store = OpfsBlobStore(store_id)
    stored = await store.put(data)
    opened = await store.open_bytes(stored.content_hash, suspend=True)
    read = bytearray(len(data))
    assert opened.read_into(0, memoryview(read)[:1_500_000]) == 1_500_000
    store.close()
    assert opened.read_into(1_500_000, memoryview(read)[1_500_000:]) == len(data) - 1_500_000
    assert read == data
    opened.close()


@run_in_pyodide
async def create_large(selenium: PyodidePage, store_id: str, mib: int) -> None:
    from tests.in_page import kept
    from tests.in_page.client import open_client

    _store, kept.sync = await open_client(store_id)
    async with kept.sync.create_file("large.bin") as file:
        for number in range(mib):
            file.write(number.to_bytes(4) * (1 << 18))
            await file.drain()
    kept.file_id = file.result.file_id


@run_in_pyodide
async def read_large(selenium: PyodidePage, mib: int) -> None:
    from tests.in_page import kept

    async with kept.sync.open_file(kept.file_id, suspend=True) as file:
        for number in range(mib):
            assert file.read(1 << 20) == number.to_bytes(4) * (1 << 18)
        assert file.read(1) == b""


@run_in_pyodide
async def remove_large(selenium: PyodidePage) -> None:
    from tests.in_page import kept
    from tests.in_page.client import close_client

    await kept.sync.delete_file(kept.file_id)
    await kept.sync.collect_garbage()
    await close_client()


@pytest.mark.only_in("chromium", reason="only DevTools collect garbage before memory is measured")
def test_a_large_file_takes_little_memory_on_the_main_thread(
    new_profile: Callable[[], Profile], store_id: str
) -> None:
    profile, mib = new_profile(), 256
    page = open_pyodide_page(profile.open())
    debugger = page.context.new_cdp_session(page.driver)
    memory = Memory(profile.folder)
    for step in (lambda: create_large(page, store_id, mib), lambda: read_large(page, mib)):
        debugger.send("HeapProfiler.collectGarbage")
        at_rest = memory.resident(memory.renderers)
        memory.reset()
        step()
        assert memory.peak(memory.renderers) - at_rest < 64
    remove_large(page)


@run_in_pyodide
async def write_half(selenium: PyodidePage, store_id: str) -> str:
    """Begin new content of a file, and a new file, and do not end."""
    from tests.in_page import kept
    from tests.in_page.client import open_client

    _store, sync = await open_client(store_id)
    old = await sync.save_file(b"old content", name="old.txt")
    kept.blocks = [sync.create_file(file_id=old.file_id), sync.create_file("new.txt")]
    kept.files = [await block.__aenter__() for block in kept.blocks]
    for file in kept.files:
        file.write(bytes(5 << 20))
        await file.drain()
        file.write(b"half of ")
    return str(old.file_id)


@run_in_pyodide
async def look(selenium: PyodidePage, store_id: str, file_id: str) -> None:
    from tests.in_page.blobs import leftovers
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id)
    try:
        assert [record.id for record in store.query(FILES.tables.files)] == [file_id]
        async with sync.open_file(file_id) as file:
            assert file.read() == b"old content"
        assert await sync.storage_status()
        await sync.collect_garbage()
        assert await leftovers(store_id) == []
    finally:
        await close_client()


@pytest.mark.parametrize("kind", [pytest.param("bare", marks=pytest.mark.thorough), "worker"])
def test_who_is_killed_while_writing_leaves_the_old_content(
    new_profile: Callable[[], Profile], store_id: str, kind: Kind
) -> None:
    profile = new_profile()
    file_id = write_half(open_pyodide_page(profile.open(), kind), store_id)
    profile.kill()
    look(open_pyodide_page(profile.open(), kind), store_id, file_id)
