"""A real server, and clients of it that are the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.harness.server import ServerProcess
from tests.harness.warm_command import Ended, WarmCommand
from tools.common import ROOT

TOKEN = "dev-token-change-in-production"


@dataclass
class Shell:
    """A user's shell on one device: settings and data in a folder of their own."""

    home: Path
    url: str
    store: str
    warm: WarmCommand
    token: str = TOKEN
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.home / "data"

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FILESYNC_")}
        own = {"URL": self.url, "TOKEN": self.token, "STORE": self.store, "DATA_DIR": str(self.data)}
        own["CONFIG_DIR"] = str(self.home / "config")
        return kept | {f"FILESYNC_{name}": value for name, value in own.items()} | {"PYTHONPATH": str(ROOT)}

    def begin(self, *words: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start a command, from the beginning; it is killed at the end of the test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "filesync_web.command.main", *map(str, words)],
            cwd=self.home,
            env=self.environment() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def run(self, *words: str | Path, stdin: str = "", **environment: str) -> Ended:
        """Run a command to its end."""
        env = self.environment() | environment
        return self.warm.run([*map(str, words)], cwd=self.home, env=env, stdin=stdin)

    def ok(self, *words: str | Path, stdin: str = "") -> str:
        """Run a command that has to work, and return what it wrote."""
        ended = self.run(*words, stdin=stdin)
        assert ended.code == 0, f"{words}: {ended}"
        return ended.out

    def listed(self) -> dict[str, dict[str, Any]]:
        """The files of the store as this device knows them, by name."""
        entries = json.loads(self.ok("ls", "--json"))
        names = [entry["name"] for entry in entries]
        assert len(set(names)) == len(names), f"several files have one name: {names}"
        return {entry["name"]: entry for entry in entries}

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session", autouse=True)
def hears_ctrl_c() -> None:
    """Tests that a shell has begun in the background ignore SIGINT, and what they begin would so too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def kept_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("nothing here")
    process = ServerProcess(site, tmp_path_factory.mktemp("data"))
    yield process
    process.stop()


@pytest.fixture
def server(kept_server: ServerProcess) -> ServerProcess:
    """The real server, with an empty site; it runs, also when the test before has stopped it."""
    if not kept_server.running:
        kept_server.start()
    return kept_server


@pytest.fixture(scope="session")
def warm_command() -> Iterator[WarmCommand]:
    command = WarmCommand()
    yield command
    command.close()


@pytest.fixture
def new_shell(
    server: ServerProcess, warm_command: WarmCommand, tmp_path: Path, store_id: str
) -> Iterator[Callable[[str], Shell]]:
    """Make the shell of a device."""
    made: list[Shell] = []

    def make(name: str) -> Shell:
        home = tmp_path / name
        home.mkdir()
        made.append(Shell(home, server.url, store_id, warm_command))
        return made[-1]

    yield make
    for shell in made:
        shell.close()


@pytest.fixture
def shell(new_shell: Callable[[str], Shell]) -> Shell:
    return new_shell("device")
