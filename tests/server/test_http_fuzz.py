"""Whatever is sent to the HTTP surface, the answer is never a 5xx, errors are JSON, and no file appears.

Some thousand requests to all parts together are a soak; a few hundred are in every run.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from filesync_server import Compose, create_data_plane, create_signer, create_site, token_auth
from filesync_server.command.access_log import AccessLog
from filesync_server.command.connections import WatchedConnection
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.shared.hosts import HostCheck
from filesync_server.sync import Hub, SqliteStorage, create_sync_backend
from tests.server.http_inputs import (
    KNOWN,
    ORIGIN,
    PATHS,
    Headers,
    all_header_lists,
    header_names,
    header_values,
    keys,
    queries,
    raw_bodies,
    raw_names,
    raw_paths,
    raw_text,
    raw_values,
    requests,
)
from tests.server.support import FILES, TIMEOUT, TOKEN, embedded_app, serving


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
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MUCH_FUZZ = settings(FUZZ, max_examples=5000)


@pytest.fixture
def runner() -> Any:
    with asyncio.Runner() as runner:
        yield runner


@FUZZ
@given(name=st.sampled_from(PATHS), body=raw_bodies)
def test_the_signer_survives_every_body(embedded: EmbeddedStore, runner: Any, name: str, body: bytes) -> None:
    app = embedded_app(embedded)
    check(*runner.run(ask(app, "POST", f"/api/v1/{name}", KNOWN, body)), "POST")


@FUZZ
@given(name=st.sampled_from(PATHS), body=raw_bodies, headers=all_header_lists, query=queries)
def test_the_signer_survives_all_headers_and_queries(
    embedded: EmbeddedStore,
    runner: Any,
    name: str,
    body: bytes,
    headers: Headers,
    query: list[tuple[str, str]],
) -> None:
    app = embedded_app(embedded)
    text = "&".join(f"{name}={value}" for name, value in query)
    for more in ([], KNOWN):
        check(*runner.run(ask(app, "POST", f"/api/v1/{name}", [*more, *headers], body, text)), "POST")


@FUZZ
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]),
    key=keys,
    headers=all_header_lists,
    query=queries,
    body=st.binary(max_size=20),
    known=st.booleans(),
)
def test_the_data_plane_survives_every_request(
    embedded: EmbeddedStore,
    runner: Any,
    method: str,
    key: str,
    headers: Headers,
    query: list[tuple[str, str]],
    body: bytes,
    known: bool,
) -> None:
    app = embedded_app(embedded)
    if known:
        headers = [*KNOWN, *headers]
    text = "&".join(f"{name}={value}" for name, value in query)
    check(*runner.run(ask(app, method, f"{FILES}/{key}", headers, body, text)), method)
    root = embedded.directory.root
    assert list(root.glob("tmp/*.part")) == []
    for blob in root.glob("blobs/*/*"):
        assert blob.stat().st_size <= 20


@FUZZ
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
    key=st.sampled_from(["a/b", "c", "store/" + "0" * 64]),
    bound=st.dictionaries(header_names, header_values, max_size=3),
    part=st.none() | st.tuples(st.text(max_size=20), st.integers()),
    headers=all_header_lists,
    query=queries,
    body=st.binary(max_size=20),
)
def test_the_data_plane_survives_every_signed_url(
    embedded: EmbeddedStore,
    runner: Any,
    method: str,
    key: str,
    bound: dict[str, str],
    part: tuple[str, int] | None,
    headers: Headers,
    query: list[tuple[str, str]],
    body: bytes,
) -> None:
    """Of a signer that signs anything."""
    app = embedded_app(embedded)
    signed = embedded.urls.sign(
        "GET" if method == "HEAD" else method, key, lifetime=60, headers=bound, part=part
    )
    text = urlencode(signed) + "".join(f"&{name}={value}" for name, value in query)
    answer = runner.run(ask(app, method, f"{FILES}/{key}", [*bound.items(), *headers], body, text))
    check(*answer, method)
    if method == "PUT" and answer[0] == 200 and part is None:
        path = f"{FILES}/{key}"
        read = runner.run(ask(app, "GET", path, KNOWN))
        check(*read, "GET")


# --- raw bytes ----------------------------------------------------------------------------------------------


async def answered(url: str, data: bytes) -> bytes:
    """The first line of what the server says, empty when it hangs up."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        async with asyncio.timeout(TIMEOUT):
            return await reader.readline()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@settings(FUZZ, max_examples=50)
