"""The mounted tree in each of the three contexts: what plain Python does with the store's files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide


@pytest.mark.firefox
@pytest.mark.feature("plain `open` and `pathlib` (mounted files)")
@run_in_pyodide
async def test_folders_are_listed_and_walked(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import glob
    import os
    from pathlib import Path

    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    mounted = await sync.mount()
    try:
        assert (mounted.folder, os.listdir("/files")) == ("/files", [])
        await sync.save_file(b"1", name="tables/one.csv")
        await sync.save_file(b"2", name="tables/two.db")
        gone = await sync.save_file(b"3", name="three.bin")
        assert sorted(os.listdir("/files")) == ["tables", "three.bin"]
        assert sorted(glob.glob("/files/**/*.*", recursive=True)) == [
            "/files/tables/one.csv",
            "/files/tables/two.db",
            "/files/three.bin",
        ]
        walked = [(folder, folders, sorted(names)) for folder, folders, names in os.walk("/files")]
        assert walked == [("/files", ["tables"], ["three.bin"]), ("/files/tables", [], ["one.csv", "two.db"])]
        assert [path.name for path in Path("/files").rglob("*.db")] == ["two.db"]
        await sync.delete_file(gone.file_id)
        assert os.listdir("/files") == ["tables"]
    finally:
        await close_client()
    assert os.listdir("/files") == []


@run_in_pyodide
async def test_libraries_read_the_files(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import csv
    import io
    import sqlite3
    import zipfile
    from pathlib import Path

    from tests.in_page.client import close_client, open_client

    with sqlite3.connect("/tmp/numbers.db") as database:
        database.execute("CREATE TABLE IF NOT EXISTS numbers AS SELECT 1 AS number UNION SELECT 2")
    database.close()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("inner.txt", "inside")
    _store, sync = await open_client(store_id)
    await sync.mount()
    try:
        await sync.save_file(b"name,count\na,1\nb,2\n", name="counts.csv")
        await sync.save_file(Path("/tmp/numbers.db").read_bytes(), name="numbers.db")
        await sync.save_file(archive.getvalue(), name="archive.zip")
        with open("/files/counts.csv", newline="") as table:
            assert sum(int(row["count"]) for row in csv.DictReader(table)) == 3
        with zipfile.ZipFile("/files/archive.zip") as read:
            assert read.read("inner.txt") == b"inside"
        with sqlite3.connect("file:/files/numbers.db?mode=ro", uri=True) as queried:
            assert queried.execute("SELECT sum(number) FROM numbers").fetchall() == [(3,)]
        queried.close()
    finally:
        await close_client()


@run_in_pyodide
async def test_bytes_are_read_at_any_place(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import os
    import random
    import shutil
    from pathlib import Path

    from tests.in_page.client import close_client, open_client

    data = random.Random(5).randbytes(1 << 20)
    _store, sync = await open_client(store_id)
    await sync.mount()
    try:
        await sync.save_file(data, name="large.bin")
        await sync.save_file(b"", name="empty")
        with open("/files/large.bin", "rb") as file:
            assert file.seek(-3, os.SEEK_END) == len(data) - 3
            assert (file.read(), file.read()) == (data[-3:], b"")
            assert os.fstat(file.fileno()).st_size == len(data)
            with os.fdopen(os.dup(file.fileno()), "rb") as second:
                file.close()
                assert (second.seek(0), second.read() == data) == (0, True)
        with open("/files/large.bin", "rb", buffering=0) as file:
            for _ in range(200):
                at, count = random.randrange(len(data)), random.choice([1, 1000, 131_072, 300_000])
                file.seek(at)
                assert file.read(count) == data[at : at + count], (at, count)
        facts = os.stat("/files/large.bin")
        assert (facts.st_size, facts.st_ino) == (len(data), os.stat("/files/large.bin").st_ino)
        assert shutil.copy("/files/large.bin", "/tmp/copy.bin") == "/tmp/copy.bin"
        assert Path("/tmp/copy.bin").read_bytes() == data
        assert Path("/files/empty").read_bytes() == b""
    finally:
        await close_client()


@run_in_pyodide
async def test_an_open_file_keeps_its_content(selenium_everywhere: PyodidePage, store_id: str) -> None:
    from pathlib import Path

    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    await sync.mount()
    try:
        saved = await sync.save_file(b"old content", name="a.txt")
        with open("/files/a.txt", "rb", buffering=0) as file:
            assert file.read(3) == b"old"
            await sync.update_file(saved.file_id, b"new")
            assert Path("/files/a.txt").read_bytes() == b"new"
            assert file.read() == b" content"
            await sync.delete_file(saved.file_id, purge=True)
            assert not Path("/files/a.txt").exists()
            await sync.collect_garbage()
            assert (file.seek(0), file.read()) == (0, b"old content")
    finally:
        await close_client()


@run_in_pyodide
async def test_a_content_that_was_removed_and_saved_again_is_read(
    selenium_everywhere: PyodidePage, store_id: str
) -> None:
    from pathlib import Path

    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    await sync.mount()
    try:
        saved = await sync.save_file(b"again", name="a.txt")
        assert Path("/files/a.txt").read_bytes() == b"again"
        await sync.delete_file(saved.file_id, purge=True)
        await sync.collect_garbage()
        await sync.save_file(b"again", name="b.txt")
        assert Path("/files/b.txt").read_bytes() == b"again"
    finally:
        await close_client()


@run_in_pyodide
async def test_a_folder_that_cannot_be_mounted_at(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import pytest

    import filesync_web as fs
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        await sync.mount("/once")
        for folder in ("/once", "relative", "/", "/tmp", 5):
            with pytest.raises(fs.InvalidArgumentError):
                await sync.mount(folder)
    finally:
        await close_client()


@run_in_pyodide
async def save(selenium: PyodidePage, store_id: str) -> None:
    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id)
    try:
        await sync.save_file(b"far away" * 40_000, name="far.txt")
        files = FILES.tables.files
        await until(lambda: all(file.remote_key for file in store.query(files)), "it is uploaded")
        await until(lambda: not store.unconfirmed(), "the backend knows of it")
    finally:
        await close_client()


@run_in_pyodide
async def register(selenium: PyodidePage) -> None:
    import filesync_web as fs
    from tests.in_page.client import TOKEN

    await fs.register_file_sync_service_worker(
        signer_base_url="/api", headers={"Authorization": f"Bearer {TOKEN}"}
    )


@run_in_pyodide
async def read_what_is_not_here(selenium: PyodidePage, store_id: str, waits: bool) -> None:
    import asyncio
    import errno
    import os
    from pathlib import Path

    from tests.harness.waiting import until
    from tests.in_page.client import FILES, close_client, open_client

    def error_of_reading() -> tuple[int, str] | None:
        try:
            Path("/files/far.txt").read_bytes()
        except BlockingIOError as error:
            return error.errno, error.filename
        return None

    store, sync = await open_client(store_id, downloads="on_demand")
    await sync.mount()
    try:
        await until(lambda: os.listdir("/files") == ["far.txt"], "the file is known")
        files = FILES.tables.files
        await until(lambda: store.query(files)[0].remote_key, "it is known to be uploaded")
        file_id = store.query(files)[0].id
        assert os.stat("/files/far.txt").st_size == 320_000
        if not waits:
            assert error_of_reading() == (errno.EAGAIN, "/files/far.txt")
            await sync.read_file(file_id)
        assert Path("/files/far.txt").read_bytes() == b"far away" * 40_000
        await sync.read_file(file_id)
        await asyncio.sleep(0)
        assert Path("/files/far.txt").read_bytes() == b"far away" * 40_000
    finally:
        await close_client()


@pytest.mark.thorough
def test_a_file_that_is_not_here_is_read_in_a_worker_and_refused_in_a_page(
    selenium: PyodidePage, new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    save(selenium, store_id)
    context = new_context()
    register(open_pyodide_page(context))  # it stays open: the service worker asks it where the signer is
    read_what_is_not_here(open_pyodide_page(context, "worker"), store_id, True)
    read_what_is_not_here(open_pyodide_page(new_context()), store_id, False)
