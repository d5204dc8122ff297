"""A folder is no picture of one moment: what becomes of files that move while a mirror looks through it, and
of steps in the middle of which the mirror dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from filesync_web.mirror.knowledge import Knowledge
from filesync_web.mirror.performer import NOT_UPLOADED
from tests.unit.mirror.scene import FILES, Device, MirroredFolder, sha

During = Callable[[MirroredFolder, pytest.MonkeyPatch], Any]


class DiedError(BaseException):
    """Nothing of the mirror runs after this."""


@contextmanager
def move_while_listing(
    folder: MirroredFolder, patch: pytest.MonkeyPatch, *, old: str, new: str
) -> Iterator[None]:
    """Somebody moves a file when the folder's own entries were read and those of `deep` are next."""
    real = os.scandir

    def list_late(path: Path) -> Any:
        if path == folder.root / "deep" and (folder.root / old).exists():
            (folder.root / old).rename(folder.root / new)
        return real(path)

    with patch.context() as patched:
        patched.setattr("filesync_web.mirror.folder.os.scandir", list_late)
        yield


def out_of_a_folder(folder: MirroredFolder, patch: pytest.MonkeyPatch) -> Any:
    """From where the mirror has yet to look to where it has looked: it sees the file nowhere."""
    return move_while_listing(folder, patch, old="deep/a", new="b")


@contextmanager
def before_it_is_read(folder: MirroredFolder, patch: pytest.MonkeyPatch) -> Iterator[None]:
    hashing = folder.mirror._folder._hash

    def read_late(entry: Any) -> Any:
        if (folder.root / "deep/a").exists():
            (folder.root / "deep/a").rename(folder.root / "b")
        return hashing(entry)

    with patch.context() as patched:
        patched.setattr(folder.mirror._folder, "_hash", read_late)
        yield


@contextmanager
def before_its_status_is_asked(folder: MirroredFolder, patch: pytest.MonkeyPatch) -> Iterator[None]:
    add = folder.mirror._folder._add

    def add_late(scan: Any, entry: Any, *more: Any) -> Any:
        if entry.name == "a":
            (folder.root / "deep/a").rename(folder.root / "b")
        return add(scan, entry, *more)

    with patch.context() as patched:
        patched.setattr(folder.mirror._folder, "_add", add_late)
        yield


