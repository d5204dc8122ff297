"""The signers of livestore-filesync from npm as processes, and its signer client (scripts in `signers/`)."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from tests.harness.server import ServerProcess
from tools.common import BUILD, STAMPS, build_lock, digest, is_fresh, run, step, write_stamp
from tools.environment import require_node

SOURCE = Path(__file__).with_name("signers")
FOLDER = BUILD / "interop-signers"


def ensure_signers() -> Path:
    """Install exactly what package-lock.json says, without its install scripts; bundle the worker.

    Returns:
        The folder in which the scripts run.
    """
    with build_lock():
        key = digest(*SOURCE.iterdir())
        stamp = STAMPS / "interop-signers"
        if not is_fresh(stamp, key, [FOLDER / "worker.bundle.js"]):
            require_node()
            shutil.copytree(SOURCE, FOLDER, dirs_exist_ok=True)
            with step("fetching the signers of livestore-filesync from npm"):
                run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER)
                run(["npm", "run", "build"], cwd=FOLDER)
                write_stamp(stamp, key)
    return FOLDER


class SignerProcess(ServerProcess):
    """A signer of livestore-filesync in workerd: `s3`, or `r2` with objects in memory."""

    def __init__(self, data: Path, signer: str, token: str, **bindings: str) -> None:
        """`bindings` are what that signer reads from its environment."""
        super().__init__(ensure_signers(), data)
        self._bindings = {"SIGNER": signer, "TOKEN": token, "SECRET": "a-secret-of-this-test", **bindings}

    def _command(self) -> list[str | Path]:
        return ["node", self.site / "signer.mjs", str(self.port), json.dumps(self._bindings)]


async def run_signer_client(url: str, token: str, key: str, data: bytes, mime_type: str) -> dict[str, Any]:
    """Let livestore-filesync's client upload, download and delete an object; see `signers/client.mjs`."""
    words = ["node", ensure_signers() / "client.mjs", url, token, key, mime_type]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    output, _ = await process.communicate(data)
    assert process.returncode == 0
    answer: dict[str, Any] = json.loads(output)
    return answer
