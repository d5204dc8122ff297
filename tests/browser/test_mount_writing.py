"""Writing into the mounted tree, in each of the three contexts."""

from __future__ import annotations

import secrets

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
async def test_what_is_written_is_saved(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import csv
    import os
    import shutil
    from pathlib import Path

    import filesync_web as fs
    from tests.in_page.client import FILES, close_client, open_client

    store, sync = await open_client(store_id)
    mounted = await sync.mount()

    def names() -> list[str | None]:
        records = store.query(FILES.tables.files.where(deleted_at=None))
        return sorted(fs.get_file_metadata(record).name for record in records)

    try:
        old = await sync.save_file(b"old", name="old.txt")
        with open("/files/sums.csv", "w", newline="") as table:
            csv.writer(table).writerows([["name", "sum"], ["a", 3]])
        assert Path("/files/sums.csv").read_text() == "name,sum\na,3\n"
        with open("/files/old.txt", "a") as file:
            file.write(" and new")
            file.flush()
            assert Path("/files/old.txt").read_text() == "old and new"
        shutil.copy("/files/old.txt", "/files/copy.txt")
        os.rename("/files/copy.txt", "/files/renamed.txt")
        os.makedirs("/files/folder/inner")
        os.replace("/files/sums.csv", "/files/folder/sums.csv")
        await mounted.flush()
        assert names() == ["folder/sums.csv", "old.txt", "renamed.txt"]
        assert await (await sync.read_file(old.file_id)).text() == "old and new"
        os.remove("/files/old.txt")
        os.rename("/files/renamed.txt", "/files/folder/inner/last.txt")
        await mounted.flush()
        assert names() == ["folder/inner/last.txt", "folder/sums.csv"]
        assert store.query(FILES.tables.files.where(id=old.file_id))[0].deleted_at
        assert Path("/files/folder/inner/last.txt").read_text() == "old and new"
        assert mounted.last_error is None
    finally:
        await close_client()


@run_in_pyodide
async def test_one_close_is_one_event(selenium_everywhere: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.in_page import kept
    from tests.in_page.client import close_client, open_store

    store = await open_store(store_id, token="")
    sync = kept.sync = await fs.create_file_sync(store, remote=None)
    mounted = await sync.mount()
    told: list[str] = []
    store.on_events(lambda events: told.extend(name for name, _args in events))
    try:
        with open("/files/a.txt", "wb", buffering=0) as file:
            file.writelines([b"x" * 1000] * 5)
            await mounted.flush()
            assert told == [], "nobody sees a file that is being written"
        await mounted.flush()
        assert [name for name in told if name.startswith("v1.File")] == ["v1.FileCreated"]
        with open("/files/a.txt", "r+b") as file:
            file.write(b"y")
        await mounted.flush()
        of_files = [name for name in told if name.startswith("v1.File")]
        assert of_files == ["v1.FileCreated", "v1.FileUpdated", "v1.FileVersionBase"], (
            "with what it was based on"
        )
    finally:
        await close_client()


@run_in_pyodide
async def walk(selenium: PyodidePage, store_id: str, seed: int, most_in_memory: int) -> None:
    import shutil
    from pathlib import Path

    import filesync_web as fs
    from filesync_web.files import mounted_entry
    from tests.in_page.client import FILES, close_client, open_client
    from tests.in_page.mounted_walk import Walk, tree_of

    store, sync = await open_client(store_id)
    mounted = await sync.mount()
    beside = Path("/tmp/beside")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    steps = Walk(seed, ("/files", str(beside)))
    usual, mounted_entry.MOST_IN_MEMORY = mounted_entry.MOST_IN_MEMORY, most_in_memory
    try:
        for _ in range(12):
            for _ in range(60):
                steps.step()
            steps.look()
            await mounted.flush()
            steps.look()
        steps.close_all()
        await mounted.flush()
        steps.look()
        stored = {}
        for record in store.query(FILES.tables.files.where(deleted_at=None)):
            js_file = await sync.read_file(record.id)
            stored[fs.get_file_metadata(record).name] = (await js_file.arrayBuffer()).to_bytes()
        files = {path: data for path, data in tree_of(str(beside)).items() if data is not None}
        assert stored == files
    finally:
        steps.close_all()
        await close_client()
        mounted_entry.MOST_IN_MEMORY = usual


def test_any_walk_is_the_same_as_in_a_plain_folder(selenium_everywhere: PyodidePage, store_id: str) -> None:
    few, many = 2000, 4 << 20  # bytes that may be written in memory
    fresh = secrets.randbelow(1 << 30)
    for seed, memory in ((142408120, many), (fresh, few), (fresh + 1, many)):
        print(f"seed {seed}, {memory} bytes in memory")  # to walk it again
        walk(selenium_everywhere, f"{store_id}-{seed}", seed, memory)
