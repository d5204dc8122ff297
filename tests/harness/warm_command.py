"""`filesync` without the second in which it imports what it needs: a Python that has done so forks for each.

Each command is a process of its own, as ever, and ends as one. Whatever hears of signals, or is killed,
is begun anew instead.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filesync_web.command import main as command
from tools.common import ROOT

PATIENCE = 120.0
"""Seconds for which a command may run."""

IMPORTED = (
    "filesync_web.command.app",
    "filesync_web.native.blobs",
    "filesync_web.native.environment",
    "filesync_web.native.event_log",
    "filesync_web.native.tabs",
    "filesync_web.native.thumbnails",
    "anyio._backends._asyncio",
    "httpcore",
    "typer._adapters",
)
"""What a command imports, some of it when it is needed."""
STREAMS = {"in": os.O_RDONLY, "out": os.O_WRONLY | os.O_CREAT, "err": os.O_WRONLY | os.O_CREAT}
"""The files of a command's standard streams, in their order, and how they are opened."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        return json.loads(self.out)


class WarmCommand:
    """Runs commands one after the other, from the first one until it is closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str) -> Ended:
        """Run a command to its end."""
        process = self._process = self._process or _start()
        try:
            return _order(process, {"words": words, "cwd": str(cwd), "env": dict(env)}, stdin)
        except BaseException:
            self.close()  # with the command, whose end nobody may take for that of the next
            raise

    def close(self) -> None:
        """End it, and what runs there."""
        process, self._process = self._process, None
        if process:
            with process:
                os.killpg(process.pid, signal.SIGKILL)


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __name__]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, process_group=0)


def _order(process: subprocess.Popen[str], order: Mapping[str, object], stdin: str) -> Ended:
    assert process.stdin
    assert process.stdout
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(stdin)
        process.stdin.write(json.dumps({**order, "streams": name}) + "\n")
        process.stdin.flush()
        assert select.select([process.stdout], [], [], PATIENCE)[0], f"{order} did not end in {PATIENCE:g} s"
        code = process.stdout.readline()
        assert code, "the process that runs commands has ended"
        return Ended(int(code), (folder / "out").read_text(), (folder / "err").read_text())


def serve() -> int:
    """Fork for each order, and tell its exit code; returns that code in the fork, and 0 when nobody orders
    any more."""
    for name in IMPORTED:
        importlib.import_module(name)
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            return _obey(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return 0


def _obey(order: Mapping[str, Any]) -> int:
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    for number, (name, how) in enumerate(STREAMS.items()):
        stream = os.open(Path(order["streams"], name), how)
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = ["filesync", *order["words"]]
    return command.main()


if __name__ == "__main__":
    sys.exit(serve())
