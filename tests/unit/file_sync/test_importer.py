"""What saving makes of a source and its metadata, and that nothing is left of a save that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.livestore.ports import LocalEvent, LogDelta, Position
from filesync_web.ports import BlobInfo
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, saved


class Recording:
    """A source that somebody is still speaking into."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, chunk: bytes) -> None:
        """b"" is the end."""
        self._chunks.put_nowait(chunk)

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunks.get():
            yield chunk


async def without_garbage(device: Device) -> dict[str, bytes]:
    """What is stored once the collector has had its time."""
    await device.clock.advance(10)
    return device.blobs.blobs


async def test_what_is_measured_goes_before_what_is_said() -> None:
    async with a_device() as device:
        tab = await device.tab()
        wrong = fs.FileMetadata("text/plain", size_bytes=99, custom={"title": "a"})
        file = await tab.sync.save_file(b"four", metadata=wrong)
        metadata = fs.get_file_metadata(tab.record(file.file_id))
        assert metadata == fs.FileMetadata("text/plain", 4, custom={"title": "a"})


async def test_many_first_saves_at_once_do_not_wait_for_each_other() -> None:
    async with a_device() as device:
        tab = await device.tab(start=False)
        saves = [asyncio.ensure_future(tab.sync.save_file(b"file %d" % n)) for n in range(10)]
        async with asyncio.timeout(30):  # the clock stands still: whoever waits for it waits for ever
            await asyncio.gather(*saves)
        assert len(tab.store.query(FILES.tables.files)) == 10


async def test_an_edit_keeps_the_custom_metadata_and_measures_anew() -> None:
    async with a_device() as device:
        tab = await device.tab()
        custom = {"album": "Summer", "title": "old"}
        file = await tab.sync.save_file(b"four", name="a.txt", metadata=fs.FileMetadata(custom=custom))
        before = fs.get_file_metadata(tab.record(file.file_id))
        await tab.sync.update_file(file.file_id, b"longer", metadata=before)
        assert fs.get_file_metadata(tab.record(file.file_id)).size_bytes == 6
        title = fs.FileMetadata(custom={"title": "new"})
        await tab.sync.update_file(file.file_id, b"longest", metadata=title)
        metadata = fs.get_file_metadata(tab.record(file.file_id))
        assert (metadata.size_bytes, metadata.name) == (7, "a.txt")
        assert metadata.custom == {"album": "Summer", "title": "new", "name": "a.txt"}


async def test_a_save_is_one_write_of_the_log_and_many_at_once_are_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        await tab.sync.stop()
        await saved(tab, b"which takes stock")
        log: Any = tab.store._replica._log
        append, written = log.append, []

        async def recorded(events: Sequence[LocalEvent], seen: Position) -> LogDelta:
            written.append([event.name for event in events])
            delta: LogDelta = await append(events, seen)
            return delta

        monkeypatch.setattr(log, "append", recorded)
        names = ["v1.FileCreated", "v1.LocalFileStateUpsert", "v1.BlobUsed"]
        await saved(tab, b"one")
        assert written == [names]
        written.clear()
        await asyncio.gather(*(tab.sync.save_file(b"%d" % n) for n in range(40)))
        await settle()
        assert [name for events in written for name in events] == names * 40
        assert len(written) <= 20


@pytest.mark.parametrize("value", [object(), float("nan"), {1: {2}}], ids=["object", "NaN", "set"])
async def test_metadata_that_is_no_json_is_refused_before_anything_is_stored(value: Any) -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match="JSON"):
            await tab.sync.save_file(b"bytes", metadata=fs.FileMetadata(custom={"x": value}))
        assert not device.blobs.blobs


@pytest.mark.parametrize("wrong", [{"name": 5}, {"mime_type": b"image/png"}], ids=str)
async def test_a_name_or_type_that_is_no_text_is_refused(wrong: dict[str, Any]) -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match=next(iter(wrong))):
            await tab.sync.save_file(b"bytes", **wrong)
        assert not device.blobs.blobs


