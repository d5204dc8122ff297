"""What a mirror makes of odd files and names, of races, and of disks that fail."""

from __future__ import annotations

import os
import socket
import time
import unicodedata
from pathlib import Path

import pytest

import filesync_web as fs
from filesync_web.mirror.decisions.names import TEMPORARY
from filesync_web.mirror.folder import Folder
from tests.unit.mirror.scene import FILES, Device, MirroredFolder, sha

# --- what is left alone


async def test_what_is_ignored_is_left_alone_on_both_sides(folder: MirroredFolder, device: Device) -> None:
    folder.write(".filesyncignore", b"*.log\n!keep.log\nbuild/\n")
    folder.write("a.log", b"log")
    folder.write("keep.log", b"kept")
    folder.write("build/out", b"built")
    folder.write("notes.tmp", b"temporary")
    await device.sync.save_file(b"theirs", name="their.log")
    folder.restart(ignore=["*.tmp"])
    await folder.settle()
    assert device.hashes().keys() == {".filesyncignore", "keep.log", "their.log"}
    assert "their.log" not in folder.tree()


@pytest.mark.parametrize("content", [b"\xff\xfe*", None])
async def test_patterns_that_cannot_be_read_stop_the_mirror(
    folder: MirroredFolder, device: Device, content: bytes | None
) -> None:
    folder.write("a.log", b"log")
    if content is None:
        (folder.root / ".filesyncignore").symlink_to("elsewhere")
    else:
        folder.write(".filesyncignore", content)
    with pytest.raises(fs.InvalidArgumentError, match="cannot be used"):
        await folder.mirror.look()
    assert device.live() == []


async def test_a_mirrored_file_that_becomes_ignored_stays_on_both_sides(
    folder: MirroredFolder, device: Device
) -> None:
    folder.write("a.log", b"log")
    await folder.settle()
    folder.restart(ignore=["*.log"])
    (folder.root / "a.log").unlink()
    await folder.settle()
    assert device.hashes().keys() == {"a.log"}
    folder.restart(ignore=[])
    await folder.settle()
    assert folder.tree() == {"a.log": b"log"}


async def test_links_sockets_pipes_and_odd_names_are_left_out_with_the_reason(
    folder: MirroredFolder, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"secret")
    (folder.root / "link").symlink_to(tmp_path / "outside/secret")
    (folder.root / "link to folder").symlink_to(tmp_path / "outside")
    (folder.root / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder.root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder.root)  # the path of a socket must not be long
        listening.bind("socket")
    (folder.root / os.fsdecode(b"caf\xe9")).write_bytes(b"latin-1")
    report = await folder.settle()
    assert device.live() == []
    assert {path: reason.split()[2] for path, reason in report.left_out.items() if path.isascii()} == {
        "link": "a",
        "link to folder": "a",
        "broken": "a",
        "pipe": "a",
        "socket": "a",
    }
    assert "symbolic link" in report.left_out["link to folder"]
    assert "UTF-8" in next(reason for path, reason in report.left_out.items() if "caf" in path)


async def test_a_file_that_becomes_a_link_or_cannot_be_read_is_no_deleted_file(
    folder: MirroredFolder, device: Device, tmp_path: Path
) -> None:
    folder.write("a", b"one")
    folder.write("b", b"two")
    folder.write("deep/c", b"three")
    await folder.settle()
    (tmp_path / "elsewhere").write_bytes(b"two")
    (folder.root / "b").unlink()
    (folder.root / "b").symlink_to(tmp_path / "elsewhere")
    (folder.root / "deep").rename(tmp_path / "deep")
    (folder.root / "deep").symlink_to(tmp_path / "deep")
    report = await folder.settle()
    assert len(device.live()) == 3
    assert report.left_out.keys() == {"b", "deep"}
    await device.sync.update_file(device.id_of("deep/c"), b"new")
    await folder.settle()
    assert (tmp_path / "deep/c").read_bytes() == b"three"


