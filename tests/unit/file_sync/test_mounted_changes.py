"""What is changed in a mounted tree: seen at once, committed in order, kept when it cannot be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import filesync_web as fs
from filesync_web.core.mounting import Mounted, MountedFile, Tree
from filesync_web.core.open_bytes import RandomAccess
from filesync_web.files.mounted_tree import MountedTree
from filesync_web.testing.blobs import MemoryBlobStore, MemoryBytes
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Device, Tab, a_device


class Shown:
    """A tree that a platform shows; what is open is read from the fake blobs."""

    def __init__(self, tree: Tree, blobs: MemoryBlobStore) -> None:
        assert isinstance(tree, MountedTree)
        self.tree = tree
        self._blobs = blobs

    async def prepare(self, contents: list[str]) -> None: ...

    async def close(self) -> None: ...

    def opener(self, file: MountedFile) -> RandomAccess:
        return MemoryBytes(self._blobs.blobs[file.content_hash])

    def read(self, path: str) -> bytes:
        entry = self.tree.find(path)
        assert entry is not None
        entry.open(self.opener, to_write=False)
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
        entry.open(self.opener, to_write=True)
        entry.truncate(0, self.opener)
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
        entry.open(shown.opener, to_write=True)
        entry.write(0, b"half")
        await mounted.flush()
        assert (contents(device, tab), shown.read("a")) == ({}, b"half")
        entry.write(4, b" and whole")
        entry.close(to_write=True)
        await mounted.flush()
        assert contents(device, tab) == {"a": b"half and whole"}


async def test_who_has_a_file_open_sees_what_is_written_after_it_was_saved() -> None:
    async with mounted_files() as (_device, _tab, mounted, shown):
        entry = shown.tree.create("a")
        entry.open(shown.opener, to_write=False)
        await mounted.flush()
        shown.write("a", b"later")
        assert bytes(entry.read(0, 10)) == b"later"


async def test_what_somebody_deletes_while_it_is_written_is_kept() -> None:
    async with mounted_files() as (device, tab, mounted, shown):
        saved = await tab.sync.save_file(b"1", name="a")
        entry = shown.tree.find("a")
        assert entry is not None
        entry.open(shown.opener, to_write=True)
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
