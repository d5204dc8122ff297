"""A mirrored folder and a store: what each kind of change comes to."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_web.mirror.decisions.limit import DEFAULT_LIMIT, delete_limit
from filesync_web.mirror.folder import Folder
from tests.unit.mirror.scene import Device, MirroredFolder, sha


async def test_changes_go_both_ways(folder: MirroredFolder, other: MirroredFolder, device: Device) -> None:
    folder.write("a.txt", b"one")
    folder.write("deep/er/b.txt", b"two")
    assert (await folder.settle()).done == {"put": 2}
    assert device.hashes() == {"a.txt": sha(b"one"), "deep/er/b.txt": sha(b"two")}
    await other.settle()
    assert other.tree() == folder.tree()
    other.write("a.txt", b"three")
    (other.root / "deep/er/b.txt").rename(other.root / "c.txt")
    other.write("new.txt", b"new")
    report = await other.settle()
    assert (report.done["edited"], report.done["renamed"], report.done["put"]) == (1, 1, 1)
    report = await folder.settle()
    assert (report.done["got"], report.done["moved"]) == (2, 1)
    assert folder.tree() == other.tree() == {"a.txt": b"three", "c.txt": b"two", "new.txt": b"new"}
    assert not (folder.root / "deep").exists()
    (folder.root / "new.txt").unlink()
    await device.sync.delete_file(device.id_of("a.txt"))
    await folder.settle()
    await other.settle()
    assert folder.tree() == other.tree() == {"c.txt": b"two"}
    assert device.hashes() == {"c.txt": sha(b"two")}


async def test_what_is_equal_moves_nothing(folder: MirroredFolder, device: Device) -> None:
    folder.write("a.txt", b"one")
    await device.sync.save_file(b"one", name="a.txt")
    report = await folder.settle()
    assert report.done == {"noted": 1}
    assert not (await folder.settle()).done
    assert len(device.live()) == 1


async def test_a_rename_moves_no_bytes(folder: MirroredFolder, device: Device) -> None:
    folder.write("a.txt", b"one")
    await folder.settle()
    before = device.live()[0]
    (folder.root / "sub").mkdir()
    (folder.root / "a.txt").rename(folder.root / "sub/b.txt")
    assert (await folder.settle()).done["renamed"] == 1
    after = device.live()[0]
    assert (after.id, after.content_hash) == (before.id, before.content_hash)
    inode = (folder.root / "sub/b.txt").stat().st_ino
    await device.sync.rename_file(after.id, "c.txt")
    assert (await folder.settle()).done["moved"] == 1
    assert (folder.root / "c.txt").stat().st_ino == inode


async def test_what_both_sides_have_changed_is_two_files(folder: MirroredFolder, device: Device) -> None:
    folder.write("a.txt", b"one")
    await folder.settle()
    folder.write("a.txt", b"of the folder")
    await device.sync.update_file(device.id_of("a.txt"), b"of the store")
    await folder.settle()
    assert folder.tree() == {"a.txt": b"of the store", "a (conflict).txt": b"of the folder"}
    assert device.hashes() == {path: sha(content) for path, content in folder.tree().items()}


async def test_an_edit_goes_before_a_deletion_on_either_side(folder: MirroredFolder, device: Device) -> None:
    for name in ("here", "there"):
        folder.write(name, b"one")
    await folder.settle()
    folder.write("here", b"edited here")
    await device.sync.delete_file(device.id_of("here"))
    (folder.root / "there").unlink()
    await device.sync.update_file(device.id_of("there"), b"edited there")
    await folder.settle()
    assert folder.tree() == {"here": b"edited here", "there": b"edited there"}
    assert device.hashes() == {path: sha(content) for path, content in folder.tree().items()}


async def test_names_that_are_exchanged_are_exchanged_on_the_other_side(
    folder: MirroredFolder, device: Device
) -> None:
    folder.write("a", b"one")
    folder.write("b", b"two")
    await folder.settle()
    one, two = device.id_of("a"), device.id_of("b")
    await device.sync.rename_file(one, "b")
    await device.sync.rename_file(two, "a")
    await folder.settle()
    assert folder.tree() == {"a": b"two", "b": b"one"}
    assert device.hashes() == {"a": sha(b"two"), "b": sha(b"one")}


async def test_a_file_becomes_a_folder_and_back(folder: MirroredFolder, device: Device) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.rename_file(device.id_of("a"), "a/inner")
    await folder.settle()
    assert folder.tree() == {"a/inner": b"one"}
    await device.sync.rename_file(device.id_of("a/inner"), "a")
    await folder.settle()
    assert folder.tree() == {"a": b"one"}


# --- deletions that nobody meant


async def test_a_folder_that_is_missing_or_empty_at_once_deletes_nothing(
    folder: MirroredFolder, device: Device, tmp_path: Path
) -> None:
    for number in range(3):
        folder.write(f"{number}.txt", bytes([number]))
    await folder.settle()
    folder.restart(limit=DEFAULT_LIMIT)
    folder.root.rename(tmp_path / "away")
    with pytest.raises(fs.StorageUnavailableError, match="nothing was deleted"):
        await folder.mirror.look()
    with pytest.raises(fs.InvalidArgumentError, match="is it mounted"):
        Folder(folder.root)
    folder.root.mkdir()
    report = await folder.settle()
    assert len(device.live()) == 3
    (withheld,) = report.withheld
    assert "the folder is empty" in withheld.reason
    assert "--max-delete 100%" in withheld.reason
    folder.restart(limit=delete_limit("100%"))
    assert (await folder.settle()).done["deleted"] == 3


@pytest.mark.parametrize("side", ["folder", "store"])
async def test_more_deletions_than_the_limit_allows_are_withheld_and_all_else_is_done(
    folder: MirroredFolder, device: Device, side: str
) -> None:
    for number in range(8):
        folder.write(f"{number}.txt", bytes([number]))
    await folder.settle()
    folder.restart(limit=delete_limit("25%"))
    for number in range(3):
        if side == "folder":
            (folder.root / f"{number}.txt").unlink()
        else:
            await device.sync.delete_file(device.id_of(f"{number}.txt"))
    folder.write("new.txt", b"new")
    report = await folder.settle()
    assert "3 of 9" in report.withheld[0].reason
    assert "--max-delete 3" in report.withheld[0].reason
    assert report.done["put"] == 1
    assert len(device.live()) == (9 if side == "folder" else 6)
    assert len(folder.tree()) == (6 if side == "folder" else 9)
    folder.restart(limit=delete_limit("3"))
    await folder.settle()
    assert len(folder.tree()) == len(device.live()) == 6


async def test_what_this_mirror_never_had_is_not_deleted(folder: MirroredFolder, device: Device) -> None:
    await device.sync.save_file(b"one", name="a.txt")
    assert (await folder.settle()).done["got"] == 1
    folder.knowledge.forget([device.id_of("a.txt")])
    (folder.root / "a.txt").unlink()
    assert (await folder.settle()).done["got"] == 1


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "1.5%"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(fs.InvalidArgumentError, match="neither a number"):
        delete_limit(text)


WALKS = 6
CHANGES = ("write", "edit", "remove", "rename", "save", "update", "delete", "call")


async def test_whatever_is_changed_between_looks_both_folders_and_the_store_end_equal(
    folder: MirroredFolder, other: MirroredFolder, device: Device
) -> None:
    seed = int(os.environ.get("WALK_SEED") or random.SystemRandom().randrange(2**32))
    print(f"WALK_SEED={seed}")
    walk = Walk(random.Random(seed), [folder, other], device)
    for _ in range(WALKS):
        for _ in range(walk.random.randrange(1, 12)):
            await walk.step()
        for _ in range(3):
            await folder.settle()
            await other.settle()
        in_store = device.hashes()
        for each in (folder, other):
            assert {path: sha(content) for path, content in each.tree().items()} == in_store
        assert walk.written - walk.dropped <= set(in_store.values())


class Walk:
    """Random changes of two real folders and their store, and looks of their mirrors, in any order."""

    def __init__(self, rng: random.Random, folders: list[MirroredFolder], device: Device) -> None:
        self.random = rng
        self.folders = folders
        self.device = device
        self.written: set[str] = set()
        self.dropped: set[str] = set()

    async def step(self) -> None:
        if self.random.random() < 0.3:
            await self.random.choice(self.folders).mirror.look()
            return
        kind = self.random.choice(CHANGES)
        name = self.random.choice(["a", "b.txt", "deep/c", "deep/er/d"])
        folder = self.random.choice(self.folders)
        path = folder.root / self.random.choice(sorted(folder.tree()) or [name])
        file = self.random.choice(self.device.live() or [None])
        if kind == "write" and not (folder.root / name).exists():
            folder.write(name, self._content())
        elif kind in {"edit", "remove", "rename"} and path.exists():
            self._change_folder(kind, folder, path)
        elif kind == "save":
            await self.device.sync.save_file(self._content(), name=name)
        elif kind in {"update", "delete", "call"} and file is not None:
            await self._change_store(kind, file, name)

    def _change_folder(self, kind: str, folder: MirroredFolder, path: Path) -> None:
        if kind == "rename":
            path.rename(folder.root / f"moved {len(self.written)} {self.random.random()}")
            return
        self.dropped.add(sha(path.read_bytes()))
        if kind == "edit":
            path.write_bytes(self._content())
        else:
            path.unlink()

    async def _change_store(self, kind: str, file: fs.FileRecord, name: str) -> None:
        sync = self.device.sync
        if kind == "call":
            await sync.rename_file(file.id, name)
            return
        self.dropped.add(file.content_hash)
        await (sync.delete_file(file.id) if kind == "delete" else sync.update_file(file.id, self._content()))

    def _content(self) -> bytes:
        content = f"content {len(self.written)}".encode()
        self.written.add(sha(content))
        return content
