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
async def test_who_awaits_can_do_everything_and_look_ups_need_no_waiting(
    selenium_with_libraries: PyodidePage, store_id: str
) -> None:
    import asyncio
    import errno

    import filesync_web as fs
    from filesync_web.fsspec import CannotWaitError, FileSyncFileSystem
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
        caught: list[BaseException] = []

        def in_a_callback_of_the_browser() -> None:
            assert system.ls(store_id, detail=False) == [
                f"{store_id}/{name}" for name in ("c.txt", "d.txt", "e")
            ]
            assert system.glob(f"{store_id}/**/*.txt") == [f"{store_id}/c.txt", f"{store_id}/d.txt"]
            assert system.find(f"{store_id}/e") == [f"{store_id}/e/data"]
            assert (system.isfile(f"{store_id}/e"), system.exists(f"{store_id}/x")) == (False, False)
            for call in (system.open, system.cat_file, system.info):
                try:
                    call(f"{store_id}/{'c.txt' if call != system.info else 'x'}")
                except (CannotWaitError, FileNotFoundError) as error:
                    caught.append(error)

        done = asyncio.get_running_loop().create_future()

        def call_back() -> None:
            try:
                in_a_callback_of_the_browser()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        asyncio.get_running_loop().call_soon(call_back)
        await done
        assert "await filesystem.open_async" in str(caught[0])
        assert "await filesystem._cat_file" in str(caught[1])
        assert isinstance(caught[2], fs.UnknownFileError)
        assert caught[2].errno == errno.ENOENT
    finally:
        await close_client()


@run_in_pyodide
async def run_recipe(selenium: PyodidePage, recipe: str, store_id: str, name: str) -> Any:
    """What a recipe has under a name at its end, or the error where Python cannot be suspended."""
    from pyodide.ffi import can_run_sync

    import filesync_web as fs
    from filesync_web.fsspec import CannotWaitError
    from tests.in_page.client import SCHEMA

    store = await fs.open_store(SCHEMA, store_id=store_id)
    await fs.init_file_sync(store, remote=None)
    names: dict[str, Any] = {}
    try:
        exec(recipe, names)
        return can_run_sync(), names[name]
    except CannotWaitError as error:
        return can_run_sync(), str(error)
    finally:
        await fs.dispose_file_sync()
        await store.close()


@pytest.mark.parametrize("library", ANSWERS)
def test_recipes_run_where_python_can_be_suspended(
    selenium_with_libraries: PyodidePage, store_id: str, library: str
) -> None:
    name, answer = ANSWERS[library]
    can_wait, found = run_recipe(
        selenium_with_libraries, RECIPES[library].replace("album", store_id), store_id, name
    )
    print(library, can_wait, found)
    if can_wait:
        assert found == answer
    else:
        assert "await filesystem." in found
