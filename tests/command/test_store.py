"""The commands about a whole store: export and import, orphans, doctor, report."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable

import pytest

from filesync_web.native.store_folder import STORES_ROOT
from tests.command.conftest import Shell
from tests.harness.server import ServerProcess

NewShell = Callable[[str], Shell]
CONTENTS = {"a.txt": b"one", "deep/b.txt": b"two", "deep/same as a.txt": b"one"}


def put_all(shell: Shell) -> None:
    for name, content in CONTENTS.items():
        path = shell.home / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shell.ok("put", "all")


@pytest.mark.parametrize("target", [pytest.param("backup", marks=pytest.mark.thorough), "backup.tar"])
def test_a_store_is_exported_and_imported_into_another_one_once(
    shell: Shell, new_shell: NewShell, target: str
) -> None:
    put_all(shell)
    assert shell.ok("export", target) == f"exported 3 files to {target}\n"
    other = new_shell("other")
    other.store = f"{shell.store}_copy"
    other.ok("import", shell.home / target)
    hashes = {name: entry["content_hash"] for name, entry in other.listed().items()}
    assert hashes == {name: entry["content_hash"] for name, entry in shell.listed().items()}
    assert other.ok("cat", "all/deep/b.txt") == "two"
    assert json.loads(other.ok("import", shell.home / target, "--json"))["saved"] == 0
    assert len(other.listed()) == 3


@pytest.mark.thorough
def test_a_damaged_content_is_not_imported(shell: Shell, new_shell: NewShell) -> None:
    put_all(shell)
    shell.ok("export", "backup")
    for content in (shell.home / "backup/contents").iterdir():
        content.write_bytes(b"else")
    other = new_shell("other")
    other.store = f"{shell.store}_copy"
    ended = other.run("import", shell.home / "backup")
    assert ended.code != 0
    assert "damaged" in ended.err
    assert other.listed() == {}


@pytest.mark.thorough
def test_what_is_no_export_is_refused(shell: Shell) -> None:
    (shell.home / "empty").mkdir()
    assert shell.run("import", "empty").code == 2
    (shell.home / "text.tar").write_bytes(b"no tar")
    assert shell.run("import", "text.tar").code == 2
    with tarfile.open(shell.home / "hostile.tar", "w") as tar:
        file = {"contentHash": "../../secret", "name": "x", "metadataJson": None}
        index = json.dumps({"format": "filesync-store", "version": 1, "files": [file]}).encode()
        entry = tarfile.TarInfo("store.json")
        entry.size = len(index)
        tar.addfile(entry, io.BytesIO(index))
    assert shell.run("import", "hostile.tar").code == 2


@pytest.mark.thorough
def test_orphans_are_listed_recovered_and_dropped(shell: Shell, server: ServerProcess) -> None:
    put_all(shell)
    assert json.loads(shell.ok("orphans", "--json")) == []
    server.stop()
    for log in server.data.glob("sync.sqlite*"):
        log.unlink()
    shutil.rmtree(shell.data / STORES_ROOT)  # both logs are lost, and with them all records
    server.start()
    assert shell.listed() == {}
    one, two = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest()
    assert {entry["content_hash"] for entry in json.loads(shell.ok("orphans", "--json"))} == {one, two}
    shell.ok("orphans", "--recover", one, "--name", "again.txt")
    assert shell.ok("cat", "again.txt") == "one"
    shell.ok("orphans", "--drop", two)
    assert json.loads(shell.ok("orphans", "--json")) == []
    assert list(shell.listed()) == ["again.txt"]


def test_doctor_finds_all_well_and_says_what_is_not(shell: Shell, server: ServerProcess) -> None:
    findings = json.loads(shell.ok("doctor", "--json"))
    assert [finding["what"] for finding in findings if not finding["is_well"]] == []
    assert {"signer", "token", "object store", "sync backend", "clock", "data folder", "versions"} == {
        finding["what"] for finding in findings
    }
    shell.token = "wrong-token-of-somebody"
    ended = shell.run("doctor", "--json")
    assert ended.code == 9
    assert [finding["what"] for finding in ended.value if not finding["is_well"]] == ["token", "sync backend"]
    assert shell.token not in ended.out
    server.stop()
    ended = shell.run("doctor")
    assert ended.code == 9
    assert "PROBLEM  signer" in ended.out


def test_the_data_folder_is_for_this_user_alone(shell: Shell) -> None:
    put_all(shell)
    assert shell.data.stat().st_mode & 0o077 == 0


def test_a_report_tells_everything_but_secrets(shell: Shell) -> None:
    put_all(shell)
    written = shell.ok("report")
    report = json.loads(written)
    assert report["store"]["sync"]["caught_up"]
    assert report["remote"]["clock_offset"] in range(-3, 4)
    assert report["storage"]["live"] == len(b"one" + b"two")
    assert len(report["files"]) == 3
    assert "b.txt" not in written
    shell.token = "wrong-token-of-somebody"
    written = shell.ok("report", "--names")
    assert shell.token not in written
    assert "b.txt" in written
    assert any("Metadata sync fails" in finding for finding in json.loads(written)["findings"])
