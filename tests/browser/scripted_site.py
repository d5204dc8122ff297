"""A site, a signer and an object store on one origin, which tests script, hold, stop and start again.

It stands for what a test cannot get from a real server: a remote that lies, stalls, refuses or vanishes.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filesync_web.sw import ServiceWorkerOptions, write_service_worker
from tests.harness.server import HOST, free_port

PREFIX = "/livestore-filesync-files/"
EXPOSED = "Content-Length, Content-Range, ETag"
PAGE = (
    "<!doctype html><meta charset=utf-8><link rel=icon href=data:,>"
    "<title>{title}</title><p id=text>{title}</p>"
)


@dataclass
class StoredObject:
    """What the object store answers for a key; `body` need not be what the key promises."""

    body: bytes
    content_type: str = "application/octet-stream"
    status: int = 200
    ranges: bool = True


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class ScriptedSite:
    """One origin. `seen` lists what arrived; `hold` delays answers until `release` is called."""

    folder: Path
    objects: dict[str, StoredObject] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    token: str | None = None
    features: tuple[str, ...] = ("checksum",)
    url_life: str = "2999-01-01T00:00:00.000Z"
    upload_answer: tuple[int, dict[str, str]] | None = None
    """What is answered to an upload, which is not stored then."""
    port: int = field(default_factory=free_port)
    _server: _Server | None = None
    _held: list[tuple[str, threading.Event]] = field(default_factory=list)
    _cuts: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server((HOST, self.port), partial(_Handler, self))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Vanish: open connections are cut, new ones are refused."""
        self.release()
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        for connection in list(server.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def hold(self, pattern: str) -> None:
        """Let requests whose path matches wait until `release`."""
        self._held.append((pattern, threading.Event()))

    def cut(self, path: str, times: int) -> None:
        """Let the connection break within the answers to the next requests of this path."""
        self._cuts[path] = times

    def is_cut(self, path: str) -> bool:
        self._cuts[path] -= 1
        return self._cuts[path] >= 0

    def release(self) -> None:
        held, self._held[:] = list(self._held), []
        for _, event in held:
            event.set()

    def add(self, store_id: str, body: bytes, content_type: str, *, sent: bytes | None = None) -> str:
        """Put an object under its hash and return its key; `sent` is what the store sends in its place."""
        key = f"{store_id}/{hashlib.sha256(body).hexdigest()}"
        self.objects[key] = StoredObject(body if sent is None else sent, content_type)
        return key

    def write(self, path: str, text: str) -> None:
        """Write a file of the site."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def write_worker(self, **options: object) -> None:
        """Generate the service worker of the site."""
        write_service_worker(self.folder, ServiceWorkerOptions(**options))

    def requests(self, method: str, pattern: str) -> list[Seen]:
        """What arrived with this method and a matching path."""
        return [seen for seen in self.seen if seen.method == method and re.search(pattern, seen.path)]

    def asked_since(self, before: int) -> list[str]:
        """The paths that were asked for after so many requests, but for the worker's own script: the browser
        looks whether there is a new one when it wants to."""
        return [seen.path for seen in self.seen[before:] if not seen.path.endswith("sw.js")]

    def wait_if_held(self, path: str) -> None:
        for pattern, event in list(self._held):
            if re.search(pattern, path):
                event.wait(60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: ScriptedSite, *args: object) -> None:
        self.site = site
        super().__init__(*args, directory=str(site.folder))

    def log_message(self, *_args: object) -> None:
        """Keep the test output clean."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Expose-Headers", EXPOSED)
        super().end_headers()

    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, PUT, POST")
        self.send_header("Access-Control-Allow-Headers", "authorization, content-type, range")
        self.end_headers()

    def do_GET(self) -> None:
        self._note()
        path = urlsplit(self.path).path
        if path == "/api/health":
            self._send_json({"status": "ok", "features": self.site.features})
        elif path.startswith((PREFIX, "/objects/")):
            self._send_object(path)
        elif self.site.is_cut(path):
            self.send_response(200)
            self.send_header("Content-Length", "99")
            self.end_headers()
            self.wfile.write(b"begun")
            self.close_connection = True
        else:
            del self.headers["If-Modified-Since"]  # its seconds are too coarse for files that tests rewrite
            super().do_GET()

    def do_PUT(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.site.upload_answer is not None:
            status, headers = self.site.upload_answer
            self._send(status, b"some words", headers=headers)
            return
        key = urlsplit(self.path).path.removeprefix("/objects/")
        wrong = self.headers["x-amz-checksum-sha256"] not in (None, hashlib.sha256(body).hexdigest())
        if wrong or (key in self.site.objects and self.headers["If-None-Match"] == "*"):
            self._send(400 if wrong else 412, b"no")
            return
        self.site.objects[key] = StoredObject(body, self.headers["Content-Type"])
        self._send(200, b"stored")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note()
        direction = urlsplit(self.path).path.removeprefix("/api/v1/sign/")
        if direction not in ("download", "upload"):
            self._send(404, b"{}")
        elif self.site.token and self.headers["Authorization"] != f"Bearer {self.site.token}":
            self._send(401, b'{"error": "authentication required"}')
        else:
            bound = (
                {"if-none-match": "*", "x-amz-checksum-sha256": asked["sha256"]} if "sha256" in asked else {}
            )
            url = f"{self.site.url}/objects/{asked['key']}?sig=good"
            self._send_json({"url": url, "headers": bound, "expiresAt": self.site.url_life})

    def _send_json(self, answer: dict[str, Any]) -> None:
        self._send(200, json.dumps(answer).encode(), "application/json")

    def _note(self) -> None:
        self.site.seen.append(Seen(self.command, self.path, dict(self.headers.items())))
        self.site.wait_if_held(self.path)

    def _send_object(self, path: str) -> None:
        stored = self.site.objects.get(path.removeprefix(PREFIX).removeprefix("/objects/"))
        if stored is None or stored.status != 200:
            self._send(404 if stored is None else stored.status, b"no")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if not (wanted and stored.ranges):
            self._send(200, stored.body, stored.content_type)
            return
        size = len(stored.body)
        start, end = int(wanted[1]), min(int(wanted[2] or size) + 1, size)
        if start >= size:
            self._send(416, b"", headers={"Content-Range": f"bytes */{size}"})
            return
        part = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self._send(206, stored.body[start:end], stored.content_type, headers=part)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "text/plain",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
