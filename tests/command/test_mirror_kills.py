"""Mirrors of two devices are killed while people change both folders: nothing is lost, nothing doubled."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command.conftest import Shell

NewShell = Callable[[str], Shell]
SIZES = (10, 1_000, 300_000, 3_000_000)


class Person:
    """Changes a folder, and keeps in mind what it has written and what it has dropped, knowing it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.outside = folder.with_name("outside")
        self.written: set[bytes] = set()
        self.dropped: set[bytes] = set()
        self._random = random.Random(seed)
        self._count = 0
        folder.mkdir()
        self.outside.mkdir()

    def change(self) -> None:
        """Do something; every file appears and vanishes as a whole."""
        self._count += 1
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.name[0] != ".")
        kind = self._random.choice(["write", "write", "edit", "edit", "rename", "delete"])
        try:
            if kind == "write" or len(files) < 3:
                self._write(self.folder / self._random.choice(["", "deep", "deep/er"]) / self._name())
            elif kind == "rename":
                path = self._random.choice(files)
                path.rename(self.folder / f"renamed {self._name()}")
            else:
                path = self._random.choice(files)
                away = self.outside / self._name()
                path.rename(away)
                self.dropped.add(digest(away))
                if kind == "edit":
                    self._write(path)
        except FileNotFoundError:
            pass  # the mirror was faster

    def _name(self) -> str:
        return f"{self.folder.parent.name} {self._count}"

    def _write(self, path: Path) -> None:
        new = self.outside / f"new {self._name()}"
        new.write_bytes(self._random.randbytes(self._random.choice(SIZES)))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = digest(new)
        try:
            os.link(new, path)
        except FileExistsError:
            return  # something has just come there, which stays
        finally:
            new.unlink()
        self.written.add(content)


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


class WatchingMirror:
    """A mirror that runs until it is killed; `told` are the steps of which it has told."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.told: list[str] = []
        self._is_watching = False
        self._process = shell.begin("mirror", "--max-delete", "100%", folder)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.told.extend(self._process.stdout)

    def wait_until_it_watches(self) -> None:
        assert self._process.stderr is not None
        while not self._is_watching:
            line = self._process.stderr.readline()
            assert line, f"the mirror has ended with {self._process.wait()}"
            self._is_watching = line.startswith("watching")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()


class Trial:
    """Two devices whose mirrors watch."""

    def __init__(self, new_shell: NewShell, seed: int) -> None:
        self.random = random.Random(seed)
        self.shells = [new_shell("x"), new_shell("y")]
        self.people = [Person(shell.home / "folder", seed + n) for n, shell in enumerate(self.shells)]
        self.mirrors = [self._begin(n) for n in range(2)]

    def _begin(self, which: int) -> WatchingMirror:
        return WatchingMirror(self.shells[which], self.people[which].folder)

    def kill(self) -> None:
        """Kill one of them while people change something: while it begins, just after one of its steps and so
        in the middle of the next, or whenever."""
        which = self.random.randrange(2)
        mirror = self.mirrors[which]
        until, steps = time.monotonic() + self.random.uniform(0.3, 3), math.inf
        if self.random.random() < 0.8:
            mirror.wait_until_it_watches()
            if self.random.random() < 0.7:
                until, steps = time.monotonic() + 10, len(mirror.told) + self.random.randrange(1, 8)
        while time.monotonic() < until and len(mirror.told) < steps:
            for _ in range(self.random.randrange(1, 5)):
                self.random.choice(self.people).change()
            pause = time.monotonic() + self.random.uniform(0, 0.6)
            while time.monotonic() < pause and len(mirror.told) < steps:
                time.sleep(0.001)
        mirror.kill()
        self.random.choice(self.people).change()
        self.mirrors[which] = self._begin(which)

    def end(self) -> None:
        """Let both come to rest, and compare."""
        for mirror in self.mirrors:
            mirror.kill()
        for shell in self.shells:
            shell.ok("sync")  # what was told of may be uploaded yet, and no other device gets it before
        for _ in range(4):
            done = [self._mirror_once(n) for n in range(2)]
        assert not any(done), f"they do not come to rest: {done}"
        one, other = (contents(person.folder) for person in self.people)
        assert one == other
        in_store = {name: entry["content_hash"] for name, entry in self.shells[0].listed().items()}
        assert in_store == {name: content.hex() for name, content in one.items()}
        written = self.people[0].written | self.people[1].written
        dropped = self.people[0].dropped | self.people[1].dropped
        assert written - dropped <= set(one.values()), "contents are lost"
        assert [content.hex() for content, times in Counter(one.values()).items() if times > 1] == []
        assert set(one.values()) <= written

    def _mirror_once(self, which: int) -> int:
        flags = ("mirror", "--once", "--json", "--max-delete", "100%")
        report = json.loads(self.shells[which].ok(*flags, self.people[which].folder))
        return sum(count for count in report.values() if isinstance(count, int))


def kills(new_shell: NewShell, count: int) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KILL_SEED={seed}")
    trial = Trial(new_shell, seed)
    for _ in range(count):
        trial.kill()
    trial.end()


@pytest.mark.thorough
def test_mirrors_that_are_killed_lose_and_double_nothing(new_shell: NewShell) -> None:
    kills(new_shell, 3)


@pytest.mark.soak(minutes=5)
def test_mirrors_that_are_killed_thirty_times_lose_and_double_nothing(new_shell: NewShell) -> None:
    """Two mirrors of one store, killed at 30 moments while both folders change."""
    kills(new_shell, 30)
