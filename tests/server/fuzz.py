"""What is sent to the HTTP surface in fuzz tests, how it is sent, and what must hold of every answer."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.server.support import TOKEN

PATHS = ["sign/upload", "sign/download", "delete", "head"]
PATHS += [f"multipart/{name}" for name in ("create", "sign", "list", "complete", "abort")]
MEMBERS = [
    "key",
    "contentType",
    "contentLength",
    "sha256",
    "uploadId",
    "partNumbers",
    "parts",
    "partNumber",
    "etag",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars | st.sampled_from(["a/b", "0" * 64, "store/" + "0" * 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=7) | values
raw_bodies = bodies.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
any_value = st.text(
    st.characters(min_codepoint=9, max_codepoint=255, exclude_characters="\n\v\f\r"), max_size=40
)
header_values = any_value | st.sampled_from(
    [
        "bytes=0-",
        "bytes=" + "9" * 5000 + "-",
        "bytes=-" + "9" * 18,
        "*",
        '"' + "0" * 64 + '"',
        "9" * 400,
        "-1",
        "0",
        "1e3",
        "\xb2",
        "http://[",
        "http://[::1",
        "https://a.example:99999",
        "null",
        "multipart/form-data",
        "application/json",
        "Bearer",
        "Bearer " + "." * 300,
        f"Bearer {TOKEN}",
        "A" * 44,
        "=" * 44,
        "localhost:x",
        "[::1]:8000",
        "gzip;q=0, br;q=\xbd",
    ]
)
token_names = st.text("abcdefghijklmnopqrstuvwxyz-_.0123456789!#$%&'*+^`|~", min_size=1, max_size=20)
header_names = token_names | st.sampled_from(
    [
        "range",
        "if-none-match",
        "if-match",
        "if-range",
        "if-modified-since",
        "content-length",
        "content-type",
        "content-encoding",
        "x-amz-checksum-sha256",
        "authorization",
        "x-worker-auth",
        "origin",
        "host",
        "cookie",
    ]
)
escaped = st.binary(max_size=6).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw))
query_values = (
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=30)
    | escaped
    | st.sampled_from(["", "9" * 5000, "-1", "1e400", "%", "%zz", "%ud800", "%00", "%ff", "%0d%0a", "+"])
)
keys = st.text(max_size=30) | st.sampled_from(["a/b", "../x", "a//b", "store/" + "0" * 64])
query_names = st.sampled_from(["exp", "sig", "hdr", "uploadId", "partNumber"]) | query_values
queries = st.lists(st.tuples(query_names, query_values), max_size=5)
all_header_lists = st.lists(st.tuples(header_names, header_values), max_size=5)


Headers = list[tuple[str, str]]
KNOWN = [("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json")]


async def ask(app: Any, method: str, path: str, headers: Headers, body: bytes = b"", query: str = "") -> Any:
    """One request straight to the ASGI app, so that nothing tidies it up; status, headers and body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    messages: list[Any] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0) if incoming else await asyncio.Future()

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    for name, value in messages[0]["headers"]:
        assert not re.search(rb"[\r\n\0]", name + value), "it would end the header, or the connection"
    answer = dict(messages[0]["headers"])
    return messages[0]["status"], answer, b"".join(message.get("body", b"") for message in messages[1:])


def check(status: int, headers: dict[bytes, bytes], body: bytes, method: str) -> None:
    assert status < 500, body
    if status >= 400 and method != "HEAD":
        assert headers[b"content-type"] == b"application/json"
        assert isinstance(json.loads(body)["error"], str)


FUZZ = settings(
    max_examples=200,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MUCH_FUZZ = settings(FUZZ, max_examples=5000)
