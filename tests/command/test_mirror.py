"""`filesync mirror`: folders of several devices, and their store on a real server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.command.conftest import Shell
from tests.harness import FaultProxy
from tests.harness.server import ServerProcess
from tests.harness.waiting import TIMEOUT, wait_until
from tests.harness.warm_command import Ended

NewShell = Callable[[str], Shell]


class MirroredShell:
    """A device with a folder that is mirrored by hand."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.folder = shell.home / "folder"
        self.folder.mkdir()

    def mirror(self, *flags: str) -> Any:
        """Mirror once; it has to work."""
        return json.loads(self.shell.ok("mirror", "--once", "--json", *flags, self.folder))

    def run(self, *flags: str) -> Ended:
        return self.shell.run("mirror", "--once", "--json", *flags, self.folder)

    def write(self, path: str, content: bytes) -> Path:
        """Write a file, as somebody has done some seconds ago."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        before = time.time() - 10
        os.utime(file, (before, before))
        return file

    def tree(self) -> dict[str, bytes]:
        return tree_of(self.folder)


def tree_of(folder: Path) -> dict[str, bytes]:
    """The contents by path; what vanishes meanwhile, as a file that a mirror was writing, is left out."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def did(report: Any) -> dict[str, int]:
    """What was done, without what was not."""
    return {name: count for name, count in report.items() if isinstance(count, int) and count}


@pytest.fixture
def here(new_shell: NewShell) -> MirroredShell:
    return MirroredShell(new_shell("here"))


@pytest.fixture
def there(new_shell: NewShell) -> MirroredShell:
    return MirroredShell(new_shell("there"))


def test_new_changed_renamed_and_deleted_files_go_both_ways(
    here: MirroredShell, there: MirroredShell
) -> None:
    here.write("a.txt", b"one")
    here.write("deep/er/b.txt", b"two")
    assert did(here.mirror()) == {"put": 2}
    assert did(there.mirror()) == {"got": 2}
    assert there.tree() == {"a.txt": b"one", "deep/er/b.txt": b"two"}
    assert did(here.mirror()) == did(there.mirror()) == {}

    there.write("a.txt", b"another one")
    (there.folder / "deep/er/b.txt").rename(there.folder / "b, renamed.txt")
    there.write("new.txt", b"new")
    assert did(there.mirror()) == {"edited": 1, "renamed": 1, "put": 1}
    assert did(here.mirror()) == {"got": 2, "moved": 1}
    assert (
        here.tree()
        == there.tree()
        == {
            "a.txt": b"another one",
            "b, renamed.txt": b"two",
            "new.txt": b"new",
        }
    )
    assert not (here.folder / "deep").exists()

    (here.folder / "new.txt").unlink()
    here.shell.ok("rm", "a.txt")
    assert did(here.mirror()) == {"deleted": 1, "removed": 1}
    assert did(there.mirror()) == {"removed": 2}
    assert here.tree() == there.tree() == {"b, renamed.txt": b"two"}
    assert {name: entry["content_hash"] for name, entry in here.shell.listed().items()} == {
        "b, renamed.txt": hashlib.sha256(b"two").hexdigest()
    }


def test_a_watching_mirror_follows_both_sides_until_ctrl_c(here: MirroredShell, there: MirroredShell) -> None:
    watching = here.shell.begin("mirror", "--json", here.folder)
    there.write("from there.txt", b"there")
    there.mirror()
    wait_until(lambda: here.tree() == {"from there.txt": b"there"}, "the file of the other device comes")
    here.write("from here.txt", b"here")
    assert watching.stdout is not None
    events = [json.loads(watching.stdout.readline()) for _ in range(2)]
    assert events == [
        {"event": "got", "path": "from there.txt"},
        {"event": "put", "path": "from here.txt"},
    ]
    here.shell.ok("sync")
    there.mirror()
    assert there.tree() == {"from there.txt": b"there", "from here.txt": b"here"}
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=60)
    early = "from there.txt: no bytes are stored in "  # who hears of it before it is uploaded says so
    said = [line for line in err.splitlines() if not line.startswith(early)]
    assert (watching.returncode, said) == (0, [f"watching {here.folder}"])


