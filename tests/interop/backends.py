"""LiveStore's own sync backend as a process, next to this kit's (`ServerProcess`)."""

from __future__ import annotations

from pathlib import Path

from tests.harness.server import ServerProcess


class CloudflareBackend(ServerProcess):
    """`@livestore/sync-cf` in a Durable Object, run by `node/backend.mjs`; its data outlive a restart."""

    _path = "/"

    def __init__(self, scripts: Path, data: Path) -> None:
        super().__init__(scripts, data)

    def _command(self) -> list[str | Path]:
        return ["node", self.site / "backend.mjs", str(self.port), self.data]
