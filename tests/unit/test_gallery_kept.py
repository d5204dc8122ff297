"""What the gallery asks of the kit about deleted pictures and versions, with the kit itself."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import filesync_web as fs
from tests.in_page.client import SCHEMA
from tools.common import ROOT


@pytest.fixture
async def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """What the gallery has of a store without a server; its module imports others as they are in the page."""
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    module = importlib.import_module("kept")
    store = await fs.open_store(SCHEMA, store_id="kept", data_dir=tmp_path)
    await fs.init_file_sync(store, remote=None)
    yield module.Kept(store, local_only=True)
    await fs.dispose_file_sync()
    await store.close()


async def saved(name: str, content: bytes) -> str:
    return (await fs.save_file(content, name=name)).file_id


async def test_what_is_deleted_is_listed_and_comes_back(kept: Any) -> None:
    one, two = await saved("one.png", b"1"), await saved("two.png", b"2")
    for file_id in (one, two):
        await kept.delete(file_id)
    assert {file.name for file in await kept.deleted()} == {"one.png", "two.png"}
    await kept.restore([one])
    assert [file.file_id for file in await kept.deleted()] == [two]
    assert await fs.read_bytes(one) == b"1"


async def test_what_is_purged_is_gone_and_what_came_back_meanwhile_stays(kept: Any) -> None:
    one, two = await saved("one.png", b"1"), await saved("two.png", b"2")
    for file_id in (one, two):
        await kept.delete(file_id)
    await kept.restore([two])
    await kept.purge_undisputed([one, two, "nobody's"])
    assert await kept.deleted() == []
    assert await fs.read_bytes(two) == b"2"
    with pytest.raises(fs.VersionGoneError):
        await kept.restore([one])


async def test_a_deleted_picture_that_somebody_has_edited_unseen_is_purged_only_by_hand(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await saved("one.png", b"1")
    unseen = (await kept.versions(file_id))[0]
    await kept.delete(file_id)

    async def conflicts() -> list[fs.FileVersion]:
        return [unseen]

    monkeypatch.setattr(fs, "list_conflicts", conflicts)
    await kept.purge_undisputed([file_id])
    assert len(await kept.deleted()) == 1
    await kept.purge([file_id])
    assert await kept.deleted() == []


async def test_an_earlier_version_is_had_back_or_saved_as_a_file_of_its_own(kept: Any) -> None:
    file_id = await saved("sea.png", b"1")
    await fs.update_file(file_id, b"2", name="sea.png")
    now, before = await kept.versions(file_id)
    assert (now.is_current, before.is_current) == (True, False)
    assert now.client_id == kept.client_id
    name = await kept.save_as_new(before)
    assert name.startswith("sea (")
    await kept.restore_version(before)
    assert await fs.read_bytes(file_id) == b"1"
    assert await kept.conflicts() == []
