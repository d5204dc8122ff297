"""The README's four commands, as somebody types them who has nothing yet."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.server import HOST, START_SECONDS, STOP_SECONDS, free_port
from tests.harness.waiting import wait_until
from tools.common import ROOT
from tools.packages import ensure_wheel
from tools.serve import answers

README = (ROOT / "README.md").read_text()
FILES = {"beach.jpg": b"sand", "day 2/hills.jpg": b"green"}
INSTALL_SECONDS = 120


def the_commands() -> list[str]:
    """The lines of the README's section, without what is said about them."""
    section = README.partition("\n## In a shell\n")[2].partition("\n## ")[0]
    block = section.split("```")[1]
    return [line.partition(" #")[0].strip() for line in block.strip().splitlines()]


def the_token() -> str:
    """What it says the token is."""
    found = re.search(r"asks for the token: here (\S+)", README)
    assert found
    return found[1]


@dataclass
class User:
    """A home without anything of ours, and a shell that finds what was installed."""

    home: Path
    bin: Path

    @property
    def environment(self) -> dict[str, str]:
        ours = ("FILESYNC_", "PYTHON", "XDG_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.bin}{os.pathsep}{kept['PATH']}"
        return kept | {
            "HOME": str(self.home),
            "PATH": path,
            "PIP_NO_COMPILE": "1",  # of what is installed, little is imported here
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null",
        }

    def begin(self, line: str) -> subprocess.Popen[str]:
        """Run a line, away from any terminal, so that a question is asked on standard input."""
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line}"],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, line: str, typed: str = "") -> str:
        process = self.begin(line)
        try:
            out, err = process.communicate(typed, timeout=INSTALL_SECONDS)
        finally:
            process.kill()
        assert process.returncode == 0, f"{line}: {err}"
        return out


@pytest.fixture
def new_user(tmp_path: Path) -> User:
    """Somebody with a Python and its pip."""
    environment = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python, pip = environment / "bin" / "python", environment / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --python {python} "$@"\n')
    pip.chmod(0o755)
    return User(tmp_path / "home", environment / "bin")


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    """What goes on until Ctrl-C, and gets it at the end."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in reversed(processes):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=STOP_SECONDS)


def contents(folder: Path) -> dict[str, bytes]:
    """What is in a folder, by path; what vanishes meanwhile, as a file that a mirror was writing, is not."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@pytest.mark.thorough
def test_four_commands_lead_from_nothing_to_a_synced_folder(
    new_user: User, running: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    here = new_user.home / "holiday"
    for name, content in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    install, serve, login, mirror = the_commands()
    port = free_port()
    assert install.count("filesync-web[") == 1
    wheel = f"{ensure_wheel()}["
    options = f"--quiet --disable-pip-version-check --constraint {ROOT / 'constraints.txt'}"
    new_user.run(f"{install.replace('filesync-web[', wheel)} {options}")
    assert serve.endswith(" &")
    running.append(new_user.begin(f"{serve.removesuffix(' &')} --port {port}"))
    wait_until(lambda: answers(HOST, port, "/api/health"), "the server answers", timeout=START_SECONDS)
    assert "127.0.0.1:8000" in login
    login = login.replace(":8000", f":{port}")
    new_user.run(login, f"{the_token()}\n")
    running.append(new_user.begin(mirror))

    other = User(tmp_path / "another device", new_user.bin)
    there = other.home / "holiday"
    there.mkdir(parents=True)
    other.run(login, f"{the_token()}\n")
    running.append(other.begin(mirror))
    wait_until(lambda: contents(there) == FILES, "the files are there", timeout=60)
    (there / "more.txt").write_bytes(b"of another device")
    wait_until(lambda: contents(here) == contents(there), "what is new there is here", timeout=60)
    assert contents(here) == FILES | {"more.txt": b"of another device"}
    assert (other.home / ".local/share/filesync").is_dir() or sys.platform != "linux"
