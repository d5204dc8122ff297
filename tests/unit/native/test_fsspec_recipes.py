"""The recipes of docs/fsspec.md, run as they stand there, with the settings of the command `filesync`.

The server is away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas
import polars
import pyarrow.parquet
import pytest

import filesync_web as fs
from filesync_web.fsspec import FileSyncFileSystem
from filesync_web.native.open_file import OpenFile
from tests.in_page.client import SCHEMA

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "fsspec.md").read_text()
RECIPES = dict(re.findall(r"^### (\w+)\n\n```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))
Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the recipe for a library; gives its names."""
    nobody = {"URL": "http://127.0.0.1:9", "TOKEN": "token", "STORE": "album", "DATA_DIR": tmp_path / "data"}
    for name, value in (nobody | {"CONFIG_DIR": tmp_path / "config"}).items():
        monkeypatch.setenv(f"FILESYNC_{name}", str(value))

    def run_recipe(library: str) -> dict[str, Any]:
        names: dict[str, Any] = {}
        exec(compile(RECIPES[library], f"docs/fsspec.md, {library}", "exec"), names)
        return names

    yield run_recipe
    FileSyncFileSystem().close()
    FileSyncFileSystem.clear_instance_cache()


def test_pandas_writes_and_reads(run: Run) -> None:
    assert run("pandas")["sums"].to_dict() == {"Köln": 4.0, "Ulm": 5.0}


def test_pyarrow_reads_only_its_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    read_into = OpenFile.read_into

    def counting(self: OpenFile, offset: int, into: memoryview) -> int:
        count = read_into(self, offset, into)
        read.append(count)
        return count

    names = run("pyarrow")
    assert (names["one"].num_columns, names["one"]["c3"][0].as_py(), names["rows"]) == (1, 3, 100_000)
    size = names["filesystem"].size("album/numbers.parquet")
    monkeypatch.setattr(OpenFile, "read_into", counting)
    arguments = {"columns": ["c3"], "filesystem": names["filesystem"]}
    names["pyarrow"].parquet.read_table("album/numbers.parquet", **arguments)
    assert size / 12 < sum(read) < size / 5  # of ten columns


def test_polars_writes_and_reads(run: Run) -> None:
    assert run("polars")["frame"].to_dict(as_series=False) == {"x": [1, 2, 3]}


def test_duckdb_queries_a_file_in_place(run: Run) -> None:
    names = run("DuckDB")
    assert names["total"] == (499_500,)
    names["database"].close()


def test_pillow_saves_and_opens(run: Run) -> None:
    assert run("Pillow")["size"] == (64, 48)


def test_openpyxl_saves_and_loads(run: Run) -> None:
    assert run("openpyxl")["cells"] == [("city", "amount"), ("Ulm", 3.5)]


def test_zipfile_writes_and_reads(run: Run) -> None:
    assert run("zipfile")["page"] == b"<h1>Hello</h1>"


def test_pypdf_writes_and_reads(run: Run) -> None:
    assert run("pypdf")["pages"] == 1


def test_apsw_keeps_a_database(run: Run) -> None:
    assert run("apsw")["answer"] == 42


def test_universal_pathlib_writes_and_reads(run: Run) -> None:
    names = run("universal_pathlib")
    assert (names["names"], names["text"]) == (["today.txt"], "buy milk\n")


async def test_the_same_libraries_take_what_open_file_and_create_file_give(tmp_path: Path) -> None:
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path)
    sync = await fs.create_file_sync(store, remote=None)
    table = pandas.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]})
    database = duckdb.connect()
    try:
        async with sync.create_file("t.csv", text=True) as text:
            table.to_csv(text, index=False)
        async with sync.create_file("t.parquet") as file:
            table.to_parquet(file)
        async with sync.create_file("t.xlsx") as book:
            table.to_excel(book, index=False)
        async with sync.open_file(text.result.file_id) as opened:
            assert pandas.read_csv(opened).equals(table)
        async with sync.open_file(file.result.file_id) as opened:
            assert pyarrow.parquet.read_table(opened, columns=["x"]).column_names == ["x"]
            opened.seek(0)
            assert polars.read_parquet(opened).rows() == [(1, "a"), (2, "b"), (3, "c")]
        async with sync.open_file(book.result.file_id) as opened:
            assert next(openpyxl.load_workbook(opened).active.values) == ("x", "y")
        where = await sync.read_file(file.result.file_id)
        assert database.execute("SELECT sum(x) FROM read_parquet(?)", [str(where)]).fetchone() == (6,)
    finally:
        database.close()
        await sync.dispose()
        await store.close()


def test_every_recipe_is_run() -> None:
    source = Path(__file__).read_text()
    assert len(RECIPES) > 8
    assert all(f'run("{library}")' in source for library in RECIPES)
