"""The file system of fsspec in pages and workers: of an app's `FileSync`, and of that of `init_file_sync`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import PyodidePage, run_in_pyodide
from tests.unit.native.test_fsspec_recipes import RECIPES

ANSWERS: dict[str, tuple[str, Any]] = {
    "apsw": ("answer", 42),
    "openpyxl": ("cells", [("city", "amount"), ("Ulm", 3.5)]),
    "pypdf": ("pages", 1),
    "universal_pathlib": ("names", ["today.txt"]),
    "zipfile": ("page", b"<h1>Hello</h1>"),
}
"""The recipes whose libraries there are for Pyodide: what each has at its end."""


@pytest.fixture
def selenium_with_libraries(selenium_everywhere: PyodidePage) -> PyodidePage:
    selenium_everywhere.load_package(["apsw", "openpyxl", "pypdf", "universal-pathlib"])
    return selenium_everywhere


@run_in_pyodide
async def test_who_awaits_can_do_everything(selenium_with_libraries: PyodidePage, store_id: str) -> None:
    from filesync_web.fsspec import FileSyncFileSystem
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        system = FileSyncFileSystem(sync)
        data = bytes(range(256)) * 20_000
        await system._pipe_file(f"{store_id}/a/data", data)
        async with await system.open_async(f"filesync://{store_id}/b.txt", "wb") as file:
            await file.write(b"hello")
        assert await system._cat_file(f"{store_id}/a/data") == data
        assert await system._cat_file(f"{store_id}/a/data", 254, 259) == data[254:259]
        async with await system.open_async(f"{store_id}/a/data") as file:
            file.seek(-3, 2)
            assert await file.read() == b"\xfd\xfe\xff"
        await system._get_file(f"{store_id}/b.txt", "/tmp/b.txt")
        await system._put_file("/tmp/b.txt", f"{store_id}/c.txt")
        await system._cp_file(f"{store_id}/c.txt", f"{store_id}/d.txt")
        await system._mv(f"{store_id}/a", f"{store_id}/e", recursive=True)
        await system._rm(f"{store_id}/b.txt")
        assert await system._find(store_id) == [f"{store_id}/{name}" for name in ("c.txt", "d.txt", "e/data")]
    finally:
        await close_client()


@run_in_pyodide
async def test_look_ups_need_no_waiting(selenium_with_libraries: PyodidePage, store_id: str) -> None:
    """In a callback of the browser, where Python is not entered by a call that can be suspended."""
    import asyncio
    import errno

    import js
    from pyodide.ffi import can_run_sync, create_once_callable

    import filesync_web as fs
    from filesync_web.fsspec import CannotWaitError, FileSyncFileSystem
    from tests.in_page.client import close_client, open_client

    _store, sync = await open_client(store_id)
    try:
        for name in ("c.txt", "d.txt", "e/data"):
            await sync.save_file(b"content", name=name)
        system = FileSyncFileSystem(sync)
        caught: list[BaseException] = []
        done = asyncio.get_running_loop().create_future()

        def look_and_open() -> None:
            names = system.ls(store_id, detail=False)
            assert names == [f"{store_id}/{name}" for name in ("c.txt", "d.txt", "e")]
            assert system.glob(f"{store_id}/**/*.txt") == [f"{store_id}/c.txt", f"{store_id}/d.txt"]
            assert system.find(f"{store_id}/e") == [f"{store_id}/e/data"]
            assert (system.isfile(f"{store_id}/e"), system.exists(f"{store_id}/x")) == (False, False)
            for call, name in ((system.open, "c.txt"), (system.cat_file, "c.txt"), (system.info, "x")):
                try:
                    call(f"{store_id}/{name}")
                except (CannotWaitError, FileNotFoundError) as error:
                    caught.append(error)

        def call_back() -> None:
            try:
                look_and_open()
                done.set_result(can_run_sync())
            except BaseException as error:
                done.set_exception(error)

        js.setTimeout(create_once_callable(call_back), 0)
        can_wait = await done
        *refused, missing = caught
        assert isinstance(missing, fs.UnknownFileError)
        assert missing.errno == errno.ENOENT
        named = [] if can_wait else ["await filesystem.open_async", "await filesystem._cat_file"]
        assert [type(error) for error in refused] == [CannotWaitError] * len(named)
        assert all(name in str(error) for name, error in zip(named, refused, strict=True))
    finally:
        await close_client()


@run_in_pyodide
async def run_recipe(selenium: PyodidePage, recipe: str, store_id: str, name: str) -> Any:
    """What a recipe has under a name at its end."""
    import filesync_web as fs
    from tests.in_page.client import SCHEMA

    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    names: dict[str, Any] = {}
    try:
        exec(recipe, names)
        return names[name]
    finally:
        await fs.dispose_file_sync()
        await store.close()


@pytest.mark.parametrize("library", ANSWERS)
def test_recipes_run_as_they_stand_since_python_can_be_suspended(
    selenium_with_libraries: PyodidePage, store_id: str, library: str
) -> None:
    name, answer = ANSWERS[library]
    recipe = RECIPES[library].replace("album", store_id)
    assert run_recipe(selenium_with_libraries, recipe, store_id, name) == answer
