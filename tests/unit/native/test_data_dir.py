"""Where a process keeps its stores when nobody says where."""

from __future__ import annotations

from pathlib import Path

import pytest

import filesync_web as fs
from tests.in_page.client import SCHEMA


async def test_without_a_folder_a_store_is_in_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    store = await fs.open_store(SCHEMA, store_id="mine")
    await store.close()
    assert (tmp_path / "filesync/livestore-filesync-stores/mine/log.sqlite3").exists()
