"""Every live file has a path of its own in the mounted tree."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.mounted_names import MountedNames, NamedFile, clean_path, marked, numbered, unnumbered


def names_of(*files: tuple[str, str | None, int]) -> MountedNames:
    return MountedNames(NamedFile(*file) for file in files)


def test_slashes_make_folders_that_go_with_their_last_file() -> None:
    names = names_of(("1", "a/b/c.txt", 1), ("2", "a/d.txt", 2))
    assert (names.names_in(""), names.names_in("a"), names.names_in("a/b")) == (
        ["a"],
        ["b", "d.txt"],
        ["c.txt"],
    )
    names.remove("1")
    assert (names.is_folder("a/b"), names.names_in("a")) == (False, ["d.txt"])
    names.remove("2")
    assert (names.names_in(""), names.is_folder(""), names.is_folder("a")) == ([], True, False)


def test_the_oldest_of_one_name_has_it_and_the_others_get_a_number() -> None:
    names = names_of(("young", "plan.txt", 3), ("old", "plan.txt", 1), ("odd", "plan (2).txt", 9))
    assert [names.file_at(path) for path in ("plan.txt", "plan (2).txt", "plan (3).txt")] == [
        "old",
        "odd",
        "young",
    ]
    names.put(NamedFile("older", "plan.txt", 0))
    assert (names.path_of("older"), names.path_of("old")) == ("plan.txt", "plan (3).txt")
    names.remove("older")
    assert names.path_of("old") == "plan.txt"


def test_a_folder_comes_before_a_file_of_its_name() -> None:
    names = names_of(("file", "a", 1))
    assert names.file_at("a") == "file"
    names.put(NamedFile("inside", "a/b", 2))
    assert (names.path_of("file"), names.is_folder("a")) == ("a (2)", True)
    assert sorted(names.names_in("")) == ["a", "a (2)"]


def test_a_file_moves_with_its_name() -> None:
    names = names_of(("1", "a.txt", 1))
    names.put(NamedFile("1", "b/c.txt", 1))
    assert (names.file_at("a.txt"), names.file_at("b/c.txt"), names.names_in("")) == (None, "1", ["b"])


def test_whatever_a_name_is_it_is_a_path_below_the_root() -> None:
    paths = [
        clean_path(NamedFile("i/d", name, 0)) for name in (None, "", "/", "../x", "/a//./b", "n\0l", "\ud800")
    ]
    assert paths == ["i_d", "i_d", "i_d", "__/x", "a/b", "n_l", "?"]


def test_the_number_stands_before_the_suffix() -> None:
    assert [numbered(path, 2) for path in ("a/b.tar.gz", ".hidden", "a.b/c")] == [
        "a/b.tar (2).gz",
        ".hidden (2)",
        "a.b/c (2)",
    ]


@given(st.text(".a( )2\n", min_size=1), st.integers(2, 120))
def test_a_numbered_path_tells_what_it_was_made_of(path: str, number: int) -> None:
    """So two names never come to the same numbered path."""
    assert unnumbered(numbered(path, number)) == path


def test_a_mark_that_is_no_number_is_part_of_the_name() -> None:
    assert marked("a/b.txt", "conflict") == "a/b (conflict).txt"
    for path in ("b (conflict).txt", "b (1).txt", "b (02).txt", " (2).txt", "b(2).txt"):
        assert unnumbered(path) == path


NAMES = ["a", "a (2)", "a (3)", "a/a", "a (2)/a", "a/a (2)", "a (2)/a (2)/b", None]


def files_in(names: MountedNames, folder: str = "") -> dict[str, str]:
    """All files by their paths, as one finds them by walking through the folders."""
    found: dict[str, str] = {}
    assert names.is_folder(folder)
    for name in names.names_in(folder):
        path = f"{folder}/{name}" if folder else name
        file_id = names.file_at(path)
        if file_id is None:
            below = files_in(names, path)
            assert below, f"{path} is empty"
            found |= below
        else:
            assert not names.is_folder(path)
            assert names.path_of(file_id) == path
            found[path] = file_id
    return found


@given(st.integers(0, 1 << 30))
def test_the_tree_is_that_of_the_files_however_they_came(seed: int) -> None:
    chance = Random(seed)
    names, files = MountedNames(), dict[str, NamedFile]()
    for _ in range(40):
        file_id = chance.choice("123456")
        if chance.random() < 0.3:
            names.remove(file_id)
            files.pop(file_id, None)
        else:
            files[file_id] = NamedFile(file_id, chance.choice(NAMES), chance.randrange(4))
            names.put(files[file_id])
        if chance.random() < 0.5:
            found = files_in(names)
            assert sorted(found.values()) == sorted(files)
            assert found == files_in(MountedNames(chance.sample(list(files.values()), len(files))))
