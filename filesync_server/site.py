"""The static site: the app's own files, with the types and the caching that a browser needs.

Every file is revalidated (`no-cache` with an ETag), except those whose name carries a content hash of at
least 16 hex digits (`app.0123456789abcdef.js`), which are immutable. A `.br` or `.gz` file beside a file is
sent in its place to browsers that accept it. Symbolic links are not followed out of the folder, and nothing
whose name begins with a dot is served.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Scope

from .shared.http import create_part

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".whl": "application/zip",
    ".zip": "application/zip",
}
"""Fixed here because the system's table differs between machines."""

_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_HASHED_NAME = re.compile(r"[.-][0-9a-f]{16,64}\.", re.ASCII)


def create_site(folder: str | Path, *, headers: Mapping[str, str] | None = None) -> ASGIApp:
    """The folder as an ASGI app; `/` is `index.html`. `headers` are added to every answer."""
    return create_part([Mount("/", _Site(Path(folder), dict(headers or {})))])


class _Site(StaticFiles):
    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=folder, html=True)
        self._folder = folder.resolve()
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            **headers,
        }

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        full_path, status = super().lookup_path(path)
        # Asked for by its name, or found behind a link: what begins with a dot is nobody's business.
        if _is_hidden(Path(path)) or (full_path and _is_hidden(Path(full_path).relative_to(self._folder))):
            return "", None
        return full_path, status

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(full_path)
        immutable = _HASHED_NAME.search(path.name) is not None
        headers = {
            **self._headers,
            "Cache-Control": "public, max-age=31536000, immutable" if immutable else "no-cache",
        }
        if path.suffix in {".js", ".mjs"}:
            headers["Service-Worker-Allowed"] = "/"
        request_headers = Headers(scope=scope)
        variants = _variants(path)
        if variants:
            headers["Vary"] = "Accept-Encoding"
            encoding = next((name for name in variants if _accepts(request_headers, name)), None)
            if encoding:
                path = variants[encoding]
                headers["Content-Encoding"] = encoding
                stat_result = path.stat()
        response = FileResponse(
            path,
            status_code=status_code,
            headers=headers,
            media_type=_media_type(Path(full_path)),
            stat_result=stat_result,
        )
        if self.is_not_modified(response.headers, request_headers):
            return NotModifiedResponse(response.headers)
        return response


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != "." for part in path.parts)


def _variants(path: Path) -> dict[str, Path]:
    """The precompressed files beside the file, best first."""
    candidates = {encoding: path.with_name(path.name + suffix) for encoding, suffix in _ENCODINGS}
    return {encoding: candidate for encoding, candidate in candidates.items() if candidate.is_file()}


def _accepts(headers: Headers, encoding: str) -> bool:
    """Whether the browser takes the encoding. Ranges are of the plain bytes, so a request for one does
    not."""
    if "range" in headers:
        return False
    for item in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = (part.strip() for part in item.partition(";"))
        if name == encoding:
            return not re.fullmatch(r"q\s*=\s*0(\.0*)?", weight)
    return False


def _media_type(path: Path) -> str:
    known = TYPES.get(path.suffix.lower())
    return known or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
