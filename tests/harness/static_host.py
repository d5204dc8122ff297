"""A host that serves a folder and knows nothing of the kit, as plain static hosting does."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.harness.server import HOST


class StaticHost:
    """Serves `folder` on an origin of its own, `url`; every answer has the headers of then."""

    def __init__(self, folder: Path, headers: Mapping[str, str] | None = None) -> None:
        self.headers = {"Cache-Control": "no-cache", **(headers or {})}
        serving = partial(_Handler, self.headers, directory=str(folder))
        self._server = ThreadingHTTPServer((HOST, 0), serving)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Answer nothing any more."""
        self._server.shutdown()
        self._server.server_close()


_TYPES = {**mimetypes.types_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, headers: dict[str, str], *args: object, directory: str) -> None:
        self._headers = headers
        self.extensions_map = _TYPES
        super().__init__(*args, directory=directory)  # type: ignore[arg-type] # socketserver's own

    def end_headers(self) -> None:
        for name, value in self._headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
