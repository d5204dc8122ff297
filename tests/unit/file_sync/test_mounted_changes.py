"""What is changed in a mounted tree: seen at once, committed in order, kept when it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.core.drafts import ChangedWhileReadError, Draft, MemoryDraft
from filesync_web.core.mounting import Mounted, MountedFile, Tree
from filesync_web.core.open_bytes import RandomAccess
from filesync_web.files.mounted_entry import MOST_IN_MEMORY, MountedEntry
from filesync_web.files.mounted_tree import MountedTree
from filesync_web.testing.blobs import MemoryBlobStore, MemoryBytes
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device, hash_of, saved


class LargeDraft(MemoryDraft):
    """A draft whose bytes are read while they are saved."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0

    def write(self, offset: int, data: memoryview) -> None:
        self.version += 1
        super().write(offset, data)

    def snapshot(self) -> Any:
        return self._pieces(self.version)

    async def _pieces(self, version: int) -> AsyncIterator[bytes]:
        for at in range(0, self.size, 1 << 20):
            await asyncio.sleep(0)
            if version != self.version:
                raise ChangedWhileReadError
            yield bytes(self._bytes[at : at + (1 << 20)])


class Shown:
    """A tree that a platform shows; what is open is read from the fake blobs."""

    def __init__(self, tree: Tree, blobs: MemoryBlobStore) -> None:
        assert isinstance(tree, MountedTree)
        self.tree = tree
        self._blobs = blobs
        self.drafts: list[LargeDraft] = []

    async def prepare(self, contents: list[str]) -> None: ...

    async def close(self) -> None: ...

    def open(self, file: MountedFile) -> RandomAccess:
        return MemoryBytes(self._blobs.blobs[file.content_hash])

    def new_draft(self) -> Draft:
        self.drafts.append(LargeDraft())
        return self.drafts[-1]

    def read(self, path: str) -> bytes:
        entry = self.tree.find(path)
        assert entry is not None
        entry.open(self, to_write=False)
        try:
            return bytes(entry.read(0, entry.size))
        finally:
            entry.close(to_write=False)

    def write(self, path: str, data: bytes) -> None:
        try:
            entry = self.tree.find(path)
        except FileNotFoundError:
            entry = self.tree.create(path)
        assert entry is not None
        entry.open(self, to_write=True)
        entry.truncate(0, self)
        entry.write(0, data)
        entry.close(to_write=True)


@asynccontextmanager
async def mounted_files() -> AsyncIterator[tuple[Device, Tab, fs.MountedFiles, Shown]]:
    """A device with one tab, whose files are mounted."""
    async with a_device() as device:
        shown: list[Shown] = []

        def mount(tree: Tree, _folder: str) -> Mounted:
            shown.append(Shown(tree, device.blobs))
            return shown[-1]

        device.mount = mount
        tab = await device.tab()
        yield device, tab, await tab.sync.mount("/files"), shown[0]


def contents(device: Device, tab: Tab) -> dict[str | None, bytes]:
    """The live files of the store."""
    records = tab.store.query(FILES.tables.files.where(deleted_at=None))
    return {fs.get_file_metadata(record).name: device.blobs.blobs[record.content_hash] for record in records}


async def test_what_is_changed_shows_at_once_and_is_committed_later() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        kept = await tab.sync.save_file(b"old", name="old.txt")
        shown.write("new.txt", b"new")
        shown.write("old.txt", b"newer")
        shown.tree.rename("new.txt", "folder/renamed.txt")
        assert (shown.read("folder/renamed.txt"), shown.read("old.txt")) == (b"new", b"newer")
        assert contents(device, tab) == {"old.txt": b"old"}
        await mounted.flush()
        assert contents(device, tab) == {"old.txt": b"newer", "folder/renamed.txt": b"new"}
        assert tab.record(kept.file_id).deleted_at is None
        assert (shown.read("folder/renamed.txt"), shown.read("old.txt")) == (b"new", b"newer")


async def test_a_file_that_replaces_another_keeps_its_id_and_the_other_is_deleted() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        target = await tab.sync.save_file(b"target", name="target")
        source = await tab.sync.save_file(b"source", name="source")
        shown.tree.rename("source", "target")
        assert shown.tree.names_in("") == ["target"]
        await mounted.flush()
        assert contents(device, tab) == {"target": b"source"}
        assert tab.record(target.file_id).deleted_at
        assert not tab.record(source.file_id).deleted_at


async def test_a_file_that_is_being_written_is_not_saved_until_it_is_closed() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        entry = shown.tree.create("a")
        entry.open(shown, to_write=True)
        entry.write(0, b"half")
        await mounted.flush()
        assert (contents(device, tab), shown.read("a")) == ({}, b"half")
        entry.write(4, b" and whole")
        entry.close(to_write=True)
        await mounted.flush()
        assert contents(device, tab) == {"a": b"half and whole"}


async def test_a_large_file_is_written_where_the_platform_keeps_it() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        half = b"x" * MOST_IN_MEMORY
        shown.write("small", half)
        shown.write("large", half + b"y")
        assert [draft.size for draft in shown.drafts] == [MOST_IN_MEMORY + 1]
        with opened(shown, "small") as small:
            small.write(MOST_IN_MEMORY, b"z")
            assert bytes(small.read(MOST_IN_MEMORY - 1, 9)) == b"xz"
            small.truncate(3, shown)
        await mounted.flush()
        assert contents(device, tab) == {"small": b"xxx", "large": half + b"y"}
        with opened(shown, "large") as stored:
            stored.write(0, b"w")
            assert len(shown.drafts) == 3, "the stored bytes are copied into a new one"
        await mounted.flush()
        assert contents(device, tab)["large"] == b"w" + half[1:] + b"y"


