"""The signers of livestore-filesync from npm as processes, and its signer client (scripts in `signers/`)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.harness.server import ServerProcess
from tests.interop.packages import ensure_signers


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
