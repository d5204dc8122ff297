"""Thumbnails and previews on fakes: made once, kept apart from files, and gone before any of these."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import filesync_web as fs
from filesync_web.core.metadata import encode_metadata, parse_metadata
from filesync_web.core.thumb_hash import average_colour
from filesync_web.core.thumbnails import Recipe
from filesync_web.errors import StorageError
from filesync_web.files.previews import PATIENCE, QUIET
from filesync_web.files.tables import FileSyncTables
from filesync_web.testing import ManualClock, MemoryThumbnails, settle
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, restart, saved

PNG = "image/png"


def with_thumbnails(device: Device) -> MemoryThumbnails:
    device.thumbnails = made = MemoryThumbnails(device.blobs)
    return made


async def picture(tab: Tab, content: bytes = b"picture", mime_type: str = PNG) -> fs.FileOperationResult:
    file = await tab.sync.save_file(content, name="a", mime_type=mime_type)
    await clock_of(tab).advance(QUIET)
    return file


def clock_of(tab: Tab) -> ManualClock:
    clock = tab.sync._workspace.platform.clock
    assert isinstance(clock, ManualClock)
    return clock


NO_PREVIEWS = fs.ThumbnailOptions(previews=False)


async def test_a_thumbnail_is_made_once_and_then_found() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab(thumbnails=NO_PREVIEWS)
        file = await picture(tab)
        name = Recipe(256).name_for(file.content_hash)
        urls = await asyncio.gather(*(tab.sync.thumbnail_url(file.file_id, 200) for _ in range(3)))
        assert urls == [f"memory:{name}"] * 3
        assert await tab.sync.thumbnail_url(file.path) == f"memory:{name}"
        assert thumbnails.made == [name]
        await tab.sync.thumbnail_url(file.file_id, 600)
        assert thumbnails.made == [name, Recipe(1024).name_for(file.content_hash)]
        again = await restart(device)
        assert await again.sync.thumbnail_url(file.file_id) == f"memory:{name}"
        assert len(thumbnails.made) == 2


async def test_what_is_no_picture_or_switched_off_has_none() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        text = await picture(tab, b"text", "text/plain")
        assert await tab.sync.thumbnail_url(text.file_id) is None
        off = await restart(device, thumbnails=None)
        file = await picture(off)
        assert await off.sync.thumbnail_url(file.file_id) is None
        assert (await off.sync.storage_status()).thumbnails is None
        assert thumbnails.made == []
        with pytest.raises(fs.UnknownFileError):
            await off.sync.thumbnail_url("nobody")
        with pytest.raises(fs.InvalidArgumentError, match="size"):
            await off.sync.thumbnail_url(file.file_id, 0)


async def test_a_broken_picture_is_tried_once_in_a_session() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab(thumbnails=NO_PREVIEWS)
        file = await picture(tab, b"broken")
        tries = 0
        make = thumbnails.make

        async def counted(content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
            nonlocal tries
            tries += 1
            return await make(content_hash, recipe, mime_type=mime_type)

        thumbnails.make = counted  # type: ignore[method-assign]
        for size in (100, 100, 500):
            assert await tab.sync.thumbnail_url(file.file_id, size) is None
        assert tries == 1


async def test_without_the_bytes_a_thumbnail_is_shown_only_when_it_is_kept() -> None:
    async with a_device() as device:
        with_thumbnails(device)
        tab = await device.tab()
        file = await picture(tab)
        assert await tab.sync.thumbnail_url(file.file_id) is not None
        await tab.sync.evict_file(file.file_id)
        assert await tab.sync.thumbnail_url(file.file_id) is not None
        assert await tab.sync.thumbnail_url(file.file_id, 1000) is None
        await tab.sync.read_file(file.file_id)
        assert await tab.sync.thumbnail_url(file.file_id, 1000) is not None, "that was no failure"


async def test_thumbnails_go_with_the_last_file_of_their_content() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        one, other = await picture(tab), await picture(tab)
        await tab.sync.delete_file(one.file_id, purge=True)
        await settle()
        assert len(thumbnails.kept) == 1
        await tab.sync.delete_file(other.file_id, purge=True)
        await settle()
        assert thumbnails.kept == {}


async def test_what_a_dead_tab_has_left_goes_at_the_next_start() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        file = await picture(tab)
        stale = Recipe().name_for("0" * 64)
        thumbnails.kept[stale] = b"stale"
        await tab.sync.collect_garbage()
        assert list(thumbnails.kept) == [Recipe().name_for(file.content_hash)]


async def test_to_look_for_those_makes_no_record_of_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50,000 files that held up a page for seconds, and the memory it took never went back."""
    monkeypatch.setattr(FileSyncTables, "_records", lambda *_: pytest.fail("records are made"))
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab(thumbnails=NO_PREVIEWS, start=False)
        thumbnails.kept[Recipe().name_for("0" * 64)] = b"stale"
        await tab.sync._thumbnails.keep_only_live()
        assert thumbnails.kept == {}


