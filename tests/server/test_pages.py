"""Pages of other sites: what they may ask of which part, also when the browser does not ask before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import HTTPConnection

from filesync_server import (
    ALL_RIGHTS,
    ALL_STORES,
    Compose,
    Hub,
    Identity,
    create_data_plane,
    create_signer,
    create_sync_backend,
    public_access,
)
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.shared.pages import Pages
from filesync_web.livestore.wire import sync_query
from tests.server.support import FILES, TIMEOUT, serving

PAGE = "https://app.example"
COOKIE = {"Cookie": "session=good"}
BODY = b'{"key":"a/b"}'


def by_cookie(request: HTTPConnection) -> Identity | None:
    """A browser sends it by itself, whichever page asks."""
    is_ann = request.cookies.get("session") == "good"
    return Identity("ann", {ALL_STORES: ALL_RIGHTS}) if is_ann else None


@pytest.fixture
async def server(embedded: EmbeddedStore, hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    """All parts, for the pages of one other site, which may send a header of their own."""
    pages = {"allowed_origins": [PAGE], "allowed_headers": ["X-Tenant"]}
    app = Compose(
        {
            "/api": create_signer(embedded, authenticate=by_cookie, **pages),
            FILES: create_data_plane(embedded, authenticate=by_cookie, **pages),
            "/sync": create_sync_backend(hub, authenticate=public_access, **pages),
        }
    )
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers=COOKIE, timeout=TIMEOUT) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 204),
        ({"Content-Type": "application/json; charset=utf-8"}, 204),
        ({"Content-Type": "Application/JSON", "Origin": PAGE}, 204),
        ({"Content-Type": "application/json", "Origin": "same"}, 204),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=application/json"}, 415),
        ({}, 415),
        ({"Content-Type": "text/plain", "Origin": "https://evil.example"}, 403),
        ({"Content-Type": "application/json", "Origin": "https://evil.example"}, 403),
        ({"Content-Type": "application/json", "Origin": "null"}, 403),
        ({"Content-Type": "application/json", "Origin": f"{PAGE}.evil.example"}, 403),
        ({"Content-Type": "application/json", "Origin": "http://["}, 403),
        ({"Content-Type": "application/json", "Origin": ""}, 403),
    ],
)
async def test_a_page_of_another_site_cannot_use_the_cookie(
    server: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    if headers.get("Origin") == "same":
        headers = headers | {"Origin": str(server.base_url).rstrip("/")}
    answer = await server.post("/api/v1/delete", content=BODY, headers=headers)
    assert answer.status_code == status


async def test_health_is_for_everybody(server: httpx.AsyncClient) -> None:
    answer = await server.get("/api/health", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_behind_a_proxy_the_public_origin_is_the_own_one(embedded: EmbeddedStore) -> None:
    signer = create_signer(embedded, authenticate=by_cookie, origin="https://files.example")
    async with serving(signer) as url, httpx.AsyncClient(headers=COOKIE, timeout=TIMEOUT) as client:
        for origin, status in [("https://files.example", 204), ("https://evil.example", 403)]:
            answer = await client.post(f"{url}/v1/delete", json={"key": "a"}, headers={"Origin": origin})
            assert answer.status_code == status


@pytest.mark.parametrize("path", ["/api/v1/sign/upload", f"{FILES}/a", "/sync"])
async def test_pages_may_send_the_headers_that_were_allowed(server: httpx.AsyncClient, path: str) -> None:
    for header, is_allowed in [("x-tenant", True), ("authorization", True), ("x-other", False)]:
        ask = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        answer = await server.options(path, headers=ask | {"Access-Control-Request-Headers": header})
        assert (answer.status_code == 200) is is_allowed, header


@pytest.mark.parametrize(
    ("origin", "host", "is_admitted"),
    [
        ("https://a.example", "a.example", True),
        ("https://a.example", "a.example:443", True),
        ("https://a.example:443", "a.example", True),
        ("https://A.example", "a.EXAMPLE", True),
        ("http://a.example", "a.example:80", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://a.example", "a.example:8443", False),
        ("https://a.example:99999", "a.example:99999", False),
        ("https://a.example", "", False),
        ("null", "null", False),
        ("https://a.example@b.example", "a.example", False),
    ],
)
def test_the_own_origin_is_that_of_the_host(origin: str, host: str, is_admitted: bool) -> None:
    headers = [(b"origin", origin.encode()), (b"host", host.encode())]
    assert Pages().admit(HTTPConnection({"type": "http", "headers": headers})) is is_admitted


async def test_a_malformed_origin_is_refused_by_the_sync_backend(server: httpx.AsyncClient) -> None:
    query = sync_query("store").replace("transport=ws", "transport=http")
    for origin in ("http://[", "https://evil.example", "null"):
        answer = await server.post(f"/sync?{query}", content=b'{"_tag":"Ping"}', headers={"Origin": origin})
        assert answer.status_code == 400
