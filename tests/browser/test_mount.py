"""The mounted tree in each of the three contexts: what plain Python does with the store's files."""

from __future__ import annotations

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
async def test_files_are_read_by_plain_python(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import csv
    import glob
    import io
    import os
    import shutil
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
    mounted = await sync.mount()
    try:
        assert (mounted.folder, os.listdir("/files")) == ("/files", [])
        await sync.save_file(b"name,count\na,1\nb,2\n", name="tables/counts.csv")
        await sync.save_file(Path("/tmp/numbers.db").read_bytes(), name="tables/numbers.db")
        await sync.save_file(archive.getvalue(), name="archive.zip")
        large = await sync.save_file(bytes(range(256)) * 4096, name="large.bin")

        assert sorted(os.listdir("/files")) == ["archive.zip", "large.bin", "tables"]
        assert sorted(glob.glob("/files/**/*.*", recursive=True)) == [
            "/files/archive.zip",
            "/files/large.bin",
            "/files/tables/counts.csv",
            "/files/tables/numbers.db",
        ]
        assert [sorted(names) for _folder, _folders, names in os.walk("/files")] == [
            ["archive.zip", "large.bin"],
            ["counts.csv", "numbers.db"],
        ]
        assert sorted(path.name for path in Path("/files").rglob("*.db")) == ["numbers.db"]
        with open("/files/tables/counts.csv", newline="") as table:
            assert sum(int(row["count"]) for row in csv.DictReader(table)) == 3
        with zipfile.ZipFile("/files/archive.zip") as read:
            assert read.read("inner.txt") == b"inside"
        with sqlite3.connect("file:/files/tables/numbers.db?mode=ro", uri=True) as queried:
            assert queried.execute("SELECT sum(number) FROM numbers").fetchall() == [(3,)]
        queried.close()
        with open("/files/large.bin", "rb") as file:
            assert file.seek(-3, os.SEEK_END) == 4096 * 256 - 3
            assert (file.read(), file.read()) == (b"\xfd\xfe\xff", b"")
            assert (file.seek(131_070), file.read(4)) == (131_070, b"\xfe\xff\x00\x01")
            assert len(file.read()) == 4096 * 256 - 131_074
            assert os.fstat(file.fileno()).st_size == 4096 * 256
        facts = os.stat("/files/large.bin")
        assert (facts.st_size, facts.st_ino) == (4096 * 256, os.stat("/files/large.bin").st_ino)
        assert shutil.copy("/files/large.bin", "/tmp/copy.bin") == "/tmp/copy.bin"
        assert Path("/tmp/copy.bin").read_bytes() == bytes(range(256)) * 4096
        await sync.delete_file(large.file_id)
        assert not os.path.exists("/files/large.bin")
    finally:
        await close_client()
    assert os.listdir("/files") == []
