"""The tree of a store's live files: by name, as of now, and read when it is looked up."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.core.mounting import MountedFile, Tree
from filesync_web.files.stored_tree import StoredTree
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import FILES, Tab, a_device, hash_of


class MemoryMounted:
    """What a platform would show: the tree itself, and what was prepared."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self.tree = tree
        self.folder = folder
        self.prepared: list[str] = []
        self.is_closed = False

    async def prepare(self, contents: list[str]) -> None:
        self.prepared += contents

    async def close(self) -> None:
        self.is_closed = True


def found(tree: StoredTree, path: str) -> MountedFile:
    file = tree.find(path)
    assert file is not None
    return file


def tree_of(tab: Tab) -> StoredTree:
    return StoredTree(tab.sync._workspace)


async def test_files_are_found_by_name_with_what_stat_tells() -> None:
    async with a_device() as device:
        tab = await device.tab()
        saved = await tab.sync.save_file(b"12345", name="notes/a.txt")
        tree = tree_of(tab)
        file = found(tree, "notes/a.txt")
        assert (file.file_id, file.content_hash, file.size) == (saved.file_id, hash_of(b"12345"), 5)
        assert file.modified_at == tab.record(saved.file_id).updated_at
        assert [tree.find(path) for path in ("", "notes", "a.txt", "notes/b", "notes/a.txt/x")] == [None] * 5
        assert (tree.is_folder(""), tree.is_folder("notes"), tree.is_folder("a.txt")) == (True, True, False)
        assert tree.names_in("") == ["notes"]


async def test_what_anybody_changes_shows_at_the_next_look_up() -> None:
    async with a_device() as device:
        tab, other = await device.tab(), await device.tab()
        tree = tree_of(tab)
        assert tree.names_in("") == []
        saved = await other.sync.save_file(b"one", name="a.txt")
        await settle()
        assert found(tree, "a.txt").size == 3
        await other.sync.update_file(saved.file_id, b"longer", name="b.txt")
        await settle()
        assert (tree.names_in(""), found(tree, "b.txt").size) == (["b.txt"], 6)
        await other.sync.delete_file(saved.file_id)
        await settle()
        assert tree.names_in("") == []


async def test_a_look_up_reads_one_record_and_the_first_one_the_names() -> None:
    async with a_device() as device:
        tab = await device.tab()
        for number in range(5):
            await tab.sync.save_file(b"x", name=f"{number}.txt")
        tree = tree_of(tab)
        queries: list[object] = []
        query = tab.store.query
        tab.store.query = lambda *args: (queries.append(args), query(*args))[1]  # type: ignore[method-assign,assignment]
        tree.find("3.txt")
        assert len(queries) == 2
        tree.find("4.txt")
        tree.names_in("")
        assert len(queries) == 3


async def test_names_that_are_no_text_or_json_are_no_names() -> None:
    async with a_device() as device:
        tab = await device.tab()
        for number, metadata in enumerate(
            ['{"custom":{"name":5}}', "no JSON", '{"custom":[]}', "null", None]
        ):
            content = hash_of(str(number).encode())
            path = f"livestore-filesync-files/s/{content}"
            created = FILES.events.file_created(
                id=str(number),
                path=path,
                content_hash=content,
                metadata_json=metadata,
                created_at=1,
                updated_at=1,
            )
            await tab.store.commit(created)
        assert sorted(tree_of(tab).names_in("")) == ["0", "1", "2", "3", "4"]


async def test_a_mounted_tree_ends_with_its_file_sync_and_prepares_what_is_at_hand() -> None:
    async with a_device() as device:
        device.mount = MemoryMounted
        tab = await device.tab()
        old = await tab.sync.save_file(b"old", name="old")
        first, second = await tab.sync.mount("/one"), await tab.sync.mount("/two")
        shown = [mounted._mounted for mounted in (first, second)]
        assert [one.folder for one in shown if isinstance(one, MemoryMounted)] == ["/one", "/two"]
        await first.unmount()
        await first.unmount()
        new = await tab.sync.save_file(b"new", name="new")
        await tab.sync.read_file(old.file_id)
        await second.ready()
        new_hash, old_hash = new.content_hash, old.content_hash
        assert [getattr(one, "prepared", None) for one in shown] == [
            [],
            [new_hash, old_hash, new_hash, old_hash],
        ]
        await tab.sync.dispose()
        assert [getattr(one, "is_closed", None) for one in shown] == [True, True]


async def test_where_python_has_the_systems_files_nothing_is_mounted() -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.InvalidArgumentError, match="Pyodide"):
            await tab.sync.mount("/files")
