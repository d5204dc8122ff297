"""The real server with headers of a test's own on every answer, as a deployment behind a proxy has them.

Run as a program it is that server: `headers_server.py <JSON of the headers> <arguments of filesync-server>`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.harness.server import ServerProcess
from tools.common import ROOT

_POLICY = "Content-Security-Policy"
_HOSTING = (ROOT / "docs" / "hosting.md").read_text().splitlines()


class HeadersServer(ServerProcess):
    """A `ServerProcess` that answers with these headers, in place of its own of the same names."""

    def __init__(self, site: Path, data: Path, headers: dict[str, str]) -> None:
        super().__init__(site, data)
        self._headers = headers

    def _command(self) -> list[str | Path]:
        python, _m, _module, *arguments = super()._command()
        return [python, "-m", "tests.harness.headers_server", json.dumps(self._headers), *arguments]


def documented_policy(*pages: Path, connect: str = "") -> dict[str, str]:
    """The header that docs/hosting.md has: no text becomes code, but for the inline scripts of these pages;
    `connect` are other origins that they may ask."""
    texts = [script for page in pages for script in inline_scripts(page.read_text())]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    sources = " ".join(["'wasm-unsafe-eval'", *(f"'sha256-{found}'" for found in hashes)])
    name, _, policy = next(line for line in _HOSTING if line.startswith(f"{_POLICY}: ")).partition(": ")
    policy = policy.replace("'wasm-unsafe-eval'", sources)
    return {name: policy.replace("connect-src 'self'", f"connect-src 'self' {connect}".rstrip())}


def inline_scripts(page: str) -> list[str]:
    """The texts of a page's inline JavaScript."""
    found = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    return [text for about, text in found if "src=" not in about and 'type="py"' not in about]


class _WithHeaders:
    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_more)


def _main() -> int:
    from filesync_server.command import main as command

    build, headers = vars(command)["build_app"], json.loads(sys.argv[1])
    vars(command)["build_app"] = lambda settings: _WithHeaders(build(settings), headers)
    return command.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(_main())
