"""Wherever a path is taken, on CPython and by the parts of the server, text is taken as well."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import filesync_server
import filesync_web as fs
import filesync_web.testing
from filesync_server import EmbeddedStore, SqliteStorage, create_site
from filesync_web.browser_wheel import write_browser_wheel
from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.sw.generator import ServiceWorkerOptions, precache_entries, write_service_worker
from tests.in_page.client import SCHEMA


def callables_of(module: ModuleType) -> list[Callable[..., Any]]:
    """The functions that a module offers, and the methods of its classes."""
    found: list[Callable[..., Any]] = []
    for name in module.__all__:
        offered = getattr(module, name)
        methods = [method for _, method in inspect.getmembers(offered, inspect.isfunction)]
        found += methods if inspect.isclass(offered) else [offered] if inspect.isfunction(offered) else []
    return found


@pytest.mark.parametrize("module", [fs, filesync_web.testing, filesync_server])
def test_no_public_function_takes_a_path_only(module: ModuleType) -> None:
    kinds = {
        (function.__qualname__, parameter.name): str(parameter.annotation)
        for function in [*callables_of(module), precache_entries, write_service_worker, write_browser_wheel]
        for parameter in inspect.signature(function).parameters.values()
    }
    with_path = {where: kind for where, kind in kinds.items() if "Path" in kind.replace("PathLike", "")}
    assert with_path
    assert {where: kind for where, kind in with_path.items() if "str" not in kind} == {}


async def test_text_names_files_and_folders(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"content")
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=str(tmp_path / "data"))
    sync = await fs.create_file_sync(store, remote=None)
    saved = await sync.save_file(str(source))
    await sync.update_file(saved.file_id, str(source))
    assert await sync.read_bytes(saved.file_id) == b"content"
    await sync.dispose()
    await store.close()
    blobs = DirectoryBlobStore(str(tmp_path / "data"), "s")
    assert await blobs.list() == {saved.content_hash: 7}


async def test_text_names_the_folders_of_the_servers_parts(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("hello")
    assert create_site(str(site))
    objects, logs = EmbeddedStore(str(tmp_path / "objects")), SqliteStorage(str(tmp_path / "logs" / "events"))
    assert (tmp_path / "objects").is_dir()
    assert (tmp_path / "logs" / "events").is_file()
    await objects.close()
    await logs.close()


def test_text_names_the_folders_of_what_is_generated(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    options = ServiceWorkerOptions(precache=precache_entries(str(tmp_path)))
    assert write_service_worker(str(tmp_path / "out"), options).parent == tmp_path / "out"
    assert write_browser_wheel(str(tmp_path / "out")).suffix == ".whl"
