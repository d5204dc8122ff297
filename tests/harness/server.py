"""A real server process for tests: start, stop, kill and restart it on the same port and data."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tools.common import ROOT
from tools.serve import answers, server_command

START_SECONDS = 60.0
STOP_SECONDS = 60.0
HOST = "127.0.0.1"
_PORTS = range(12_000, 30_000)


def free_port() -> int:
    """A port that nobody listens on at this moment. It is below those that Linux gives to connections, so
    that none of these takes it before a server has started, or while it is stopped."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


class ServerProcess:
    """`python -m filesync_server` on its own port and data folder, both kept over restarts.

    Attributes:
        url: the origin, without a trailing slash.
        data: the folder of all its data.
        log: the file with everything it said, over all starts.
    """

    _path = "/api/health"

    def __init__(self, site: Path, data: Path, port: int | None = None, **settings: str) -> None:
        """Settings are those of the server's environment, in capitals: `FILESYNC_URL_LIFETIME="2"`."""
        self.site = site
        self.data = data
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log = data / "server.log"
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("FILESYNC_")}
        self._env |= settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process that runs."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            AssertionError: it ended, or did not answer in time; the message has its log.
        """
        assert not self.running, "the server runs already"
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [str(word) for word in self._command()],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server does not answer; its log:\n{self.read_log()}")
            time.sleep(0.05)

    def stop(self) -> int:
        """End it as Ctrl-C would, and return its exit code; kill it when it does not end."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it as a power cut would."""
        return self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start it again, with the same port and data."""
        self.stop()
        self.start()

    def read_log(self) -> str:
        """Everything it has said so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _command(self) -> list[str | Path]:
        return server_command(HOST, self.port, self.data, self.site)

    def _is_up(self) -> bool:
        return answers(HOST, self.port, self._path)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server ignored {how.name}; its log:\n{self.read_log()}") from None
