"""The commands about files, each as a process of its own against a real server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import filesync_web as fs
from tests.command.conftest import TOKEN, Shell
from tests.harness.fault_proxy import FaultProxy
from tests.harness.native_client import native_client
from tests.harness.server import ServerProcess
from tests.harness.waiting import until, wait_until
from tests.in_page.client import FILES

NewShell = Callable[[str], Shell]


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_is_put_is_had_by_another_device_and_so_are_edits_names_and_deletions(
    shell: Shell, new_shell: NewShell
) -> None:
    other, large = new_shell("other"), bytes(range(256)) * 5000
    written(shell.home / "holiday/day 1/a.txt", b"one")
    written(shell.home / "holiday/b.bin", large)
    put = json.loads(shell.ok("put", "holiday", "--json"))
    assert {entry["name"]: entry["content_hash"] for entry in put} == {
        "holiday/b.bin": sha256(large),
        "holiday/day 1/a.txt": sha256(b"one"),
    }
    assert {entry["state"] for entry in other.listed().values()} == {"remote"}
    assert other.ok("cat", "holiday/day 1/a.txt") == "one"
    other.ok("get", sha256(large)[:12], "-o", "copy.bin")
    assert (other.home / "copy.bin").read_bytes() == large

    other.ok("edit", "holiday/day 1/a.txt", written(other.home / "new.txt", b"two"))
    other.ok("rm", "holiday/b.bin")
    other.ok("mv", "holiday/day 1/a.txt", "moved/a.txt")
    assert shell.ok("cat", "moved/a.txt") == "two"
    assert list(shell.listed()) == ["moved/a.txt"]
    assert "holiday/b.bin" in shell.ok("ls", "--deleted")


async def test_a_page_has_what_is_put_and_the_command_has_what_a_page_saves(
    shell: Shell, server: ServerProcess, tmp_path: Path
) -> None:
    shell.ok("put", written(shell.home / "from-shell.txt", b"of the shell"))
    urls = {"sync_url": f"{server.url}/sync", "signer_url": f"{server.url}/api"}
    async with native_client(tmp_path / "page", store_id=shell.store, token=TOKEN, **urls) as (store, sync):
        live = FILES.tables.files.where(deleted_at=None)
        await until(lambda: any(file.is_uploaded for file in store.query(live)), "the page can have the file")
        (record,) = store.query(live)
        assert fs.get_file_metadata(record).name == "from-shell.txt"
        assert (await sync.read_file(record.id)).read_bytes() == b"of the shell"
        await sync.save_file(b"of the page", name="from-page.txt")
        await until(lambda: all(file.is_uploaded for file in store.query(live)), "it is up")
        await until(lambda: store.sync_status.pending == 0, "it is confirmed")
    assert shell.ok("cat", "from-page.txt") == "of the page"


@pytest.mark.thorough
def test_a_put_that_is_given_again_doubles_nothing(shell: Shell) -> None:
    path = written(shell.home / "notes.txt", b"one")
    shell.ok("put", path)
    assert json.loads(shell.ok("put", path, "--json"))[0]["done"] == "unchanged"
    assert len(shell.listed()) == 1
    written(path, b"two")
    assert json.loads(shell.ok("put", "--replace", path, "--json"))[0]["done"] == "replaced"
    assert shell.listed()["notes.txt"]["content_hash"] == sha256(b"two")
    written(path, b"three")
    assert json.loads(shell.ok("put", path, "--json"))[0]["done"] == "saved"
    assert sorted(shell.ok("ls").split()) == ["notes.txt", "notes.txt"]


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)], ids=["killed", "Ctrl-C"]
)
def test_a_put_that_is_broken_off_loses_and_doubles_nothing(
    shell: Shell, new_shell: NewShell, fault_proxy: FaultProxy, how: signal.Signals
) -> None:
    shell.url = fault_proxy.url
    trap = fault_proxy.set_trap("PUT", "/livestore-filesync-files/", "up", 0.5)
    contents = {f"many/{number:03}.bin": bytes([number]) * 200_000 for number in range(60)}
    for name, content in contents.items():
        written(shell.home / name, content)
    process = shell.begin("put", "many")
    assert process.stdout is not None
    for _ in range(20):
        assert process.stdout.readline().startswith("saved\t")
    assert trap.sprung.wait(30)  # and it is held: the put cannot come to its end
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert ("filesync sync" in err) == (how is signal.SIGINT)
    fault_proxy.let_go()
    shell.ok("put", "many")
    hashes = {name: entry["content_hash"] for name, entry in new_shell("other").listed().items()}
    assert hashes == {name: sha256(content) for name, content in contents.items()}


def test_what_was_saved_without_waiting_is_uploaded_by_sync(shell: Shell, new_shell: NewShell) -> None:
    shell.ok("put", "--no-wait", written(shell.home / "late.txt", b"late"))
    assert shell.ok("sync") == "synced: 1 files\n"
    assert new_shell("other").ok("cat", "late.txt") == "late"


@pytest.mark.thorough
def test_a_command_beside_a_watching_one_has_its_work_done_by_it(shell: Shell, new_shell: NewShell) -> None:
    watching = shell.begin("sync", "--watch", "--json")
    wait_until(lambda: not json.loads(shell.ok("status", "--json"))["leads"], "the watching one leads")
    shell.ok("put", written(shell.home / "beside.txt", b"beside"))
    assert new_shell("other").ok("cat", "beside.txt") == "beside"
    watching.send_signal(signal.SIGTERM)
    out, _ = watching.communicate(timeout=30)
    assert watching.returncode == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["name"] for event in events if event["event"] == "upload:complete"] == ["beside.txt"]


@pytest.mark.thorough
def test_two_puts_at_once_on_one_folder_are_both_done(shell: Shell, new_shell: NewShell) -> None:
    for side in ("left", "right", "both"):
        for number in range(8):
            written(shell.home / side / f"{number}.txt", f"{side} {number}".encode())
    processes = [shell.begin("put", side, "both") for side in ("left", "right")]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
    assert len(new_shell("other").listed()) == 24


def test_sync_all_brings_the_bytes_and_works_offline_afterwards(
    shell: Shell, new_shell: NewShell, server: ServerProcess
) -> None:
    shell.ok("put", written(shell.home / "a.txt", b"a"), written(shell.home / "b.txt", b"b"))
    other = new_shell("other")
    assert {entry["state"] for entry in other.listed().values()} == {"remote"}
    other.ok("sync", "--all")
    assert {entry["state"] for entry in other.listed().values()} == {"here"}
    server.stop()
    ended = other.run("cat", "a.txt")
    assert (ended.code, ended.out) == (0, "a")
    assert "offline" in ended.err


# --- what goes wrong


def test_a_server_that_is_away_is_told_apart_and_nothing_is_lost(shell: Shell, server: ServerProcess) -> None:
    server.stop()
    ended = shell.run("put", written(shell.home / "kept.txt", b"kept"))
    assert ended.code == 5
    assert "saved on this device" in ended.err
    assert shell.listed()["kept.txt"]["state"] == "waiting"
    assert json.loads(shell.ok("status", "--json"))["online"] is False
    server.start()
    shell.ok("sync")
    assert shell.listed()["kept.txt"]["state"] == "here"


@pytest.mark.parametrize("command", [["ls"], ["put", "file.txt"], ["sync"], ["sync", "--watch"]], ids=str)
def test_a_wrong_token_is_refused_and_never_shown(shell: Shell, command: list[str]) -> None:
    written(shell.home / "file.txt", b"content")
    shell.token = "a-token-that-is-secret-and-wrong"
    ended = shell.run("--verbose", *command)
    assert ended.code == 4
    assert "refused" in ended.err
    assert shell.token not in ended.out + ended.err


def test_the_right_token_is_never_shown(shell: Shell) -> None:
    said = [
        shell.run("--verbose", *words)
        for words in (["put", written(shell.home / "file.txt", b"content")], ["status"], ["ls"])
    ]
    assert all(ended.code == 0 and TOKEN not in ended.out + ended.err for ended in said)


def test_a_wrong_url_is_said(shell: Shell, server: ServerProcess) -> None:
    shell.url = f"{server.url}/elsewhere"
    ended = shell.run("ls")
    assert "is the URL right?" in ended.err
    shell.url = "files.example"
    assert shell.run("ls").code == 3


def test_files_that_are_not_there_are_said_before_anything_is_done(shell: Shell) -> None:
    written(shell.home / "there.txt", b"x")
    assert shell.run("put", "there.txt", "missing.txt").code == 2
    assert shell.run("cat", "there.txt").code == 6
    assert shell.listed() == {}


@pytest.mark.thorough
def test_what_cannot_be_read_is_left_out_and_the_rest_is_put(shell: Shell) -> None:
    written(shell.home / "some/good.txt", b"good")
    (shell.home / "some/loop").symlink_to(shell.home / "some")
    os.mkfifo(shell.home / "some/pipe")
    ended = shell.run("put", "some")
    assert ended.code == 0
    assert "some/pipe is left out" in ended.err
    assert list(shell.listed()) == ["some/good.txt"]
    ended = shell.run("put", "/proc/self/mem")  # it says that it is a file, and cannot be read
    assert ended.code == 7
    assert "is left out" in ended.err


@pytest.mark.thorough
def test_a_name_of_several_files_is_refused_with_their_ids(shell: Shell) -> None:
    path = written(shell.home / "twice.txt", b"one")
    first = json.loads(shell.ok("put", path, "--json"))[0]["id"]
    second = json.loads(shell.ok("put", written(path, b"two") and path, "--json"))[0]["id"]
    ended = shell.run("rm", "twice.txt")
    assert ended.code == 6
    assert first in ended.err
    assert second in ended.err
    shell.ok("rm", first)
    assert shell.listed()["twice.txt"]["id"] == second


def test_get_overwrites_nothing_and_leaves_the_folder_that_a_name_asks_for(shell: Shell) -> None:
    written(shell.home / "deep/.profile", b"theirs")
    shell.ok("put", "deep")
    written(shell.home / "profile", b"mine")
    assert shell.run("get", "deep/.profile").code == 2
    assert (shell.home / "profile").read_bytes() == b"mine"
    shell.ok("get", "deep/.profile", "--force")
    assert (shell.home / "profile").read_bytes() == b"theirs"


# --- login


def test_login_checks_and_keeps_for_this_user_only(shell: Shell, server: ServerProcess) -> None:
    nothing = {"FILESYNC_URL": "", "FILESYNC_TOKEN": ""}
    assert shell.run("ls", **nothing).code == 3
    assert shell.run("login", server.url, "--token-file", "-", stdin="wrong-token\n").code == 4
    assert not (shell.home / "config").exists()
    ended = shell.run("login", server.url, "--token-file", "-", stdin=f"{TOKEN}\n", **nothing)
    assert ended.code == 0
    assert TOKEN not in ended.out + ended.err
    file = shell.home / "config/settings.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert shell.run("ls", **nothing).code == 0
    other_server = {**nothing, "FILESYNC_URL": "http://127.0.0.1:9"}
    assert "no token" in shell.run("ls", **other_server).err, "a token goes to its own server only"


def test_help_and_completion_are_there(shell: Shell) -> None:
    said = shell.ok("--help")
    assert "Examples:" in said
    assert "Exit codes: 0 done" in said
    completed = shell.run(
        "ignored", _FILESYNC_COMPLETE="complete_bash", COMP_WORDS="filesync st", COMP_CWORD="1"
    )
    assert completed.out.split() == ["status"]


def test_on_a_terminal_the_bytes_are_seen_to_move(shell: Shell) -> None:
    path = written(shell.home / "large.bin", bytes(3_000_000))
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "filesync_web.command.main", "put", str(path)],
        env=shell.environment(),
        stdout=subprocess.DEVNULL,
        stderr=end,
    )
    shell.running.append(process)
    os.close(end)
    seen = b""
    with suppress(OSError):  # of a terminal whose other end is closed
        while piece := os.read(terminal, 1 << 16):
            seen += piece
    os.close(terminal)
    assert process.wait(30) == 0
    assert b"uploading" in seen
    assert b"3.0/3.0 MB" in seen


@pytest.mark.thorough
def test_what_was_edited_or_deleted_is_had_back(shell: Shell) -> None:
    path = written(shell.home / "notes.txt", b"one")
    shell.ok("put", path)
    shell.ok("edit", "notes.txt", written(path, b"two"))
    two, one = json.loads(shell.ok("versions", "notes.txt", "--json"))
    assert (two["content_hash"], two["is_current"], two["kept_until"]) == (sha256(b"two"), True, None)
    assert (one["content_hash"], one["name"]) == (sha256(b"one"), "notes.txt")
    shell.ok("rm", "notes.txt")
    (deleted,) = json.loads(shell.ok("trash", "--json"))
    assert (deleted["name"], deleted["size"]) == ("notes.txt", 3)
    restored = json.loads(shell.ok("restore", "notes.txt", "--version", sha256(b"one")[:10], "--json"))
    assert restored["content_hash"] == sha256(b"one")
    assert json.loads(shell.ok("conflicts", "--json")) == []
    shell.ok("rm", "notes.txt")
    shell.ok("trash", "--purge", "notes.txt")
    assert shell.run("restore", two["id"]).code == 6
