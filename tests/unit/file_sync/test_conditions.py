"""Edits and deletions that hold only while a file has the content that their maker knew, and chosen ids."""

from __future__ import annotations

from uuid import uuid4

import pytest

import filesync_web as fs
from filesync_web.testing.clock import settle
from filesync_web.testing.sync_backend import MemorySyncBackend
from tests.unit.file_sync.scene import FILES, Tab, a_device, devices


async def until_equal(*tabs: Tab) -> list[fs.FileRecord]:
    for _turn in range(200):
        await settle()
        rows = [tab.store.query(FILES.tables.files) for tab in tabs]
        if all(row == rows[0] for row in rows) and not any(tab.store.sync_status.pending for tab in tabs):
            return rows[0]
    raise AssertionError(f"they stay different: {rows}")


async def test_what_is_to_replace_or_delete_a_content_that_is_no_more_is_refused() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        saved = await tab.sync.save_file(b"one")
        edited = await tab.sync.update_file(saved.file_id, b"two", if_content=saved.content_hash)
        with pytest.raises(fs.ContentChangedError, match=edited.content_hash):
            await tab.sync.update_file(saved.file_id, b"three", if_content=saved.content_hash)
        with pytest.raises(fs.ContentChangedError):
            await tab.sync.delete_file(saved.file_id, if_content=saved.content_hash)
        assert await tab.sync.read_bytes(saved.file_id) == b"two"
        await tab.sync.delete_file(saved.file_id, if_content=edited.content_hash)
        assert not tab.record(saved.file_id).is_live


@pytest.mark.parametrize("late", ["edit", "deletion"])
async def test_what_comes_after_an_edit_that_its_maker_did_not_know_has_no_effect(late: str) -> None:
    async with devices(2) as [here, there]:
        here.backend = there.backend = MemorySyncBackend()
        first, second = await here.tab(local_only=True), await there.tab(local_only=True)
        saved = await first.sync.save_file(b"one")
        await until_equal(first, second)
        await second.store.set_sync_enabled(False)
        await settle()
        if late == "edit":
            await second.sync.update_file(saved.file_id, b"of there", if_content=saved.content_hash)
        else:
            await second.sync.delete_file(saved.file_id, if_content=saved.content_hash)
        edited = await first.sync.update_file(saved.file_id, b"of here", if_content=saved.content_hash)
        await settle()
        await second.store.set_sync_enabled(True)
        [record] = await until_equal(first, second)
        assert record.is_live
        assert record.content_hash == edited.content_hash


async def test_a_file_has_the_id_that_was_chosen_for_it_and_no_other_has_it() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        chosen = str(uuid4())
        assert (await tab.sync.save_file(b"one", new_id=chosen)).file_id == chosen
        for taken in (chosen, "x" * 2000):
            with pytest.raises(fs.InvalidArgumentError, match="cannot have the id"):
                await tab.sync.save_file(b"two", new_id=taken)
        assert await tab.sync.read_bytes(chosen) == b"one"
