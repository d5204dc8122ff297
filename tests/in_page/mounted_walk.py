"""A random walk through a folder, done in two at once: what Python is told in each must be the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

PATHS = ("a", "b", "d/a", "d/b", "d/e/a", "d", "d/e", "f", "missing/a")
MODES = ("rb", "rb", "wb", "ab", "r+b", "w+b", "xb", "a+b")
MOST_OPEN = 4


def outcome(act: Callable[[], Any]) -> Any:
    """What an operation gives, or the number of its error."""
    try:
        return act()
    except OSError as error:
        return f"errno {error.errno}"


class Walk:
    """The same steps below each of two roots; `told` is what came of the last ones, for when they differ."""

    def __init__(self, seed: int, roots: tuple[str, str]) -> None:
        self.random = Random(seed)
        self.roots = roots
        self.open: list[tuple[Any, ...]] = []
        self.told: list[str] = []

    def step(self) -> None:
        """Do something in both."""
        choices = [self.open_file, self.rename, self.remove, self.make_folder, self.remove_folder, self.look]
        choices += [self.truncate_path, self.copy, self.truncate, self.close]
        choices += [self.open_file] * 6 + [self.read, self.write, self.seek] * 5
        self.random.choice(choices)()

    def both(self, name: str, act: Callable[[str], Any]) -> tuple[Any, ...]:
        """What both give; raises when it is not the same."""
        found = tuple(outcome(lambda root=root: act(root)) for root in self.roots)
        plain = tuple("a file" if hasattr(each, "close") else each for each in found)
        self.told = [*self.told[-30:], f"{name}: {plain[0]!r:.80}"]
        assert plain[0] == plain[1], f"{name}: {plain[0]!r:.200} is not {plain[1]!r:.200}; {self.told}"
        return found

    def path(self) -> str:
        return self.random.choice(PATHS)

    def data(self) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 10, 5000]))

    def open_file(self) -> None:
        path, mode = self.path(), self.random.choice(MODES)
        if len(self.open) < MOST_OPEN:
            found = self.both(f"open {path} {mode}", lambda root: Path(root, path).open(mode, buffering=0))
            if hasattr(found[0], "close"):
                self.open.append(found)

    def in_each(self, name: str, act: Callable[[Any], Any]) -> None:
        if self.open:
            files = self.random.choice(self.open)
            by_root = dict(zip(self.roots, files, strict=True))
            self.both(f"{name} of {files[0].mode}", lambda root: act(by_root[root]))

    def read(self) -> None:
        count = self.random.choice([0, 3, 1000, -1])
        self.in_each(f"read {count}", lambda file: file.read(count) if file.readable() else None)

    def write(self) -> None:
        data = self.data()
        self.in_each(f"write {len(data)}", lambda file: file.write(data) if file.writable() else None)

    def seek(self) -> None:
        offset, whence = self.random.choice([(0, 0), (7, 0), (6000, 0), (-2, 1), (-2, 2), (0, 2), (5, 2)])
        self.in_each(f"seek {offset} {whence}", lambda file: file.seek(offset, whence))

    def truncate(self) -> None:
        size = self.random.choice([0, 3, 4000])
        self.in_each(f"truncate {size}", lambda file: file.truncate(size) if file.writable() else None)

    def close(self) -> None:
        if self.open:
            for file in self.open.pop(self.random.randrange(len(self.open))):
                file.close()

    def close_all(self) -> None:
        while self.open:
            self.close()

    def rename(self) -> None:
        old, new = self.path(), self.path()
        self.both(f"rename {old} {new}", lambda root: os.rename(f"{root}/{old}", f"{root}/{new}"))

    def remove(self) -> None:
        path = self.path()
        self.both(f"remove {path}", lambda root: os.remove(f"{root}/{path}"))

    def make_folder(self) -> None:
        path = self.path()
        self.both(f"mkdir {path}", lambda root: os.mkdir(f"{root}/{path}"))

    def remove_folder(self) -> None:
        path = self.path()
        self.both(f"rmdir {path}", lambda root: os.rmdir(f"{root}/{path}"))

    def truncate_path(self) -> None:
        path, size = self.path(), self.random.choice([0, 2, 3000])
        self.both(f"truncate {path} {size}", lambda root: os.truncate(f"{root}/{path}", size))

    def copy(self) -> None:
        old, new = self.path(), self.path()
        self.both(f"copy {old} {new}", lambda root: Path(root, new).write_bytes(Path(root, old).read_bytes()))

    def look(self) -> None:
        self.both("walk", tree_of)


def tree_of(root: str) -> dict[str, bytes | None]:
    """All files below a folder, and None for folders."""
    found: dict[str, bytes | None] = {}
    for path in sorted(Path(root).rglob("*")):
        found[str(path.relative_to(root))] = path.read_bytes() if path.is_file() else None
        assert path.is_dir() or path.stat().st_size == len(found[str(path.relative_to(root))] or b"")
    return found