@pytest.mark.thorough
def test_a_watching_mirror_waits_silently_for_what_another_device_is_just_uploading(
    here: MirroredShell, there: MirroredShell, fault_proxy: FaultProxy
) -> None:
    there.shell.url = fault_proxy.url
    there.write("from there.txt", b"there")
    upload = fault_proxy.set_trap("PUT", "/livestore-filesync-files/", "up", 0)
    uploading = there.shell.begin("mirror", "--once", there.folder)
    assert upload.sprung.wait(TIMEOUT)
    watching = here.shell.begin("mirror", "--json", here.folder)
    wait_until(lambda: here.shell.listed().keys() == {"from there.txt"}, "the other device's file is known")
    here.write("from here.txt", b"here")
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline()) == {"event": "put", "path": "from here.txt"}
    assert here.tree() == {"from here.txt": b"here"}
    fault_proxy.let_go()
    assert json.loads(watching.stdout.readline()) == {"event": "got", "path": "from there.txt"}
    assert uploading.wait(TIMEOUT) == 0
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=TIMEOUT)
    assert (watching.returncode, err) == (0, f"watching {here.folder}\n")


@pytest.mark.thorough
def test_a_watching_mirror_ends_by_ctrl_c_also_while_it_waits_for_a_download(
    here: MirroredShell, there: MirroredShell, fault_proxy: FaultProxy
) -> None:
    there.write("from there.txt", b"there")
    there.mirror()
    here.shell.url = fault_proxy.url
    download = fault_proxy.set_trap("GET", "/livestore-filesync-files/", "down", 0)
    watching = here.shell.begin("mirror", here.folder)
    assert download.sprung.wait(TIMEOUT)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(TIMEOUT) == 0
    fault_proxy.let_go()
    assert did(here.mirror()) == {"got": 1}
    assert here.tree() == {"from there.txt": b"there"}


@pytest.mark.thorough
def test_what_cannot_be_mirrored_is_told_with_the_exit_code(
    here: MirroredShell, server: ServerProcess
) -> None:
    missing = here.shell.run("mirror", "--once", here.folder / "missing")
    assert missing.code == 2
    assert "is it mounted" in missing.err
    around = here.shell.run("mirror", "--once", here.shell.home)
    assert around.code == 2
    assert "the store's own folder" in around.err
    here.write("a.txt", b"one")
    here.mirror()
    (here.folder / "a.txt").unlink()
    emptied = here.run()
    assert emptied.code == 7
    assert "--max-delete 100%" in emptied.err
    assert here.shell.ok("cat", "a.txt") == "one"
    server.stop()
    here.write("offline.txt", b"offline")
    offline = here.run()
    assert offline.code == 5
    assert did(offline.value) == {"put": 1, "deleted": 1}
    server.start()
    assert did(here.mirror()) == {}
    assert here.shell.ok("ls") == "offline.txt\n"


@pytest.mark.thorough
def test_edits_of_two_devices_that_did_not_know_of_each_other_are_both_kept(
    here: MirroredShell, there: MirroredShell, server: ServerProcess
) -> None:
    here.write("a.txt", b"one")
    here.mirror()
    there.mirror()
    server.stop()
    here.write("a.txt", b"of here")
    there.write("a.txt", b"of there")
    assert (here.run().code, there.run().code) == (5, 5)
    server.start()
    for _ in range(2):
        here.run()
        there.run()
    assert here.tree() == there.tree()
    assert sorted(here.tree().values()) == [b"of here", b"of there"]
    assert did(here.mirror()) == did(there.mirror()) == {}


def test_a_second_run_asks_for_no_bytes(here: MirroredShell, fault_proxy: FaultProxy) -> None:
    here.shell.url = fault_proxy.url
    for number in range(5):
        here.write(f"{number}.txt", bytes([number]))
    assert did(here.mirror()) == {"put": 5}

    def asked() -> list[str]:
        return [
            seen.path for seen in fault_proxy.seen if "/v1/" in seen.path or "filesync-files" in seen.path
        ]

    assert asked()
    fault_proxy.seen.clear()
    assert did(here.mirror()) == {}
    assert [path for path in asked() if "/sign/download" not in path] == []  # whether the token is good
    assert len(asked()) <= 1
