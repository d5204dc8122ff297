"""A site that serves well and badly, as its URLs ask it to; the same one in memory and over a real socket.

`GET /blob?size=100&seed=1` serves 100 pseudo-random bytes, with ranges and an entity tag. Further parameters
make it misbehave, at the first `times` requests of that `key`, or at all of them:

    cut, stall     the connection breaks, or goes quiet, after so many bytes
    when=asked     it breaks only when `/break` is asked for that key
    corrupt        the byte at this place is wrong
    status         this status instead; with `retry_after`
    more           so many bytes too many
    norange        ranges are ignored
    wrongrange     a range that was not asked for
    noetag, weak   no entity tag, or a weak one
    etag           this entity tag instead
    nolength       no Content-Length: the end of the connection ends the body
    deny           a preflight that asks for this header is refused
    redirect       this status, and the same place without this parameter as Location

`PUT` and `POST /upload` take anything. `status` is the answer's, `stall=0` gives none. `hang` and `drop` let
the real server stop reading, or close the connection, after so many bytes. Any other method is answered as
well. `GET /log?key=` tells what was asked with that key.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from filesync_web.testing.http import Reply

Query = Mapping[str, str]


@cache
def content(size: int, seed: int = 1) -> bytes:
    """The same pseudo-random bytes everywhere."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FaultSite:
    """Answers requests; `log` has them by key, in order."""

    def __init__(self) -> None:
        self.log: dict[str, list[dict[str, object]]] = defaultdict(list)
        self.closed: list[str] = []

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path == "/log":
            return Reply(body=json.dumps(self.log[query["key"]]).encode())
        if parts.path == "/break":
            return Reply(body=b"null")
        if parts.path == "/closed":
            return Reply(body=json.dumps(self.closed.count(query["key"])).encode())
        if method == "OPTIONS":
            denied = "deny" in query and query["deny"] in headers.get("access-control-request-headers", "")
            return Reply(403 if denied else 204)
        seen = self.log[query.get("key", "")]
        seen.append({"method": method, "headers": dict(headers), "size": len(body), "sha256": sha256(body)})
        if len(seen) > int(query.get("times", len(seen))):
            query = {name: value for name, value in query.items() if name in ("size", "seed")}
        if "redirect" in query:
            rest = urlencode({name: value for name, value in query.items() if name != "redirect"})
            return Reply(int(query["redirect"]), {"Location": f"{parts.path}?{rest}"})
        if "status" in query:
            extra = {"Retry-After": query["retry_after"]} if "retry_after" in query else {}
            return Reply(int(query["status"]), extra, b"as you wish")
        if parts.path == "/blob":
            return _serve(query, headers)
        answer = body[:100] if method == "POST" else b"never comes" if "stall" in query else b""
        return Reply(200, {"ETag": '"stored"'}, answer, stall_after=_number(query, "stall"))


def _serve(query: Query, headers: Mapping[str, str]) -> Reply:
    data = content(int(query["size"]), int(query.get("seed", 1)))
    etag = query.get("etag", '"v1"')
    answer = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    if "noetag" not in query:
        answer["ETag"] = f"W/{etag}" if "weak" in query else etag
    start = _range_start(query, headers, answer)
    status = 200
    if start is not None and start >= len(data):
        return Reply(416, {"Content-Range": f"bytes */{len(data)}"})
    if start is not None:
        status = 206
        start -= int(query.get("wrongrange", 0))
        answer["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    if "corrupt" in query:
        at = int(query["corrupt"])
        data = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
    body = data[start or 0 :] + b"\0" * int(query.get("more", 0))
    if "nolength" in query:
        answer["X-No-Length"] = "1"
        if "cut" in query:  # nobody can tell that this is not the end
            return Reply(status, answer, body[: int(query["cut"])])
    return Reply(status, answer, body, _number(query, "cut"), _number(query, "stall"))


def _range_start(query: Query, headers: Mapping[str, str], answer: Mapping[str, str]) -> int | None:
    """Where the answer begins when a range is to be served."""
    asked = headers.get("range", "")
    if not asked or "norange" in query:
        return None
    if headers.get("if-range", answer.get("ETag")) != answer.get("ETag"):
        return None
    return int(asked.removeprefix("bytes=").removesuffix("-"))


def _number(query: Query, name: str) -> int | None:
    return int(query[name]) if name in query else None