async def test_a_save_that_fails_after_its_bytes_were_stored_leaves_none() -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.EventTooLargeError):
            await tab.sync.save_file(b"bytes", name="n" * 1_000_000)
        assert not await without_garbage(device)


async def test_a_save_that_is_cancelled_after_its_bytes_were_stored_leaves_none() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (shared,) = await saved(tab, b"needed by another file")
        for content in (b"cancelled", b"needed by another file"):
            put, device.blobs.put = device.blobs.put, _cancelling(device.blobs.put)  # type: ignore[method-assign]
            with pytest.raises(asyncio.CancelledError):
                await asyncio.ensure_future(tab.sync.save_file(content))
            device.blobs.put = put  # type: ignore[method-assign]
        assert list(await without_garbage(device)) == [shared.content_hash]


async def test_a_preprocessor_may_save_and_make_room_itself() -> None:
    async with a_device() as device:
        tabs: list[Tab] = []

        async def with_thumbnail(source: bytes) -> bytes:
            await tabs[0].sync.save_file(source[:2], mime_type="image/x-thumbnail")
            await tabs[0].sync.free_space(1)
            return source

        tab = await device.tab(preprocessors={"image/png": with_thumbnail})
        tabs.append(tab)
        await asyncio.wait_for(tab.sync.save_file(b"picture", mime_type="image/png"), 30)
        assert sorted(device.blobs.blobs.values()) == [b"pi", b"picture"]


async def test_a_long_recording_holds_up_no_other_save() -> None:
    async with a_device() as device:
        tab = await device.tab()
        (old,) = await saved(tab, b"x" * 1000)
        recording = Recording()
        going = asyncio.ensure_future(tab.sync.save_file(recording.chunks()))
        recording.say(b"so far")
        await settle()
        evicting = asyncio.ensure_future(tab.sync.evict_file(old.file_id))
        device.blobs.quota = 1500
        full = asyncio.ensure_future(tab.sync.save_file(b"y" * 1000))
        await device.clock.advance(100)
        with pytest.raises(fs.NotEvictableError, match="being saved"):
            await evicting
        with pytest.raises(fs.QuotaExceededError):
            await full
        recording.say(b"")
        recorded = await going
        assert device.blobs.blobs[recorded.content_hash] == b"so far"
        await tab.sync.save_file(b"y" * 1000)
        assert old.content_hash not in device.blobs.blobs


async def test_many_saves_at_once_are_stored_a_few_at_a_time() -> None:
    async with a_device() as device:
        tab = await device.tab(local_only=True)
        recordings = [Recording() for _ in range(40)]
        open_sources = 0

        async def counted(recording: Recording) -> AsyncIterator[bytes]:
            nonlocal open_sources
            open_sources += 1
            async for chunk in recording.chunks():
                yield chunk
            open_sources -= 1

        saves = [asyncio.ensure_future(tab.sync.save_file(counted(r))) for r in recordings]
        await settle()
        assert open_sources == 16
        for number, recording in enumerate(recordings):
            recording.say(b"%d" % number)
            recording.say(b"")
        files = await asyncio.gather(*saves)
        in_order = tab.store.query(FILES.tables.files.order_by("created_at"))
        assert [record.id for record in in_order] == [file.file_id for file in files]


async def test_an_evicted_file_makes_room_for_itself_when_it_is_wanted() -> None:
    async with a_device() as device:
        tab = await device.tab()
        wanted, other = await saved(tab, b"a" * 1000, b"b" * 1000)
        await tab.sync.evict_file(wanted.file_id)
        device.blobs.quota = 1500
        handle = await asyncio.wait_for(tab.sync.read_file(wanted.file_id), 30)
        assert handle.data == b"a" * 1000
        assert other.content_hash not in device.blobs.blobs


def _cancelling(put: Any) -> Any:
    async def put_and_cancel(source: Any, **more: Any) -> BlobInfo:
        info: BlobInfo = await put(source, **more)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return info

    return put_and_cancel