async def test_a_file_whose_reading_fails_is_left_out_and_not_deleted(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    folder.write("b", b"two")
    await folder.settle()
    folder.write("a", b"other")
    real = os.open

    def refuse(path: object, *arguments: int, **more: int) -> int:
        if str(path).endswith("folder/a"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        report = await folder.settle()
    assert report.left_out == {"a": "it cannot be read: Permission denied"}
    assert device.hashes()["a"] == sha(b"one")
    await folder.settle()
    assert device.hashes()["a"] == sha(b"other")


# --- names


async def test_a_name_has_one_form_in_the_store_and_stays_as_it_is_in_the_folder(
    folder: MirroredFolder, other: MirroredFolder, device: Device
) -> None:
    composed, apart = "Grün/é.txt", unicodedata.normalize("NFD", "Grün/é.txt")
    folder.write(apart, b"one")
    await folder.settle()
    assert device.hashes().keys() == {composed}
    await other.settle()
    assert other.tree() == {composed: b"one"}
    other.write(composed, b"two")
    other.write("Grün/new.txt", b"new")
    await other.settle()
    await folder.settle()
    assert folder.tree() == {apart: b"two", unicodedata.normalize("NFD", "Grün") + "/new.txt": b"new"}
    folder.write(composed, b"the same in another form")
    report = await folder.settle()
    assert "another Unicode form" in next(iter(report.left_out.values()))
    assert device.hashes()[composed] == sha(b"two")


async def test_hostile_names_of_the_store_stay_in_the_folder(folder: MirroredFolder, device: Device) -> None:
    for name in ("../out.txt", "/absolute.txt", "a/../../b.txt", "nul\0.txt", ".", "..", "x//y"):
        await device.sync.save_file(name.encode(), name=name)
    await device.sync.save_file(b"temporary", name=f"{TEMPORARY}x")
    await folder.settle()
    assert sorted(path.name for path in folder.root.parent.iterdir()) == ["data", "folder"]
    assert len(folder.tree()) == 7
    assert set(device.hashes()) - set(folder.tree()) == {f"{TEMPORARY}x"}


@pytest.mark.parametrize("updated_at", [-62_000_000_000_000, 253_000_000_000_000])
async def test_a_time_that_no_file_can_have_is_no_matter(
    folder: MirroredFolder, device: Device, updated_at: int
) -> None:
    await device.sync.save_file(b"one", name="a.txt")
    record = device.live()[0]
    edited = FILES.events["file_updated"](
        id=record.id,
        path=record.path,
        remote_key="",
        content_hash=record.content_hash,
        metadata_json=record.metadata_json,
        updated_at=updated_at,
    )
    await device.store.commit(edited)
    await folder.settle()
    assert folder.tree() == {"a.txt": b"one"}
    assert 0 <= (folder.root / "a.txt").stat().st_mtime <= time.time()


async def test_equal_names_of_the_store_are_files_beside_each_other(
    folder: MirroredFolder, device: Device
) -> None:
    await device.sync.save_file(b"one", name="a.txt")
    await device.sync.save_file(b"two", name="a.txt")
    await folder.settle()
    assert sorted(folder.tree().values()) == [b"one", b"two"]
    assert {path: sha(content) for path, content in folder.tree().items()} == device.hashes()
    assert not (await folder.settle()).done


async def test_a_name_that_the_disk_refuses_fails_alone(folder: MirroredFolder, device: Device) -> None:
    await device.sync.save_file(b"long", name="ü" * 200)  # 400 bytes
    await device.sync.save_file(b"one", name="a.txt")
    report = await folder.settle()
    assert folder.tree()["a.txt"] == b"one"
    assert len(report.failed) + len(folder.tree()) == 2


# --- races and failures


async def test_a_file_that_changes_while_it_is_read_is_not_taken(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"x" * 3_000_000)
    save = device.sync.save_file

    async def save_while_it_is_written(*arguments: object, **more: object) -> object:
        with (folder.root / "a").open("r+b") as file:
            file.write(b"y")
        return await save(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(device.sync, "save_file", save_while_it_is_written)
        report = await folder.mirror.look()
    assert report.unsettled == {"a"}
    assert device.live() == []
    await folder.settle()
    assert device.hashes() == {"a": sha(b"y" + b"x" * 2_999_999)}


async def look_while_a_user_writes(folder: MirroredFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look, in which somebody writes the file `a` just before the mirror does."""
    write = folder.mirror._folder.write

    def write_first(*arguments: object, **more: object) -> object:
        folder.write("a", b"of the user")
        return write(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(folder.mirror._folder, "write", write_first)
        await folder.mirror.look()


async def test_an_edit_while_the_stores_content_is_written_is_not_lost(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.update_file(device.id_of("a"), b"of the store")
    await look_while_a_user_writes(folder, monkeypatch)
    await folder.settle()
    assert folder.tree() == {"a": b"of the store", "a (conflict)": b"of the user"}


async def test_a_new_file_where_the_stores_is_to_be_written_is_not_lost(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.sync.save_file(b"of the store", name="a")
    await look_while_a_user_writes(folder, monkeypatch)
    await folder.settle()
    assert folder.tree() == {"a": b"of the store", "a (conflict)": b"of the user"}


async def test_a_full_disk_leaves_no_part_and_is_told(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.sync.save_file(b"of the store", name="a")

    def full(_source: object, target: Path) -> None:
        target.write_bytes(b"of the")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("filesync_web.mirror.folder.shutil.copyfile", full)
        with pytest.raises(fs.QuotaExceededError, match="no room for 'a'"):
            await folder.mirror.look()
    assert list(folder.root.iterdir()) == []
    await folder.settle()
    assert folder.tree() == {"a": b"of the store"}


async def test_what_a_mirror_that_died_was_writing_is_removed(folder: MirroredFolder) -> None:
    folder.write(f"deep/{TEMPORARY}0123", b"half")
    Folder(folder.root).remove_leftovers()
    assert folder.tree() == {}


async def test_a_content_is_read_again_only_when_the_file_may_have_changed(
    folder: MirroredFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder.write("old", b"one")
    os.utime(old, (time.time() - 60, time.time() - 60))
    folder.write("fresh", b"two")
    await folder.settle()
    read: list[str] = []
    hashing = folder.mirror._folder._hash
    monkeypatch.setattr(
        folder.mirror._folder, "_hash", lambda entry: (read.append(entry.real), hashing(entry))[1]
    )
    await folder.settle()
    assert read == ["fresh"]  # it could have been written twice at one time


async def test_two_mirrors_of_one_folder_are_one_too_many(folder: MirroredFolder) -> None:
    one, two = Folder(folder.root), Folder(folder.root)
    with one.lock(), pytest.raises(fs.InvalidArgumentError, match="another process"), two.lock():
        pass
    with two.lock():
        pass


async def test_knowledge_of_a_newer_version_is_refused_and_a_damaged_one_told(
    folder: MirroredFolder, device: Device
) -> None:
    folder.knowledge._db.execute("PRAGMA user_version=99")
    with pytest.raises(fs.StoreError, match="newer version"):
        folder.restart()
    (file,) = device.data.rglob("mirrors/*.sqlite3")
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(fs.StoreError, match="Remove it"):
        folder.restart()