async def test_thumbnails_go_before_any_file_does() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        old = await picture(tab, b"old picture")
        assert (await tab.sync.storage_status()).thumbnails == len(b"old picture")
        used = sum(map(len, device.blobs.blobs.values()))
        device.blobs.quota = used + 3
        cleared = asyncio.Event()
        remove = thumbnails.remove

        async def making_room(names: list[str]) -> None:
            await remove(names)
            device.blobs.quota = used + 10
            cleared.set()

        thumbnails.remove = making_room  # type: ignore[method-assign,assignment]
        await tab.sync.save_file(b"12345678")
        assert cleared.is_set()
        assert thumbnails.kept == {}
        row = tab.row(old.file_id)
        assert row is not None
        assert row.local_hash == old.content_hash, "the file was evicted"


async def test_a_full_device_evicts_files_when_thumbnails_are_not_enough() -> None:
    async with a_device() as device:
        with_thumbnails(device)
        tab = await device.tab()
        (old,) = await saved(tab, b"0123456789")
        shown = await picture(tab)
        await tab.sync.pin_file(shown.file_id)
        device.blobs.quota = 20
        await tab.sync.save_file(b"abcdefghij")
        row = tab.row(old.file_id)
        assert row is not None
        assert row.local_hash == ""


async def test_garbage_is_collected_also_when_thumbnails_cannot_be() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        file = await picture(tab)

        async def fail() -> dict[str, int]:
            raise StorageError("the worker is gone")

        thumbnails.sizes = fail  # type: ignore[method-assign]
        await tab.sync.delete_file(file.file_id, purge=True)
        await settle()
        assert device.blobs.blobs == {}


# --- previews


async def test_the_preview_of_a_picture_comes_to_all_after_it_was_saved() -> None:
    async with a_device() as device:
        with_thumbnails(device)
        tab = await device.tab()
        file = await tab.sync.save_file(b"\xc8grey", name="a.png")
        assert fs.get_file_metadata(tab.record(file.file_id)).preview is None, "the save waits for nothing"
        await device.clock.advance(QUIET)
        record = tab.record(file.file_id)
        metadata = fs.get_file_metadata(record)
        assert metadata.preview is not None
        assert average_colour(metadata.preview)[0] == pytest.approx(200, abs=4)
        url = fs.preview_data_url(metadata)
        assert url is not None
        assert url.startswith("data:image/png;base64,")
        assert record.remote_key == f"s/{file.content_hash}", "the upload goes on beside it"
        assert (metadata.name, metadata.size_bytes) == ("a.png", 5)


async def test_an_edit_has_a_preview_of_its_own_content() -> None:
    async with a_device() as device:
        with_thumbnails(device)
        tab = await device.tab()
        file = await picture(tab, b"\x00black")
        first = fs.get_file_metadata(tab.record(file.file_id)).preview
        await tab.sync.update_file(file.file_id, b"\xffwhite", mime_type=PNG)
        assert fs.get_file_metadata(tab.record(file.file_id)).preview is None
        await device.clock.advance(QUIET)
        second = fs.get_file_metadata(tab.record(file.file_id)).preview
        assert first is not None
        assert second is not None
        assert average_colour(first)[0] < 10
        assert average_colour(second)[0] > 245
        await tab.sync.update_file(file.file_id, b"text", mime_type="text/plain")
        await device.clock.advance(QUIET)
        assert fs.get_file_metadata(tab.record(file.file_id)).preview is None


