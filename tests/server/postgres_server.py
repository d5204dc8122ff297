"""A real PostgreSQL for tests: Debian's, a throw-away cluster in a temporary folder, no system service.

It is installed with apt when it is missing. PostgreSQL refuses to run as root, so root starts it as the user
`postgres`, which the package makes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.harness.server import free_port
from tests.harness.waiting import wait_until

ROLE = "filesync"
START_TIMEOUT = 60.0

_INITDB = ["--username", ROLE, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
_INSTALLED = Path("/usr/lib/postgresql")


@dataclass
class PostgresServer:
    """A cluster in `folder/cluster`; `owner` says as which user its programs run."""

    programs: Path
    folder: Path
    owner: dict[str, Any]
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    async def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    async def execute(self, statement: str, *values: Any, url: str | None = None) -> list[Any]:
        """Run a statement over a connection of its own."""
        connection = await asyncpg.connect(url or self.url())
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    def start(self) -> None:
        """Run it, and return when it answers."""
        command = [self.programs / "postgres", "-D", self.folder / "cluster", "-k", "", "-h", "127.0.0.1"]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self.owner,
            )
        ask = [self.programs / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        wait_until(
            lambda: subprocess.run(ask, check=False).returncode == 0 or self.process.poll() is not None,
            lambda: f"PostgreSQL answers; its log: {self.read_log()}",
            timeout=START_TIMEOUT,
        )
        assert self.process.poll() is None, self.read_log()

    def read_log(self) -> str:
        """The end of what it has said."""
        return (self.folder / "log").read_text()[-4000:]

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: by SIGINT, without waiting for clients; by SIGQUIT as a crash does."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(30)


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a new cluster on a free port while the block runs. Skips the test where there is none to run."""
    programs = _programs()
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="filesync-postgres-"))  # pytest's folders are closed to others
    server = PostgresServer(programs, folder, owner, free_port(), secrets.token_hex(12))
    try:
        secret = folder / "password"
        secret.write_text(server.password)
        if owner:
            for path in (folder, secret):
                os.chown(path, owner["user"], owner["group"])
        _run([programs / "initdb", *_INITDB, "--pgdata", folder / "cluster", "--pwfile", secret], **owner)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of `initdb` and `postgres`, which are installed when they are missing."""
    found = _installed()
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-q"], env=environment)
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "postgresql"], env=environment)
        found = _installed()
    if not found:
        pytest.skip("there is no PostgreSQL here, and only root on Debian can install it")
    return found


def _installed() -> Path | None:
    versions = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return versions[-1].parent if versions else Path(on_path).resolve().parent if on_path else None


def _run(command: list[Any], **options: Any) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-4000:]
