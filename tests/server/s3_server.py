"""A real S3 server that verifies SigV4: `rclone serve s3` over a temporary folder.

It enforces signatures, and with them every signed header, but not what a checksum or `If-None-Match` means.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filesync_server.s3 import S3Store

BUCKET = "bucket"
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
RCLONE = Path(sys.executable).with_name("rclone")


@dataclass
class S3Server:
    endpoint: str
    folder: Path

    def store(self, **options: object) -> S3Store:
        defaults = {"endpoint": self.endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        return S3Store(BUCKET, **(defaults | {"path_style": True} | options))  # type: ignore[arg-type]


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", folder / "rclone.conf", folder]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, "rclone ended"
            assert time.monotonic() < deadline, "rclone does not answer"
            time.sleep(0.05)
        yield S3Server(f"http://127.0.0.1:{port}", folder / BUCKET)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
