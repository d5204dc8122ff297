"""What is in `deploy/` works: the unit's command and the container's steps are run as they stand there.

systemd and a container engine are not needed: the paths of the target machine are replaced by temporary ones.
Where `systemd-analyze` is installed, it verifies the unit.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from filesync_server.command.config import Settings
from tests.harness.server import free_port
from tests.harness.waiting import until
from tests.server.support import TIMEOUT
from tools.common import ROOT

DEPLOY = ROOT / "deploy"
PREFIX = "/opt/filesync"
TOKEN = "a-token-of-this-deployment"


def unit() -> dict[str, str]:
    """The unit's [Service] section."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "filesync-server.service")
    return dict(parser["Service"])


def instructions() -> list[tuple[str, str]]:
    """The container file's instructions in order, continued lines joined."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


@asynccontextmanager
async def started(command: list[str], environment: dict[str, str], port: int) -> AsyncIterator[str]:
    """Run the command until it is healthy; SIGTERM must be a good end for it."""
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:

            async def is_healthy() -> bool:
                assert process.returncode is None, "it ended"
                try:
                    answer = await client.get(f"{url}/api/health")
                except httpx.TransportError:
                    return False
                assert answer.json()["status"] == "ok"
                return True

            await until(is_healthy, "the server is healthy", timeout=60)
        yield url
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def signs(url: str, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=TIMEOUT) as client:
        answer = await client.post(f"{url}/api/v1/sign/upload", json={"key": "store/x"})
    return answer.status_code == 200


async def test_the_command_of_the_unit(tmp_path: Path) -> None:
    service = unit()
    port = free_port()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    settings = (DEPLOY / "filesync-server.toml").read_text()
    assert 'data = "/var/lib/filesync"' in settings, f"StateDirectory={service['StateDirectory']}"
    settings = settings.replace("/var/lib/filesync", str(tmp_path / "data")).replace("8000", str(port))
    (tmp_path / "filesync-server.toml").write_text(settings)
    command = shlex.split(service["ExecStart"].replace("/etc/filesync", str(tmp_path)))
    assert command[0] == f"{PREFIX}/bin/filesync-server"
    command[0] = str(Path(sys.executable).with_name("filesync-server"))
    name, _, value = service["Environment"].partition("=")
    environment = {"PATH": os.environ["PATH"], name: value.replace("%d", str(tmp_path))}
    assert service["LoadCredential"].startswith("token:")
    assert float(service["TimeoutStopSec"]) > Settings().shutdown_timeout
    async with started(command, environment, port) as url:
        assert await signs(url, TOKEN)
        assert not await signs(url, "another")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "filesync-server.service").read_text()
    copy = tmp_path / "filesync-server.service"
    copy.write_text(text.replace(f"{PREFIX}/bin", str(Path(sys.executable).parent)))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.soak(minutes=2)
async def test_the_steps_of_the_container(tmp_path: Path) -> None:
    """Each step of the container file, in a fresh virtual environment: install, start, health check, stop."""
    source, prefix = tmp_path / "source", tmp_path / "opt"
    source.mkdir()
    steps = instructions()
    build = steps[: [word for word, _ in steps].index("FROM", 1)]
    final = dict(steps[len(build) :])
    for word, rest in build:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                copy(ROOT / name, source / target)
        elif word == "RUN":
            await asyncio.to_thread(
                subprocess.run, ["sh", "-ec", rest.replace(PREFIX, str(prefix))], cwd=source, check=True
            )
    port = free_port()
    environment = dict(pair.split("=", 1) for pair in shlex.split(final["ENV"]))
    assert environment == {"FILESYNC_HOST": "0.0.0.0", "FILESYNC_DATA": final["VOLUME"]}
    environment |= {"FILESYNC_DATA": str(tmp_path / "data"), "FILESYNC_PORT": str(port)}
    command = json.loads(final["ENTRYPOINT"].replace(PREFIX, str(prefix)))
    refused = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await refused.wait() == 2, "without a token of its own it does not start"
    async with started(command, environment | {"FILESYNC_AUTH_TOKEN": TOKEN}, port) as url:
        assert await signs(url, TOKEN)
        check = re.sub(r"^.*?CMD ", "", final["HEALTHCHECK"]).replace(PREFIX, str(prefix))
        healthy = await asyncio.create_subprocess_exec(*json.loads(check.replace("8000", str(port))))
        assert await healthy.wait() == 0
    assert final["STOPSIGNAL"] == "SIGTERM"


def copy(path: Path, target: Path) -> None:
    """As COPY does: a file into the target, of a folder the content."""
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy(path, target)