async def test_a_preview_never_takes_back_what_happened_meanwhile() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        go_on = asyncio.Event()
        raster = thumbnails.raster

        async def held(name: str, *, longest: int) -> object:
            await go_on.wait()
            return await raster(name, longest=longest)

        thumbnails.raster = held  # type: ignore[method-assign,assignment]
        edited, deleted, named = [await picture(tab, b"%d" % n) for n in range(3)]
        await tab.sync.update_file(edited.file_id, b"no picture", mime_type="text/plain")
        await tab.sync.delete_file(deleted.file_id)
        old = tab.record(named.file_id)
        title = encode_metadata(fs.FileMetadata(PNG, custom={"name": "b"}))
        await tab.store.commit(
            FILES.events.file_updated(
                id=old.id,
                path=old.path,
                remote_key=old.remote_key,
                content_hash=old.content_hash,
                metadata_json=title,
                updated_at=old.updated_at,
            )
        )
        go_on.set()
        await device.clock.advance(QUIET)
        assert fs.get_file_metadata(tab.record(edited.file_id)).mime_type == "text/plain"
        assert tab.record(deleted.file_id).deleted_at is not None
        assert parse_metadata(tab.record(deleted.file_id).metadata_json).preview is None
        metadata = fs.get_file_metadata(tab.record(named.file_id))
        assert metadata.name == "b"
        assert metadata.preview is not None


@pytest.mark.parametrize("content", [b"broken", b"picture"])
async def test_a_save_goes_on_without_a_preview(content: bytes) -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)

        async def fail(name: str, *, longest: int) -> None:
            raise StorageError(f"no pixels of {name} at {longest}")

        thumbnails.raster = fail  # type: ignore[method-assign]
        tab = await device.tab()
        file = await picture(tab, content)
        assert fs.get_file_metadata(tab.record(file.file_id)).preview is None
        assert tab.record(file.file_id).remote_key != ""


async def test_what_is_to_be_shown_does_not_wait_for_the_previews_of_many() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        shown = await picture(tab, b"shown")
        go_on = asyncio.Event()
        make = thumbnails.make

        async def slow(content_hash: str, recipe: Recipe, *, mime_type: str) -> bool:
            if recipe.size == 256:
                await go_on.wait()
            return await make(content_hash, recipe, mime_type=mime_type)

        thumbnails.make = slow  # type: ignore[method-assign]
        many = [await picture(tab, b"%d" % n) for n in range(5)]
        assert await tab.sync.thumbnail_url(shown.file_id, 1000) is not None
        go_on.set()
        await device.clock.advance(QUIET)
        for file in many:
            assert fs.get_file_metadata(tab.record(file.file_id)).preview is not None


async def test_no_preview_is_begun_while_files_are_being_saved() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab()
        go_on = asyncio.Event()

        async def recording() -> AsyncIterator[bytes]:
            yield b"beginning"
            await go_on.wait()

        saving = asyncio.create_task(tab.sync.save_file(recording()))
        await settle()
        await picture(tab)
        await device.clock.advance(5)
        assert thumbnails.made == []
        await device.clock.advance(PATIENCE)
        assert len(thumbnails.made) == 1, "a recording may go on for hours"
        await picture(tab, b"another")
        go_on.set()
        await saving
        assert len(thumbnails.made) == 1
        await device.clock.advance(2 * QUIET)
        assert len(thumbnails.made) == 2


async def test_previews_can_be_switched_off() -> None:
    async with a_device() as device:
        thumbnails = with_thumbnails(device)
        tab = await device.tab(thumbnails=NO_PREVIEWS)
        file = await picture(tab)
        assert fs.get_file_metadata(tab.record(file.file_id)).preview is None
        assert thumbnails.made == []


def test_what_has_no_preview_shows_none() -> None:
    assert fs.preview_data_url(fs.FileMetadata(PNG)) is None
    with pytest.raises(fs.InvalidArgumentError):
        fs.preview_data_url("{}")  # type: ignore[arg-type]
