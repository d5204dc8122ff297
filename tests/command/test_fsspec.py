"""The file system of fsspec by the settings of the command: two devices and a real server, which may refuse
the token, or be away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent

import pytest

from tests.command.conftest import Shell
from tests.harness.server import ServerProcess
from tests.harness.warm_command import Ended
from tools.common import ROOT

NewShell = Callable[[str], Shell]
WRITE = """
import csv, fsspec
with fsspec.open("filesync://STORE/reports/sum.csv", "w", newline="") as file:
    csv.writer(file).writerows([["x"], [42]])
fsspec.filesystem("filesync").wait_until_synced("STORE", timeout=60)
"""
READ = """
import fsspec
print(fsspec.filesystem("filesync").find("STORE"))
with fsspec.open("filesync://STORE/reports/sum.csv", "r", newline="") as file:
    print(repr(file.read()))
"""


def script(shell: Shell, source: str, **environment: str) -> Ended:
    """Run Python on a device."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(source).replace("STORE", shell.store)],
        cwd=ROOT,
        env=shell.environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_one_script_writes_and_another_device_reads(shell: Shell, new_shell: NewShell) -> None:
    assert script(shell, WRITE) == Ended(0, "", "")
    other = new_shell("other")
    expected = f"['{shell.store}/reports/sum.csv']\n'x\\r\\n42\\r\\n'\n"
    assert script(other, READ) == Ended(0, expected, "")
    assert other.ok("cat", "reports/sum.csv") == "x\n42\n"


def test_a_refused_token_is_a_permission_error(shell: Shell) -> None:
    ended = script(
        shell,
        """
        import errno, fsspec
        try:
            fsspec.filesystem("filesync", token="wrong").ls("STORE")
        except PermissionError as error:
            print(error.errno == errno.EACCES, error)
        """,
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("True ")
    assert "token" in ended.out


@pytest.mark.thorough
def test_without_the_server_there_is_what_this_device_has(
    shell: Shell, new_shell: NewShell, server: ServerProcess
) -> None:
    script(shell, WRITE)
    other = new_shell("other")
    assert script(
        other, "import fsspec; print(fsspec.filesystem('filesync').ls('STORE', detail=False))"
    ) == Ended(0, f"['{shell.store}/reports']\n", "")
    server.stop()
    assert script(shell, READ).out.endswith("'x\\r\\n42\\r\\n'\n")
    ended = script(
        other,
        """
        import fsspec
        filesystem = fsspec.filesystem("filesync", timeout=0.5)
        print(filesystem.info("STORE/reports/sum.csv")["size"])
        try:
            filesystem.open("STORE/reports/sum.csv")
        except TimeoutError as error:
            print(error)
        """,
    )
    assert ended.code == 0, ended
    assert ended.out == f"7\n{shell.store}/reports/sum.csv could not be downloaded within 0.5 seconds\n"
    assert "offline, so store" in ended.err


def test_without_settings_the_error_says_what_to_do(shell: Shell) -> None:
    ended = script(shell, READ, FILESYNC_URL="")
    assert ended.code == 1
    assert "run 'filesync login URL', or set FILESYNC_URL" in ended.err
