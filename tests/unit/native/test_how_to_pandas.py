"""What the how-to page of pandas shows, run on CPython as it is in examples/how_to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import filesync_web as fs
from examples.how_to.with_pandas import totals, totals_in_a_page
from filesync_web.fsspec import FileSyncFileSystem
from tests.in_page.client import FILES, SCHEMA

ORDERS = b"city,amount\nUlm,3.5\nUlm,1.5\nBonn,4\n"
SUMS = {"Bonn": 4.0, "Ulm": 5.0}


@pytest.fixture
def filesystem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileSyncFileSystem]:
    """The store of the settings; the server is away."""
    nobody = {"URL": "http://127.0.0.1:9", "TOKEN": "token", "STORE": "album"}
    folders = {"DATA_DIR": str(tmp_path / "data"), "CONFIG_DIR": str(tmp_path / "config")}
    for name, value in (nobody | folders).items():
        monkeypatch.setenv(f"FILESYNC_{name}", value)
    filesystem = FileSyncFileSystem()
    yield filesystem
    filesystem.close()
    FileSyncFileSystem.clear_instance_cache()


def test_a_script_reads_and_writes(filesystem: FileSyncFileSystem) -> None:
    filesystem.pipe_file("album/orders.csv", ORDERS)
    assert dict(totals().values) == SUMS
    assert filesystem.cat_file("album/totals.csv") == b"city,amount\nBonn,4.0\nUlm,5.0\n"


async def test_a_page_reads_and_writes(tmp_path: Path) -> None:
    store = await fs.open_store(SCHEMA, store_id="album", data_dir=tmp_path)
    await fs.init_file_sync(store, remote=None)
    orders = await fs.save_file(ORDERS, name="orders.csv")
    assert dict((await totals_in_a_page(orders.file_id)).values) == SUMS
    names = {fs.get_file_metadata(record).name: record.id for record in store.query(FILES.tables.files.all())}
    assert await fs.read_text(names["totals.csv"]) == "city,amount\nBonn,4.0\nUlm,5.0\n"
    await fs.dispose_file_sync()
    await store.close()
