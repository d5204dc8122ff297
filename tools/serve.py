"""Serve the demo: one filesync_server process on one origin, until Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import time
from pathlib import Path

from tools.common import ROOT, BuildError, say
from tools.environment import PYTHON

START_SECONDS = 30.0


def require_free_port(host: str, port: int) -> None:
    """Check that the server will be able to listen.

    Raises:
        BuildError: another process has the port, or the host is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = str(error.strerror or error).lower()
        raise BuildError(
            f"cannot listen on {host}:{port}: {reason}; choose another --host or --port"
        ) from error


def answers(host: str, port: int, path: str = "/api/health") -> bool:
    """Whether a server answers a GET with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def server_command(host: str, port: int, data: Path, site: Path) -> list[str | Path]:
    """The command that serves the site, the signer, the files and the sync backend on one origin."""
    place: list[str | Path] = ["--host", host, "--port", str(port), "--data", data, "--site", site]
    return [PYTHON, "-m", "filesync_server", *place]


def serve(host: str, port: int, data: Path, site: Path) -> int:
    """Run the server until Ctrl-C or its end.

    Returns:
        0 after Ctrl-C, else the server's exit code.
    """
    require_free_port(host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = [*server_command(host, port, data, site), "--log-level", "warning"]
    with subprocess.Popen(command, cwd=ROOT) as server:
        try:
            _wait_until_it_answers(server, host, port)
            shown = f"[{host}]" if ":" in host else host
            say(f"the demo runs at http://{shown}:{port}/   (data in {data}; Ctrl-C ends it)")
            return server.wait()
        except KeyboardInterrupt:
            say("stopping")
            _stop(server)
            return 0


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let the server end its requests; an impatient second Ctrl-C ends it at once."""
    server.terminate()
    try:
        server.wait()
    except KeyboardInterrupt:
        server.kill()


def _wait_until_it_answers(server: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Poll until the server is healthy; its own messages are on the terminal."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not listened on
    deadline = time.monotonic() + START_SECONDS
    while not answers(reachable, port):
        if server.poll() is not None:
            raise BuildError(f"the server ended with code {server.returncode}; its messages are above")
        if time.monotonic() > deadline:
            server.terminate()
            raise BuildError(f"the server did not answer within {START_SECONDS:.0f} s")
        time.sleep(0.1)
