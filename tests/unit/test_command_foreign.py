"""What the command takes from outside: names, archives and answers that somebody has made up."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from filesync_web.command.archive import CONTENTS, INDEX, reading
from filesync_web.command.getting import save_as, target_of
from filesync_web.command.probes import _members
from filesync_web.core.records import FileRecord
from filesync_web.errors import IntegrityError, InvalidArgumentError
from filesync_web.ports import HttpResponse

HASH = "a" * 64
DEEP = b'{"files": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\0b.txt", "a_b.txt"),
        ("two\nlines", "two_lines"),
        ("é" * 200 + ".jpeg", "é" * 125 + ".jpeg"),
        ("x" * 300, "x" * 255),
        ("a." + "é" * 300, "a." + "é" * 126),
        ("../../.bashrc", "bashrc"),
        ("..", HASH),
        ("\ud800.txt", "?.txt"),
    ],
)
def test_a_name_of_somebody_else_is_one_that_a_file_can_have(tmp_path: Path, name: str, written: str) -> None:
    metadata = json.dumps({"custom": {"name": name}})
    record = FileRecord("id", f"store/{HASH}", "", HASH, metadata, 1, 1, None)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    (tmp_path / "out").mkdir()
    with source.open("rb") as content:
        save_as(content, target_of(record, tmp_path / "out"), force=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [written]


def tar_of(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def test_an_index_that_nests_without_end_is_no_export(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(DEEP)
    with reading(tmp_path) as archive, pytest.raises(InvalidArgumentError, match="no export"):
        archive.files()


def test_a_tar_that_was_cut_off_is_told_as_such(tmp_path: Path) -> None:
    content = b"x" * 100_000
    content_hash = hashlib.sha256(content).hexdigest()
    place = tmp_path / "store.tar"
    tar_of(place, {f"{CONTENTS}/{content_hash}": content})
    whole = place.read_bytes()
    place.write_bytes(whole[:50_000])
    with (
        reading(place) as archive,
        pytest.raises(IntegrityError, match="cut off"),
        archive.content(content_hash),
    ):
        pass
    place.write_bytes(whole[:100])
    with pytest.raises(InvalidArgumentError), reading(place) as archive:
        archive.files()


def test_an_answer_that_nests_without_end_says_nothing() -> None:
    assert _members(HttpResponse(200, {}, DEEP)) == {}