@given(
    method=st.sampled_from([b"GET", b"PUT", b"POST", b"HEAD", b"OPTIONS"]) | raw_text,
    path=raw_paths,
    query=raw_text,
    headers=st.lists(st.tuples(raw_names, raw_values), max_size=4),
    known=st.booleans(),
    body=raw_bodies,
)
def test_no_bytes_on_the_wire_are_answered_with_a_5xx(
    embedded: EmbeddedStore,
    runner: Any,
    method: bytes,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    known: bool,
    body: bytes,
) -> None:
    async def exchange() -> bytes:
        async with serving(embedded_app(embedded), http=partial(WatchedConnection, 0.2)) as url:
            lines = [b"%s %s?%s HTTP/1.1" % (method, path, query), b"Content-Length: %d" % len(body)]
            if known:
                lines += [f"{name}: {value}".encode() for name, value in KNOWN]
            lines += [b"%s: %s" % header for header in headers]
            return await answered(url, b"\r\n".join(lines) + b"\r\n\r\n" + body)

    assert not re.match(rb"HTTP/1\.1 5", runner.run(exchange()))


# --- all parts together -------------------------------------------------------------------------------------


class Surface:
    """Every part of the server in one app, with a site beside a file that is not for the world."""

    def __init__(self, folder: Path, runner: Any) -> None:
        self.run = runner.run
        self.secret = folder / "secret.txt"
        self.secret.write_bytes(b"nobody may read this")
        site = folder / "site"
        site.mkdir()
        (site / "index.html").write_text("<p>site</p>")
        (site / "script.js").write_text("1")
        (site / "link").symlink_to(self.secret)
        self.store = EmbeddedStore(folder / "objects")
        self.hub = Hub(SqliteStorage(folder / "sync.sqlite"))
        authenticate, origins = token_auth(TOKEN), [ORIGIN]
        plane = create_data_plane(
            self.store, authenticate=authenticate, allowed_origins=origins, max_bytes=1000
        )
        parts = Compose(
            {
                "/api": create_signer(self.store, authenticate=authenticate, allowed_origins=origins),
                FILES: plane,
                "/sync": create_sync_backend(self.hub, authenticate=authenticate, allowed_origins=origins),
                "/": create_site(site),
            }
        )
        self.app = AccessLog(HostCheck(parts, ["x"]))
        self.files = self._files()

    def send(
        self,
        method: str,
        path: str,
        headers: Headers,
        query: list[tuple[str, str]],
        body: bytes,
        known: bool,
    ) -> None:
        if known:
            headers = [("host", "localhost"), *KNOWN, *headers]
        text = "&".join(f"{name}={value}" for name, value in query)
        status, answer, content = self.run(ask(self.app, method, path, headers, body, text))
        if answer.get(b"content-type", b"").startswith(b"text/plain"):
            assert (
                status < 500
            )  # a refused preflight is the CORS middleware's, and the sync backend has no JSON
        else:
            check(status, answer, content, method)
        assert self.secret.read_bytes() not in content

    def close(self) -> None:
        """Nothing but objects and event logs was written, and everything ends."""
        assert self._files() == self.files
        assert list(self.store.directory.root.glob("tmp/*.part")) == []
        self.run(self.hub.close())
        self.run(self.store.close())

    def _files(self) -> set[Path]:
        top = self.secret.parent
        kept = {"objects", "sync.sqlite", "sync.sqlite-wal", "sync.sqlite-shm"}
        return {path for path in top.rglob("*") if path.relative_to(top).parts[0] not in kept}


@pytest.fixture
def whole(tmp_path: Path, runner: Any) -> Iterator[Surface]:
    surface = Surface(tmp_path, runner)
    yield surface
    surface.close()


@FUZZ
@given(request=requests)
def test_the_whole_surface_survives_everything(whole: Surface, request: dict[str, Any]) -> None:
    whole.send(**request)


@pytest.mark.soak(minutes=2)
@MUCH_FUZZ
@given(request=requests)
def test_the_whole_surface_survives_5000_requests(whole: Surface, request: dict[str, Any]) -> None:
    """5,000 requests to signer, data plane, sync over HTTP, site and health: no 5xx, no stray file."""
    whole.send(**request)
