"""Serve the demo to other devices in the network; `build.py demo --share` starts it.

Over https, with a certificate, a key and a token made for this run and gone with it.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
from pathlib import Path

import segno
from starlette.types import ASGIApp

from filesync_server.command.config import load_settings
from filesync_server.command.main import run
from tools.common import say
from tools.shared.access import SharedAccess
from tools.shared.certificate import write_certificate


def main(host: str, port: str, data: str, site: str) -> int:
    """Serve until Ctrl-C; the exit code is that of `filesync-server`."""
    origin = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    token, app_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="filesync-share-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        fingerprint = write_certificate(host, certificate, key)
        place = ["--host", host, "--port", port, "--allowed-hosts", host, "--data", data, "--site", site]
        tls = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
        # nothing of this shell's environment: other tokens would let in as well
        environment = {"FILESYNC_AUTH_TOKEN": app_token}
        settings = load_settings([*place, *tls, "--log-level", "warning"], environment)

        def around(app: ASGIApp) -> ASGIApp:
            _greet(f"{origin}/#token={token}", fingerprint, data)
            return SharedAccess(app, origin=origin, token=token, app_token=app_token)

        return run(settings, around)


def _greet(address: str, fingerprint: str, data: str) -> None:
    """Tell who sits here where to go; nobody else gets to know the token."""
    segno.make(address, error="l").terminal(compact=True)
    say(f"the demo is shared at {address}")
    say("scan the code with a phone in the same network; its browser will warn of the certificate, which")
    say(f"nobody but this machine has signed. The SHA-256 of the certificate is {fingerprint}")
    say(f"whoever has this address can read and change everything in {data}; Ctrl-C ends it")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
