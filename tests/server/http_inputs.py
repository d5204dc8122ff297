"""What may be sent over HTTP, for the tests that send anything: bodies, headers, queries, paths."""

from __future__ import annotations

import json
from typing import TypeAlias

from hypothesis import strategies as st

from tests.server.support import FILES, TOKEN

Headers: TypeAlias = list[tuple[str, str]]

PATHS = ["sign/upload", "sign/download", "delete", "head", "batch"]
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
    "requests",
    "op",
    "etag",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars | st.sampled_from(["a/b", "0" * 64, "store/" + "0" * 64, "head", "delete", "upload", "download"]),
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


KNOWN = [("authorization", f"Bearer {TOKEN}"), ("content-type", "application/json")]

# --- raw bytes ----------------------------------------------------------------------------------------------

raw_text = st.binary(max_size=20).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
raw_names = raw_text | header_names.map(str.encode)
raw_values = raw_text | header_values.map(lambda value: value.encode("latin-1"))
raw_paths = raw_text | st.sampled_from([f"{FILES}/a/b".encode(), b"/api/v1/delete", b"/api/health", b"/api"])

# --- all parts together -------------------------------------------------------------------------------------

ORIGIN = "https://app.example"
odd_names = st.text(max_size=20) | st.sampled_from(["..", "%2e%2e", "a\\b", ".", "~", "link", "index.html"])
odd_paths = st.lists(odd_names, max_size=4).map("/".join)
surface = (
    st.sampled_from(["/", "/api/health", "/sync", "/sync/", "/index.html", "/script.js", "//", "/api", FILES])
    | st.sampled_from(PATHS).map(lambda name: f"/api/v1/{name}")
    | st.tuples(st.sampled_from(["/", "/api/", "/api/v1/", "/sync/", f"{FILES}/"]), odd_paths).map("".join)
)
methods = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
all_queries = st.lists(
    st.tuples(
        st.sampled_from(["storeId", "transport", "payload", "exp", "sig", "hdr", "uploadId", "partNumber"]),
        query_values | st.sampled_from(["http", "ws", "store", json.dumps({"authToken": TOKEN}), "1e400"]),
    ),
    max_size=5,
)
rpc_messages = st.fixed_dictionaries(
    {
        "_tag": st.sampled_from(["Request", "Ping", "Ack", "Interrupt", "Eof"]),
        "id": scalars,
        "tag": st.sampled_from([f"SyncHttpRpc.{name}" for name in ("Pull", "Push", "Ping", "No")]),
        "payload": st.dictionaries(st.sampled_from(["storeId", "batch", "backendId", "cursor"]), values),
        "headers": st.just([]),
    }
)
rpc_bodies = st.lists(rpc_messages, max_size=3).map(lambda value: json.dumps(value).encode())
more_headers = st.sampled_from(
    [
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
        "accept-encoding",
        "x-livestore-store-id",
        "x-worker-auth",
        "x-forwarded-for",
        "transfer-encoding",
        "cookie",
        "expect",
    ]
)
all_headers = st.lists(st.tuples(header_names | more_headers, header_values | st.just(ORIGIN)), max_size=6)
requests = st.fixed_dictionaries(
    {
        "method": methods,
        "path": surface,
        "headers": all_headers,
        "query": all_queries,
        "body": raw_bodies | rpc_bodies,
        "known": st.booleans(),
    }
)