async def test_a_large_file_without_room_evicts_and_is_saved() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        (old,) = await saved(tab, b"o" * (5 << 20))
        device.blobs.quota = 8 << 20
        large = b"a" * (6 << 20)
        shown.write("large", large)
        await mounted.flush()
        assert list(device.blobs.blobs.values()) == [large]
        assert tab.record(old.file_id).deleted_at is None


async def test_what_is_written_while_room_is_made_is_saved_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        await saved(tab, b"o" * (5 << 20))
        device.blobs.quota = 8 << 20
        shown.write("large", b"a" * (6 << 20))
        with ExitStack() as stack:
            delete = device.blobs.delete

            async def open_and_delete(content_hash: str) -> bool:
                stack.enter_context(opened(shown, "large")).write(0, b"half")
                return await delete(content_hash)

            monkeypatch.setattr(device.blobs, "delete", open_and_delete)
            await mounted.flush()
            assert not device.blobs.blobs
        await mounted.flush()
        assert list(device.blobs.blobs.values()) == [b"half".ljust(6 << 20, b"a")]


async def test_what_is_written_while_it_is_saved_is_never_half_of_what_is_saved() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        before, after = b"a" * (6 << 20), b"b" * (6 << 20)
        shown.write("large", before)
        for _ in range(3):
            await asyncio.sleep(0)
        with opened(shown, "large") as file:
            file.write(0, after[: 3 << 20])
            await mounted.flush()
            assert contents(device, tab).get("large") in {None, before}
            file.write(3 << 20, after[3 << 20 :])
        await mounted.flush()
        assert contents(device, tab) == {"large": after}
        assert mounted.last_error is None


@pytest.mark.parametrize("turns", range(16))
async def test_a_large_file_that_somebody_deletes_while_it_is_saved_is_kept_as_a_whole(turns: int) -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        saved = await tab.sync.save_file(b"1", name="large")
        content = b"a" * (6 << 20)
        shown.write("large", content)
        for _ in range(turns):
            await asyncio.sleep(0)
        await tab.sync.delete_file(saved.file_id)
        await mounted.flush()
        record = tab.record(saved.file_id)
        is_deleted_as_saved = not record.is_live and record.content_hash == hash_of(content)
        assert contents(device, tab) == ({} if is_deleted_as_saved else {"large": content})


@contextmanager
def opened(shown: Shown, path: str) -> Iterator[MountedEntry]:
    """A file that is written."""
    entry = shown.tree.find(path)
    assert entry is not None
    entry.open(shown, to_write=True)
    yield entry
    entry.close(to_write=True)


async def test_who_has_a_file_open_sees_what_is_written_after_it_was_saved() -> None:
    async with mounted_files() as (_device, _tab, mounted, shown):
        entry = shown.tree.create("a")
        entry.open(shown, to_write=False)
        await mounted.flush()
        shown.write("a", b"later")
        assert bytes(entry.read(0, 10)) == b"later"


async def test_what_somebody_deletes_while_it_is_written_is_kept() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        saved = await tab.sync.save_file(b"1", name="a")
        entry = shown.tree.find("a")
        assert entry is not None
        entry.open(shown, to_write=True)
        entry.write(1, b"2")
        await tab.sync.delete_file(saved.file_id)
        entry.close(to_write=True)
        await mounted.flush()
        assert contents(device, tab) == {"a": b"12"}


async def test_what_cannot_be_committed_is_kept_and_tried_again() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        first = await tab.sync.save_file(b"1", name="first")
        device.blobs.quota = 1
        shown.write("large", b"much too large")
        shown.tree.remove("first")
        with pytest.raises(fs.QuotaExceededError):
            await mounted.flush()
        assert isinstance(mounted.last_error, fs.QuotaExceededError)
        assert (shown.read("large"), shown.tree.names_in("")) == (b"much too large", ["large"])
        assert not tab.record(first.file_id).deleted_at, "what comes later waits"
        with pytest.raises(fs.QuotaExceededError):
            await mounted.unmount()
        device.blobs.quota = None
        await mounted.unmount()
        assert mounted.last_error is None
        assert contents(device, tab) == {"large": b"much too large"}


async def test_the_end_of_file_sync_commits_what_waits() -> None:
    async with mounted_files() as (device, tab, _mounted, shown):
        shown.write("last", b"last")
        await tab.sync.dispose()
        assert contents(device, tab) == {"last": b"last"}


async def test_a_folder_stays_when_its_last_file_goes_until_it_is_removed() -> None:
    async with mounted_files() as (_device, tab, mounted, shown):
        await tab.sync.save_file(b"1", name="folder/a")
        with pytest.raises(OSError, match="not empty"):
            shown.tree.remove_folder("folder")
        shown.tree.remove("folder/a")
        await mounted.flush()
        assert (shown.tree.names_in(""), shown.tree.find("folder")) == (["folder"], None)
        shown.tree.remove_folder("folder")
        await settle()
        assert shown.tree.names_in("") == []


async def test_names_that_no_file_can_have_are_refused() -> None:
    async with mounted_files() as (_device, _tab, _mounted, shown):
        shown.write("a", b"")
        for act in (shown.tree.create, shown.tree.make_folder, lambda path: shown.tree.rename("a", path)):
            with pytest.raises(OSError, match="too long"):
                act("x" * 256)
