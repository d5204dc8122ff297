"""Serve the demo: one filesync_server process on one origin, until Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.common import ROOT, BuildError, say
from tools.environment import PYTHON

START_SECONDS = 30.0
ELSEWHERE = ("203.0.113.1", 9)
"""An address outside of any network of one's own; nothing is sent there."""


def require_address(host: str, port: int) -> None:
    """Check that the server will be able to listen, and that the demo will work there.

    Raises:
        BuildError: another process has the port, or the host is not one of this machine, or not for it alone.
    """
    if not ipaddress.ip_address(require_free(host, port)).is_loopback:
        raise BuildError(
            f"the demo is for this machine alone, not for {host}: everybody knows its token, and browsers"
            " keep files only for https or localhost. For a phone in the same network start it with --share."
            f" From another machine, forward the port (ssh -L {port}:localhost:{port} this-machine);"
            " to deploy, see docs/server.md"
        )


def require_free(host: str, port: int) -> str:
    """The IP address of the host, where a server will be able to listen.

    Raises:
        BuildError: another process has the port, or the host is not one of this machine.
    """
    if not 0 < port < 65536:
        raise BuildError(f"there is no port {port}: choose a --port from 1 to 65535")
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
    return str(address[0])


def address_to_share(host: str | None) -> str:
    """The address of this machine in its network, unless `host` names one.

    Raises:
        BuildError: there is none, or it is one that the whole Internet could reach, or none in particular.
    """
    host = host or _address_in_the_network()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise BuildError(f"--share needs an IP address as --host, and not {host}") from None
    if address.is_unspecified:
        raise BuildError(f"--share listens on one address only: give that as --host, instead of {host}")
    if address.is_global:
        raise BuildError(
            f"--share is for a network of your own, and {host} is an address of the Internet; to deploy, see"
            " docs/server.md"
        )
    return host


def _address_in_the_network() -> str:
    """The address from which this machine reaches others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError as error:
            raise BuildError(
                f"this machine is in no network ({error.strerror}); --host can name an address"
            ) from error
        return str(probe.getsockname()[0])


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


def serve(host: str, port: int, data: Path, site: Path, *flags: str) -> int:
    """Run the server until Ctrl-C or its end, with further flags of `filesync-server`.

    Returns:
        0 after Ctrl-C, else the server's exit code.
    """
    require_address(host, port)

    def greet(server: subprocess.Popen[bytes]) -> None:
        _wait_until_it_answers(server, host, port)
        shown = f"[{host}]" if ":" in host else host
        say(f"the demo runs at http://{shown}:{port}/   (data in {data}; Ctrl-C ends it)")

    return run_server([*server_command(host, port, data, site), "--log-level", "warning", *flags], greet)


def share(host: str, port: int, data: Path, site: Path) -> int:
    """Run the server for other devices in the network until Ctrl-C or its end; it greets by itself.

    Returns:
        0 after Ctrl-C, else the server's exit code.
    """
    require_free(host, port)
    return run_server([PYTHON, "-m", "tools.shared", host, str(port), data, site])


def run_server(
    command: Sequence[str | Path], greet: Callable[[subprocess.Popen[bytes]], None] = lambda _server: None
) -> int:
    """Run a server until Ctrl-C or its end.

    Returns:
        0 after Ctrl-C, else the server's exit code.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with subprocess.Popen(command, cwd=ROOT) as server:
        try:
            greet(server)
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
    deadline = time.monotonic() + START_SECONDS
    while not answers(host, port):
        if server.poll() is not None:
            raise BuildError(f"the server ended with code {server.returncode}; its messages are above")
        if time.monotonic() > deadline:
            server.terminate()
            raise BuildError(f"the server did not answer within {START_SECONDS:.0f} s")
        time.sleep(0.1)
