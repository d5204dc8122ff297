"""The file system of fsspec on CPython, over an app's own `FileSync`."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import json
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import pytest
from fsspec.callbacks import Callback
from fsspec.implementations.local import LocalFileSystem
from upath import UPath

import filesync_web as fs
from filesync_web.fsspec import CannotWaitError, FileSyncFileSystem
from tests.harness.waiting import until
from tests.in_page.client import SCHEMA

T = TypeVar("T")


@pytest.fixture
async def sync(tmp_path: Path) -> AsyncIterator[fs.FileSync]:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path)
    file_sync = await fs.create_file_sync(store, remote=None)
    yield file_sync
    await file_sync.dispose()
    await store.close()


async def within(sync: fs.FileSync, work: Callable[[FileSyncFileSystem], T]) -> T:
    """Use the file system in a thread beside the event loop."""
    return await asyncio.to_thread(work, FileSyncFileSystem(sync))


def begun(folder: Path) -> list[Path]:
    """The temporary files of what is being written."""
    return list((folder / "livestore-filesync-incoming" / "s").iterdir())


async def test_names_make_folders_and_each_file_has_a_path_and_an_id(sync: fs.FileSync) -> None:
    first = await sync.save_file(b"first", name="a/plan.txt")
    second = await sync.save_file(b"the second", name="a/plan.txt")
    await sync.save_file(b"{}", name="top.json")

    def look(system: FileSyncFileSystem) -> None:
        assert [(info["name"], info["type"]) for info in system.ls("")] == [("s", "directory")]
        assert system.ls("filesync://s/", detail=False) == ["s/a", "s/top.json"]
        assert system.ls("s/a", detail=False) == ["s/a/plan (2).txt", "s/a/plan.txt"]
        assert system.find("s") == ["s/a/plan (2).txt", "s/a/plan.txt", "s/top.json"]
        assert [*system.walk("s")] == [("s", ["a"], ["top.json"]), ("s/a", [], ["plan (2).txt", "plan.txt"])]
        assert system.glob("s/**/*.txt") == ["s/a/plan (2).txt", "s/a/plan.txt"]
        assert system.du("s") == len(b"firstthe second{}")
        info = system.info("s/a/plan (2).txt")
        assert (info["id"], info["size"], info["type"]) == (second.file_id, 10, "file")
        assert (info["content_hash"], info["mime_type"]) == (second.content_hash, "text/plain")
        assert system.created("s/top.json") <= system.modified("s/top.json")
        assert system.cat(f"s/{first.file_id}") == b"first"
        assert system.info(f"filesync://s/{first.file_id}")["name"] == f"s/{first.file_id}"
        assert (system.exists("s/a"), system.isdir("s/a"), system.isfile("s/a")) == (True, True, False)
        assert system.isfile("s/top.json")
        assert not any(look("s/b") for look in (system.exists, system.isdir, system.isfile))
        assert not system.exists("another/top.json")

    await within(sync, look)


async def test_what_others_change_shows_at_the_next_look(sync: fs.FileSync) -> None:
    saved = await sync.save_file(b"1", name="one.txt")
    system = FileSyncFileSystem(sync)
    assert await system._ls("s", detail=False) == ["s/one.txt"]
    await sync.rename_file(saved.file_id, "two.txt")
    assert await system._ls("s", detail=False) == ["s/two.txt"]
    async with await system.open_async("s/two.txt") as file:
        await sync.delete_file(saved.file_id)
        assert await system._find("s") == []
        assert await file.read() == b"1"


async def test_files_are_read_at_any_place_by_any_thread(sync: fs.FileSync) -> None:
    data = random.Random(3).randbytes(600_000)
    await sync.save_file(data, name="data")

    def read(system: FileSyncFileSystem) -> None:
        for start, end in ((None, None), (5, 9), (-7, None), (None, -599_990), (599_990, 700_000), (9, 5)):
            assert system.cat_file("s/data", start, end) == data[slice(start, end)]
        assert system.cat_ranges(["s/data"] * 2, [0, 3], [2, 8]) == [data[:2], data[3:8]]
        with system.open("s/data") as file:
            assert isinstance(file, io.BufferedReader)
            assert (file.size, file.readable(), file.writable()) == (600_000, True, False)
            assert file.seek(-4, io.SEEK_END) == 599_996
            assert file.read() == data[-4:]
        with pytest.raises(ValueError, match="closed file"):
            file.read()

        def piece(start: int) -> bool:
            with system.open("s/data", block_size=start + 1) as file:
                file.seek(start)
                return bool(file.read(70_000) == data[start : start + 70_000])

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(piece, range(0, 600_000, 33_333)))

    await within(sync, read)


async def test_a_written_file_is_saved_when_it_is_closed_and_replaces_the_content_at_its_path(
    sync: fs.FileSync,
) -> None:
    old = await sync.save_file(b"old", name="a/b.txt", metadata=fs.FileMetadata(custom={"kept": 1}))

    def write(system: FileSyncFileSystem) -> None:
        with system.open("s/a/b.txt", "w", encoding="utf-8") as text:
            text.write("nëw")
            assert system.cat("s/a/b.txt") == b"old"
        assert system.read_text("s/a/b.txt", encoding="utf-8") == "nëw"
        assert system.info("s/a/b.txt")["id"] == old.file_id
        with system.open("s/c", "xb", mime_type="image/png") as file:
            file.write(bytes(20_000_000))
            file.seek(1)
            file.write(b"x")
        assert system.cat_file("s/c", 0, 3) == b"\0x\0"
        assert system.info("s/c")["mime_type"] == "image/png"
        assert system.size("s/c") == 20_000_000
        system.pipe({"s/p/1": b"1", "s/p/2": b"2"})
        assert system.cat("s/p/*") == {"s/p/1": b"1", "s/p/2": b"2"}
        system.touch("s/p/1")
        assert system.cat("s/p/1") == b""
        with fsspec.open("filesync://s/d.json", "wt", file_sync=sync) as file:
            json.dump([1], file)
        assert system.cat("s/d.json") == b"[1]"

    await within(sync, write)
    assert (await sync.read_bytes(old.file_id)).decode() == "nëw"


async def test_nothing_is_kept_of_what_is_not_written_to_its_end(sync: fs.FileSync, tmp_path: Path) -> None:
    await sync.save_file(b"old", name="a")

    def write_and_fail(system: FileSyncFileSystem) -> None:
        with system.open("s/a", "wb") as file:
            file.write(bytes(2_000_000))
            raise KeyError

    def write_and_fail_in_a_transaction(system: FileSyncFileSystem) -> None:
        with system.transaction:
            with system.open("s/c", "wb") as file:
                file.write(b"c")
            raise KeyError

    async def write_and_fail_awaiting(system: FileSyncFileSystem) -> None:
        async with await system.open_async("s/a", "wb") as file:
            await file.write(b"new")
            raise KeyError

    def fail(system: FileSyncFileSystem) -> None:
        with pytest.raises(KeyError):
            write_and_fail(system)
        forgotten = system.open("s/b", "wb")
        forgotten.write(b"half")
        del forgotten
        gc.collect()
        with pytest.raises(KeyError):
            write_and_fail_in_a_transaction(system)
        with system.transaction:
            for name in "xy":
                with system.open(f"s/{name}", "wb") as file:
                    file.write(b"done")
            assert system.find("s") == ["s/a"]
        assert system.find("s") == ["s/a", "s/x", "s/y"]
        assert (system.cat("s/a"), system.cat("s/y")) == (b"old", b"done")

    await within(sync, fail)
    with pytest.raises(KeyError):
        await write_and_fail_awaiting(FileSyncFileSystem(sync))
    assert await sync.read_bytes((await FileSyncFileSystem(sync)._info("s/a"))["id"]) == b"old"
    await until(lambda: not begun(tmp_path), "the temporary files are gone")


async def test_errors_are_those_of_python_and_of_the_kit(sync: fs.FileSync) -> None:
    await sync.save_file(b"", name="folder/file")

    def fail(system: FileSyncFileSystem) -> None:
        expected: list[tuple[Callable[[], object], type[OSError], int]] = [
            (lambda: system.open("s/nothing"), FileNotFoundError, errno.ENOENT),
            (lambda: system.info("another/file"), FileNotFoundError, errno.ENOENT),
            (lambda: system.ls("s/nothing"), FileNotFoundError, errno.ENOENT),
            (lambda: system.rm("s/*.txt"), FileNotFoundError, errno.ENOENT),
            (lambda: system.cat_file("s/nothing"), FileNotFoundError, errno.ENOENT),
            (lambda: system.mv("s/nothing", "s/new"), FileNotFoundError, errno.ENOENT),
            (lambda: system.open("s/folder"), IsADirectoryError, errno.EISDIR),
            (lambda: system.open("s/folder", "wb"), IsADirectoryError, errno.EISDIR),
            (lambda: system.open("s", "wb"), IsADirectoryError, errno.EISDIR),
            (lambda: system.rm("s/folder"), IsADirectoryError, errno.EISDIR),
            (lambda: system.mv("s/folder", "s/new"), IsADirectoryError, errno.EISDIR),
            (lambda: system.open("s/folder/file/below", "wb"), NotADirectoryError, errno.ENOTDIR),
            (lambda: system.rmdir("s/folder/file"), NotADirectoryError, errno.ENOTDIR),
            (lambda: system.rmdir("s/folder"), OSError, errno.ENOTEMPTY),
            (lambda: system.open("s/folder/file", "xb"), FileExistsError, errno.EEXIST),
            (lambda: system.pipe_file("s/folder/file", b"", mode="create"), FileExistsError, errno.EEXIST),
            (lambda: system.mkdir("s/folder"), FileExistsError, errno.EEXIST),
            (lambda: system.makedirs("s/folder/file", exist_ok=True), FileExistsError, errno.EEXIST),
        ]
        for number, (work, kind, code) in enumerate(expected):
            with pytest.raises(kind) as caught:
                work()
            assert isinstance(caught.value, fs.FileSyncError), number
            assert caught.value.errno == code, number
        for mode in ("a", "ab", "r+", "r+b", "w+b"):
            with pytest.raises(io.UnsupportedOperation, match="written as a whole"):
                system.open("s/folder/file", mode)
        for name in ("a/../b", "n" * 256):
            with pytest.raises(fs.InvalidArgumentError, match="can be no path"):
                system.open(f"s/{name}", "wb")
        system.mkdir("s/new")
        system.makedirs("s/folder", exist_ok=True)
        assert system.find("s") == ["s/folder/file"]

    await within(sync, fail)


async def test_moving_and_removing_take_the_files_that_had_the_paths_before(sync: fs.FileSync) -> None:
    ids = [(await sync.save_file(b"%d" % number, name="a/x.txt")).file_id for number in range(4)]
    top = await sync.save_file(b"top", name="top")

    def change(system: FileSyncFileSystem) -> None:
        system.rm(["s/a/x.txt", "s/a/x (3).txt"])
        assert {info["id"] for info in system.ls("s/a")} == {ids[1], ids[3]}
        system.mv("s/a", "s/b", recursive=True)
        assert {info["id"] for info in system.ls("s/b")} == {ids[1], ids[3]}
        assert not system.exists("s/a")
        system.mv("s/b/x.txt", "s/top")
        assert system.info("s/top")["id"] == ids[1]
        assert not system.exists(f"s/{top.file_id}")
        system.mv("s/top", "s/b")
        system.mv("s/b/*", "s/c/")
        assert {info["id"]: info["name"] for info in system.ls("s/c")} == {
            ids[1]: "s/c/top",
            ids[3]: "s/c/x (2).txt",
        }
        system.mv("s/c/top", "s/c/top")
        system.pipe("s/e/top", b"another")
        with pytest.raises(FileExistsError, match="would become one file"):
            system.mv(["s/c/top", "s/e/top"], "s/f/")
        system.rm("s/e", recursive=True)
        system.cp("s/c", "s/d", recursive=True)
        assert system.find("s") == ["s/c/top", "s/c/x (2).txt", "s/d/top", "s/d/x (2).txt"]
        assert system.info("s/d/top")["content_hash"] == system.info("s/c/top")["content_hash"]
        system.rm("s", recursive=True, maxdepth=2)
        assert system.find("s") == []

    await within(sync, change)


async def test_files_are_copied_from_and_to_folders(sync: fs.FileSync, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "sub").mkdir(parents=True)
    (here / "one.bin").write_bytes(bytes(3_000_000))
    (here / "sub" / "two.txt").write_text("two")

    def copy(system: FileSyncFileSystem) -> None:
        callback = Callback()
        system.put_file(str(here / "one.bin"), "s/one.bin", callback=callback)
        assert (callback.size, callback.value) == (3_000_000, 3_000_000)
        system.put(str(here), "s/all", recursive=True)
        assert system.find("s") == ["s/all/one.bin", "s/all/sub/two.txt", "s/one.bin"]
        system.get("s/all", str(there), recursive=True)
        assert (there / "sub" / "two.txt").read_text() == "two"
        assert (there / "one.bin").read_bytes() == bytes(3_000_000)

    await within(sync, copy)


async def test_on_the_thread_of_the_event_loop_an_error_names_what_to_await(sync: fs.FileSync) -> None:
    system = FileSyncFileSystem(sync)
    await system._pipe_file("s/a", b"1234")
    for work, named in (
        (lambda: system.exists("s/a"), "await filesystem._exists"),
        (lambda: system.find("s"), "await filesystem._ls"),
        (lambda: system.open("s/a"), "await filesystem.open_async"),
        (lambda: system.rm("s/a"), "await filesystem._rm"),
    ):
        with pytest.raises(CannotWaitError, match=named):
            work()
    with pytest.raises(CannotWaitError, match="no event loop runs"):
        await asyncio.to_thread(FileSyncFileSystem(sync, asynchronous=True).ls, "s")
    assert await FileSyncFileSystem(sync, asynchronous=True)._find("s") == ["s/a"]
    assert await system._cat_file("s/a", 1, 3) == b"23"
    assert [entry async for entry in system._walk("s")] == [("s", [], ["a"])]
    async with await system.open_async("s/a") as file:
        file.seek(2)
        assert (await file.read(1), file.tell(), file.closed) == (b"3", 3, False)
    with pytest.raises(ValueError, match="closed file"):
        await file.read()


async def test_paths_of_universal_pathlib(sync: fs.FileSync) -> None:
    def use() -> None:
        path = UPath("filesync://s/folder/a.txt", file_sync=sync)
        assert path.write_text("text") == 4
        assert (path.name, path.suffix, path.parent.name) == ("a.txt", ".txt", "folder")
        assert (path.exists(), path.is_file(), path.parent.is_dir()) == (True, True, True)
        assert [child.name for child in path.parent.iterdir()] == ["a.txt"]
        assert [found.path for found in UPath("filesync://s", file_sync=sync).rglob("*.txt")] == [
            "s/folder/a.txt"
        ]
        assert path.stat().st_size == 4
        renamed = path.rename(path.with_name("b.txt"))
        assert (path.exists(), renamed.read_bytes()) == (False, b"text")
        renamed.unlink()
        with pytest.raises(FileNotFoundError):
            renamed.read_text()

    await asyncio.to_thread(use)


async def test_any_changes_give_the_same_files_as_on_the_disk(sync: fs.FileSync, tmp_path: Path) -> None:
    """With a fresh seed in each run; the message of a failure has it."""
    seed = random.randrange(1 << 32)
    disk = tmp_path / "disk"
    disk.mkdir()

    def walk(system: FileSyncFileSystem) -> None:
        chance = random.Random(seed)
        local = LocalFileSystem(auto_mkdir=True)
        paths = ["a", "b", "a/x", "a/y", "b/x", "a/x/z"]
        for step in range(150):
            change, path, other = chance.choice("wwwrmmcx"), chance.choice(paths), chance.choice(paths)
            outcomes = [
                _outcome(files, root, change, path, other, b"%d" % step)
                for files, root in ((local, str(disk)), (system, "s"))
            ]
            assert outcomes[0] == outcomes[1], f"seed {seed}, step {step}: {change} {path} {other}"
            for folder in sorted(disk.rglob("*"), reverse=True):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            kept = [{path[len(root) :]: files.cat(path) for path in files.find(root)}
                    for files, root in ((local, str(disk)), (system, "s"))]  # fmt: skip
            assert kept[0] == kept[1], f"seed {seed}, step {step}: {change} {path} {other}"

    await within(sync, walk)


def _outcome(files: Any, root: str, change: str, path: str, other: str, content: bytes) -> str:
    """Make one change; how it ended. Whether it failed is all that file systems agree on."""
    one, two = f"{root}/{path}", f"{root}/{other}"
    try:
        if change == "w":
            files.pipe_file(one, content)
        elif change == "r":
            files.rm(one, recursive=True)
        elif change == "m" and files.isfile(one) and not two.startswith(f"{one}/"):
            if not files.exists(f"{two}/{path.rpartition('/')[2]}"):  # there Python's own move refuses
                files.mv(one, two)
        elif change == "c" and files.isfile(one) and two not in {one, one.rpartition("/")[0]}:
            files.cp(one, two)
        elif change == "x":
            return str((files.exists(one), files.isdir(one), files.isfile(one)))
    except OSError:
        return "failed"
    return "done"
