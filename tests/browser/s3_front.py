"""What stands before the S3 server in browser tests: an origin that sees, and sometimes changes, what passes.

It adds nothing but `Access-Control-Allow-Origin` on error answers, as AWS S3 sends it and Swift does not:
without it a page cannot tell a refusal from a broken connection. Preflights and all else are the S3 server's.
"""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Passed:
    """One request and its answer's status."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass
class S3Front:
    """`tamper`: how many of the next uploads have a byte changed on their way to the store."""

    store: str
    tamper: int = 0
    passed: list[Passed] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), partial(_Handler, self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://{HOST}:{self._server.server_address[1]}"

    def statuses(self, method: str, key: str) -> list[int]:
        """The answers to requests for that key, in order."""
        return [one.status for one in self.passed if one.method == method and key in one.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, front: S3Front, *args: object) -> None:
        self.front = front
        super().__init__(*args)  # type: ignore[arg-type]

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command == "PUT" and self.front.tamper:
            self.front.tamper -= 1
            body = body[:-1] + bytes([body[-1] ^ 1])
        connection = http.client.HTTPConnection(urlsplit(self.front.store).netloc)
        # The headers as they are, Host too: it is signed.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.front.passed.append(Passed(self.command, self.path, headers, answer.status))
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "content-length", "transfer-encoding"}:
                self.send_header(name, value)
        size = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", size or "0")
        if answer.status >= 400 and "origin" in headers:
            self.send_header("Access-Control-Allow-Origin", headers["origin"])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _pass

    def log_message(self, *_args: object) -> None:
        """The test has `passed`."""
