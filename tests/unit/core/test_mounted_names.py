"""Every live file has a path of its own in the mounted tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.mounted_names import MountedNames, NamedFile, clean_path, numbered


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


FILES = st.builds(
    NamedFile,
    st.sampled_from("123456"),
    st.lists(st.sampled_from(["a", "b", "a (2)"]), max_size=3).map("/".join),
    st.integers(0, 3),
)


@given(st.lists(FILES), st.lists(FILES | st.sampled_from("123456")))
def test_each_file_has_a_path_and_each_folder_something_in_it(
    first: list[NamedFile], changes: list[NamedFile | str]
) -> None:
    files = {file.file_id: file for file in first}
    names = MountedNames(files.values())
    for change in changes:
        if isinstance(change, str):
            files.pop(change, None)
            names.remove(change)
        else:
            files[change.file_id] = change
            names.put(change)
    found: list[str] = []

    def walk(folder: str) -> None:
        assert names.is_folder(folder)
        for name in names.names_in(folder):
            path = f"{folder}/{name}" if folder else name
            file_id = names.file_at(path)
            if file_id is None:
                assert names.names_in(path), f"{path} is empty"
                walk(path)
            else:
                assert not names.is_folder(path)
                assert names.path_of(file_id) == path
                found.append(file_id)

    walk("")
    assert sorted(found) == sorted(files)
