"""Whatever is sent to the HTTP surface, the answer is never a 5xx, errors are JSON, and no file appears."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from filesync_server.embedded import EmbeddedStore
from tests.server.support import BEARER, FILES, embedded_app

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
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
header_names = st.sampled_from(
    [
        "range",
        "if-none-match",
        "if-range",
        "content-length",
        "content-type",
        "x-amz-checksum-sha256",
        "authorization",
    ]
)
keys = st.text(max_size=30) | st.sampled_from(["a/b", "../x", "a//b", "store/" + "0" * 64])
queries = st.lists(
    st.tuples(st.sampled_from(["exp", "sig", "hdr", "uploadId", "partNumber"]), header_values), max_size=4
)


async def ask(
    app: Any, method: str, path: str, headers: dict[str, str], body: bytes = b"", query: str = ""
) -> Any:
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
        "headers": [(name.encode(), value.encode()) for name, value in ({"host": "x"} | headers).items()],
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


@pytest.fixture
def runner() -> Any:
    with asyncio.Runner() as runner:
        yield runner


@FUZZ
@given(name=st.sampled_from(PATHS), body=raw_bodies)
def test_the_signer_survives_every_body(embedded: EmbeddedStore, runner: Any, name: str, body: bytes) -> None:
    app = embedded_app(embedded)
    headers = {name.lower(): value for name, value in BEARER.items()}
    check(*runner.run(ask(app, "POST", f"/api/v1/{name}", headers, body)), "POST")


@FUZZ
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]),
    key=keys,
    headers=st.dictionaries(header_names, header_values, max_size=4),
    query=queries,
    body=st.binary(max_size=20),
    known=st.booleans(),
)
def test_the_data_plane_survives_every_request(
    embedded: EmbeddedStore,
    runner: Any,
    method: str,
    key: str,
    headers: dict[str, str],
    query: list[tuple[str, str]],
    body: bytes,
    known: bool,
) -> None:
    app = embedded_app(embedded)
    if known:
        headers |= {name.lower(): value for name, value in BEARER.items()}
    text = "&".join(f"{name}={value}" for name, value in query)
    check(*runner.run(ask(app, method, f"{FILES}/{key}", headers, body, text)), method)
    root = embedded.directory.root
    assert list(root.glob("tmp/*.part")) == []
    for blob in root.glob("blobs/*/*"):
        assert blob.stat().st_size <= 20