@contextmanager
def so_late_that_it_is_not_read_yet(folder: MirroredFolder, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a file that has come just now counts as one that is being written."""
    (folder.root / "deep/a").rename(folder.root / "b")
    with patch.context() as patched:
        patched.setattr(folder.mirror._folder, "_is_fresh", lambda _stamp, _now: True)
        yield


MOVES = [
    out_of_a_folder,
    before_it_is_read,
    before_its_status_is_asked,
    so_late_that_it_is_not_read_yet,
]


@pytest.mark.parametrize("during", MOVES)
async def test_a_file_that_moves_during_a_look_is_renamed_and_not_deleted(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch, during: During
) -> None:
    folder.write("deep/a", b"one")
    folder.write("deep/stays", b"two")
    await folder.settle()
    before = device.id_of("deep/a")
    with during(folder, monkeypatch):
        await folder.mirror.look()
    await folder.settle()
    (path,) = set(folder.tree()) - {"deep/stays"}
    assert device.id_of(path) == before
    assert device.hashes() == {path: sha(b"one"), "deep/stays": sha(b"two")}


@pytest.mark.parametrize("during", MOVES)
async def test_a_file_that_moves_during_a_look_and_is_renamed_in_the_store_is_one_file(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch, during: During
) -> None:
    folder.write("deep/a", b"one")
    folder.write("deep/stays", b"two")
    await folder.settle()
    await device.sync.rename_file(device.id_of("deep/a"), "renamed there")
    with during(folder, monkeypatch):
        await folder.mirror.look()
    await folder.settle()
    assert folder.tree() == {"renamed there": b"one", "deep/stays": b"two"}
    assert device.hashes() == {path: sha(content) for path, content in folder.tree().items()}


async def test_a_file_that_is_seen_twice_since_it_moves_meanwhile_is_one_file(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder.write("a", b"one")
    os.utime(old, (time.time() - 60, time.time() - 60))  # so that it need not be read again
    folder.write("deep/stays", b"two")
    await folder.settle()
    before = device.id_of("a")
    with move_while_listing(folder, monkeypatch, old="a", new="deep/b"):
        await folder.mirror.look()
    assert len(device.live()) == 2
    await folder.settle()
    assert device.id_of("deep/b") == before
    assert device.hashes() == {"deep/b": sha(b"one"), "deep/stays": sha(b"two")}


async def test_two_links_to_one_file_are_two_files(folder: MirroredFolder, device: Device) -> None:
    os.link(folder.write("a", b"one"), folder.root / "b")
    await folder.settle()
    assert device.hashes() == {"a": sha(b"one"), "b": sha(b"one")}


async def test_a_file_that_is_gone_is_deleted_beside_one_that_is_written_all_the_time(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    folder.write("log", b"line")
    (folder.root / "a").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(folder.mirror._folder, "_is_fresh", lambda _stamp, _now: True)
        report = await folder.mirror.look()
    assert report.unsettled == {"log"}
    assert device.live() == []


async def test_a_moved_file_that_cannot_be_read_is_not_deleted(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    (folder.root / "a").rename(folder.root / "b")

    def refuse(_entry: object) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(folder.mirror._folder, "_hash", refuse)
        report = await folder.settle()
    assert report.left_out == {"b": "it cannot be read: Permission denied"}
    assert device.hashes() == {"a": sha(b"one")}
    await folder.settle()
    assert device.hashes() == {"b": sha(b"one")}


# --- a mirror that dies


async def die(folder: MirroredFolder, patch: pytest.MonkeyPatch, of: object, name: str) -> None:
    """Look, die instead of what `of.name` does, and begin anew."""

    def end(*_: object, **__: object) -> None:
        raise DiedError

    with patch.context() as patched:
        patched.setattr(of, name, end)
        with pytest.raises(DiedError):
            await folder.mirror.look()
    folder.restart()


async def die_when_the_file_is_there(folder: MirroredFolder, patch: pytest.MonkeyPatch) -> None:
    """Die between the writing of a file and the note that it has arrived."""
    note = Knowledge.note

    def note_that_it_arrives(knowledge: Knowledge, known: Any) -> None:
        if not known.arriving:
            raise DiedError
        note(knowledge, known)

    with patch.context() as patched:
        patched.setattr(Knowledge, "note", note_that_it_arrives)
        with pytest.raises(DiedError):
            await folder.mirror.look()
    folder.restart()


async def test_a_file_that_arrived_before_a_death_and_moves_during_the_next_look_is_one_file(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.sync.save_file(b"one", name="deep/a")
    await die_when_the_file_is_there(folder, monkeypatch)
    assert folder.tree() == {"deep/a": b"one"}
    with before_it_is_read(folder, monkeypatch):
        await folder.mirror.look()
    await folder.settle()
    assert folder.tree() == {"b": b"one"}
    assert device.hashes() == {"b": sha(b"one")}


async def test_a_content_that_arrived_before_a_death_and_moves_during_the_next_look_is_there_once(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("deep/a", b"one")
    await folder.settle()
    await device.sync.update_file(device.id_of("deep/a"), b"two")
    await die_when_the_file_is_there(folder, monkeypatch)
    assert folder.tree() == {"deep/a": b"two"}
    with so_late_that_it_is_not_read_yet(folder, monkeypatch):
        await folder.mirror.look()
    await folder.settle()
    assert folder.tree() == {"b": b"two"}
    assert device.hashes() == {"b": sha(b"two")}


async def test_a_second_edit_before_which_a_mirror_dies_is_no_conflict_with_the_first(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(device.store), "has_backend", True)  # one that confirms nothing
    for content in (b"one", b"two"):
        folder.write("a", content)
        await folder.settle()
    folder.write("a", b"three")
    await die(folder, monkeypatch, device.sync, "update_file")
    await folder.settle()
    assert folder.tree() == {"a": b"three"}
    assert device.hashes() == {"a": sha(b"three")}


async def test_a_deletion_during_which_a_mirror_dies_is_finished_and_not_undone(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.delete_file(device.id_of("a"))
    await device.sync.save_file(b"one", name="b")
    await die(folder, monkeypatch, folder.mirror._folder, "remove")
    await folder.settle()
    assert folder.tree() == {"b": b"one"}
    assert device.hashes() == {"b": sha(b"one")}


async def test_what_is_put_back_after_a_mirror_died_while_it_removed_it_stays(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.delete_file(device.id_of("a"))
    await die(folder, monkeypatch, folder.mirror._folder, "remove")
    (folder.root / "a").unlink()  # the mirror had done that
    folder.write("kept", b"so that the inode of the next one is another")
    folder.write("a", b"one")
    await folder.settle()
    assert folder.tree().keys() == device.hashes().keys() == {"a", "kept"}


async def test_a_deletion_that_the_folder_refuses_is_tried_again_and_not_undone(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.delete_file(device.id_of("a"))

    def refuse(_entry: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(folder.mirror._folder, "remove", refuse)
        for _ in range(2):
            report = await folder.mirror.look()
            assert report.failed.keys() == {"a"}
    assert device.live() == []
    await folder.settle()
    assert folder.tree() == {}


# --- between a step and its note


async def test_a_file_that_moves_as_soon_as_it_was_written_is_no_failure(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await device.sync.save_file(b"one", name="a")

    def move(_path: Path) -> None:
        if (folder.root / "a").exists():
            (folder.root / "a").rename(folder.root / "b")

    with monkeypatch.context() as patched:
        patched.setattr("filesync_web.mirror.folder.make_durable", move)
        report = await folder.mirror.look()
    assert (report.failed, report.unsettled) == ({}, {"a"})
    await folder.settle()
    assert folder.tree() == {"b": b"one"}
    assert device.hashes() == {"b": sha(b"one")}


async def test_an_edit_just_before_a_file_is_moved_is_noticed(
    folder: MirroredFolder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a", b"one")
    await folder.settle()
    await device.sync.rename_file(device.id_of("a"), "b")
    rename = folder.mirror._folder.rename

    def put_an_old_file_there_first(*arguments: Any) -> Any:
        folder.write("new", b"two")
        long_ago = time.time() - 3600
        os.utime(folder.root / "new", (long_ago, long_ago))
        (folder.root / "new").replace(folder.root / "a")
        return rename(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(folder.mirror._folder, "rename", put_an_old_file_there_first)
        await folder.mirror.look()
    await folder.settle()
    assert folder.tree() == {"b": b"two"}
    assert device.hashes() == {"b": sha(b"two")}


async def test_what_another_device_has_yet_to_upload_waits_and_says_so(
    folder: MirroredFolder, device: Device
) -> None:
    record = {"id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "path": f"s/{sha(b'theirs')}"}
    times = {"created_at": 1, "updated_at": 1}
    created = FILES.events["file_created"](
        **record, content_hash=sha(b"theirs"), metadata_json='{"custom":{"name":"a"}}', **times
    )
    await device.store.commit(created)
    report = await folder.settle()
    assert len(device.live()) == 1
    assert list(report.waiting.values()) == [NOT_UPLOADED]
    assert folder.tree() == {}
