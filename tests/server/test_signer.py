"""The signer around the store: who may call it, from which page, how often, and what it says."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.routing import Mount

from filesync_server import ALL_RIGHTS, Identity, create_signer, public_access, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from filesync_server.objects.port import StoreUnavailableError
from tests.harness.waiting import until
from tests.server.support import (
    BEARER,
    JSON,
    TIMEOUT,
    TOKEN,
    Clock,
    Deployment,
    deployed,
    embedded_app,
    serving,
)

CALLS = ["sign/upload", "sign/download", "delete", "head", "multipart/create", "multipart/sign"]
CALLS += ["batch", "multipart/list", "multipart/complete", "multipart/abort"]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:
        yield client


async def test_without_the_token_everything_is_401(plane: Deployment) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"X-Worker-Auth": "wrong"},
    ]
    for name in CALLS:
        for headers in wrong:
            url = f"{plane.url}/api/v1/{name}"
            answer = await plane.client.post(url, json={"key": "a"}, headers=headers)
            assert answer.status_code == 401, (name, headers)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["error"]


@pytest.mark.parametrize("headers", [BEARER, {"X-Worker-Auth": TOKEN}, {"Authorization": f"bearer {TOKEN}"}])
async def test_both_header_forms_are_accepted(plane: Deployment, headers: dict[str, str]) -> None:
    answer = await plane.client.post(f"{plane.url}/api/v1/sign/download", json={"key": "a"}, headers=headers)
    assert answer.status_code == 200


async def test_a_callback_decides_by_store(embedded: EmbeddedStore, client: httpx.AsyncClient) -> None:
    async def authenticate(request: HTTPConnection) -> Identity | None:
        user = request.headers.get("x-user")
        return Identity(user, {user: ALL_RIGHTS}) if user else None

    async with serving(embedded_app(embedded, authenticate=authenticate)) as url:

        async def status(key: str, user: str | None) -> int:
            headers = {"x-user": user} if user else {}
            body = {"key": key}
            return (await client.post(f"{url}/api/v1/sign/upload", json=body, headers=headers)).status_code

        assert await status("ann/x", "ann") == 200
        assert await status("ann2/x", "ann") == 403
        assert await status("other", "ann") == 403
        assert await status("ann/x", None) == 401


async def test_each_token_has_its_own_stores(embedded: EmbeddedStore) -> None:
    tokens = {"first-token": Identity("first", {"b": ALL_RIGHTS}), TOKEN: Identity("ann", {"a": ALL_RIGHTS})}
    async with deployed(embedded_app(embedded, authenticate=token_auth(tokens)), embedded) as deployment:
        assert (await deployment.call("sign/upload", key="a/x")).status_code == 200
        assert (await deployment.call("sign/upload", key="b/x")).status_code == 403


async def test_a_right_is_needed_for_each_call(embedded: EmbeddedStore) -> None:
    needed = {"sign/upload": "write", "sign/download": "read", "head": "read", "delete": "delete"}
    needed |= {f"multipart/{name}": "write" for name in ("create", "sign", "list", "complete", "abort")}
    assert set(CALLS) == {*needed, "batch"}
    for right in sorted(ALL_RIGHTS):
        tokens = {TOKEN: Identity("ann", {"a": [right]})}
        async with deployed(embedded_app(embedded, authenticate=token_auth(tokens)), embedded) as deployment:
            for name, action in needed.items():
                status = (await deployment.call(name, key="a/x", contentLength=1)).status_code
                assert (status == 403) is (action != right), (name, right, status)


async def test_unknown_routes_and_methods_answer_json(plane: Deployment) -> None:
    for path, method, status in [
        ("/api/v1/nothing", "POST", 404),
        ("/api/v1/delete", "GET", 405),
        ("/api/health", "POST", 405),
        ("/apiX/health", "GET", 404),
    ]:
        answer = await plane.client.request(method, plane.url + path, headers=BEARER)
        assert answer.status_code == status
        assert answer.json()["error"]


async def test_a_huge_body_is_413(plane: Deployment) -> None:
    content = b'{"key":"' + b"x" * 1024**2 + b'"}'
    answer = await plane.client.post(f"{plane.url}/api/v1/delete", content=content, headers=BEARER | JSON)
    assert answer.status_code == 413


@pytest.mark.parametrize("nesting", [b"[", b'{"a":', b"[" * 300 + b"]" * 300 + b"["])
async def test_a_deeply_nested_body_is_400(plane: Deployment, nesting: bytes) -> None:
    content = b'{"key":"a","more":' + nesting * (900_000 // len(nesting))
    answer = await plane.client.post(f"{plane.url}/api/v1/delete", content=content, headers=BEARER | JSON)
    assert answer.status_code == 400
    deep = b'{"key":"a","more":' + b"[" * 300 + b"]" * 300 + b"}"
    answer = await plane.client.post(f"{plane.url}/api/v1/delete", content=deep, headers=BEARER | JSON)
    assert answer.status_code == 400


async def test_features_can_be_left_out(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded, features=["head"]), embedded) as deployment:
        health = await deployment.client.get(f"{deployment.url}/api/health")
        assert health.json()["features"] == ["head"]
        assert (await deployment.call("multipart/create", key="a", contentLength=1)).status_code == 404
        assert (await deployment.call("batch", requests=[{"op": "head", "key": "a"}])).status_code == 404
        signed = await deployment.sign("sign/upload", key="a", sha256="0" * 64)
        assert signed["headers"] == {}


async def test_cors_is_for_the_listed_origins(embedded: EmbeddedStore, client: httpx.AsyncClient) -> None:
    page = "https://app.example"
    async with serving(embedded_app(embedded, allowed_origins=[page])) as url:
        for path, method in [("/api/v1/sign/upload", "POST"), ("/livestore-filesync-files/a", "PUT")]:
            ask = {
                "Origin": page,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,if-none-match,x-amz-checksum-sha256",
            }
            preflight = await client.options(url + path, headers=ask)
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == page
            assert method in preflight.headers["access-control-allow-methods"]
            stranger = await client.options(url + path, headers=ask | {"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in stranger.headers
            refused = await client.request(method, url + path, headers={"Origin": page}, json={"key": "a"})
            assert refused.status_code == 401
            assert refused.headers["access-control-allow-origin"] == page
            exposed = refused.headers["access-control-expose-headers"]
            assert {"ETag", "Content-Range", "Content-Length", "Date", "Retry-After"} <= {
                name.strip() for name in exposed.split(",")
            }
            assert refused.headers["access-control-allow-credentials"] == "true"


async def test_a_wildcard_origin_has_no_credentials(
    embedded: EmbeddedStore, client: httpx.AsyncClient
) -> None:
    async with serving(embedded_app(embedded, allowed_origins=["*"])) as url:
        answer = await client.get(f"{url}/api/health", headers={"Origin": "https://any.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


async def test_the_rate_limit_hook(embedded: EmbeddedStore) -> None:
    seen: list[str] = []

    async def limit(request: Request) -> float | None:
        seen.append(request.url.path)
        return 2.4 if len(seen) > 1 else None

    async with deployed(embedded_app(embedded, rate_limit=limit), embedded) as deployment:
        assert (await deployment.call("head", key="a")).status_code == 200
        answer = await deployment.call("head", key="a")
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "2"


def statuses(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


async def test_a_batch_may_do_what_its_operations_may_do_alone(embedded: EmbeddedStore) -> None:
    def authenticate(request: HTTPConnection) -> Identity | None:
        is_delete = request.url.path.endswith("/api/v1/delete")
        return None if is_delete else Identity("ann", {"mine": ALL_RIGHTS})

    asked = [{"op": op, "key": key} for key in ("mine/a", "other/a") for op in ("head", "download", "delete")]
    async with deployed(embedded_app(embedded, authenticate=authenticate), embedded) as deployment:
        assert statuses(await deployment.call("batch", requests=asked)) == [200, 200, 401, 403, 403, 401]


async def test_each_operation_of_a_batch_counts_for_the_rate_limit(embedded: EmbeddedStore) -> None:
    seen: list[str] = []

    def limit(request: Request) -> float | None:
        seen.append(request.url.path)
        return 7 if len(seen) > 3 else None

    async with deployed(embedded_app(embedded, rate_limit=limit), embedded) as deployment:
        asked = [{"op": "head", "key": f"a/{number}"} for number in range(4)]
        answer = await deployment.call("batch", requests=asked)
        assert statuses(answer) == [200, 200, 429, 429]
        assert answer.json()["results"][2]["retryAfter"] == 7
        assert seen == ["/api/v1/batch", *["/api/v1/head"] * 4]
        assert (await deployment.call("batch", requests=asked)).status_code == 429


async def test_a_batch_without_the_extension_head_has_no_such_operation(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded, features=["batch"]), embedded) as deployment:
        asked = [{"op": op, "key": "a"} for op in ("head", "download")]
        assert statuses(await deployment.call("batch", requests=asked)) == [400, 200]


async def test_the_origin_of_urls_follows_the_request_or_the_setting(embedded: EmbeddedStore) -> None:
    async with deployed(embedded_app(embedded), embedded) as deployment:
        signed = await deployment.sign("sign/upload", key="a")
        assert signed["url"].startswith(f"{deployment.url}/livestore-filesync-files/a?")
    async with deployed(embedded_app(embedded, origin="https://files.example/"), embedded) as deployment:
        signed = await deployment.sign("sign/upload", key="a")
        assert signed["url"].startswith("https://files.example/livestore-filesync-files/a?")


class _CountingStore:
    """A store of which only the health matters."""

    features = frozenset[str]()

    def __init__(self) -> None:
        self.asked = 0
        self.healthy = True
        self.hold = asyncio.Event()
        self.hold.set()

    async def check(self) -> None:
        self.asked += 1
        await self.hold.wait()
        if not self.healthy:
            raise StoreUnavailableError("down")


async def test_health_does_not_hammer_the_store(client: httpx.AsyncClient) -> None:
    store: Any = _CountingStore()
    clock = Clock()
    signer = create_signer(store, authenticate=public_access, clock=clock)
    async with serving(Starlette(routes=[Mount("/api", signer)])) as url:
        store.hold.clear()
        asks = [asyncio.create_task(client.get(f"{url}/api/health")) for _ in range(20)]
        await until(lambda: store.asked, "the store was asked")
        store.hold.set()
        assert {answer.status_code for answer in await asyncio.gather(*asks)} == {200}
        assert store.asked == 1
        store.healthy = False
        clock.now += 5
        down = await client.get(f"{url}/api/health")
        assert down.status_code == 503
        assert down.json()["error"]
        assert store.asked == 2


async def test_a_failing_store_is_a_5xx_with_a_json_error(client: httpx.AsyncClient) -> None:
    class Broken(_CountingStore):
        async def delete(self, _key: str) -> None:
            raise StoreUnavailableError("the store is away")

    store: Any = Broken()
    signer = create_signer(store, authenticate=public_access)
    async with serving(Starlette(routes=[Mount("/base", signer)])) as url:
        answer = await client.post(f"{url}/base/v1/delete", json={"key": "a"})
        assert answer.status_code == 503
        assert answer.json() == {"error": "the store is away"}


async def test_what_fails_in_a_batch_fails_alone(client: httpx.AsyncClient) -> None:
    class Broken(_CountingStore):
        running = most = 0

        async def delete(self, key: str) -> None:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            if key == "away":
                raise StoreUnavailableError("the store is away")
            if key == "bug":
                raise RuntimeError("a secret of the server")
            if key == "full":
                raise OSError(errno.ENOSPC, "no space")

    store: Any = Broken()
    signer = create_signer(store, authenticate=public_access)
    async with serving(Starlette(routes=[Mount("/base", signer)])) as url:
        keys = ["away", "bug", "full", *(f"a/{number}" for number in range(50))]
        asked = [{"op": "delete", "key": key} for key in keys]
        answer = await client.post(f"{url}/base/v1/batch", json={"requests": asked})
        assert statuses(answer) == [503, 500, 507, *[204] * 50]
        assert answer.json()["results"][1] == {"status": 500, "error": "internal error"}
    assert 1 < store.most <= 8


async def test_operations_of_one_key_are_done_in_their_order(client: httpx.AsyncClient) -> None:
    class Slow(_CountingStore):
        features = frozenset({"head"})

        def __init__(self) -> None:
            super().__init__()
            self.done: list[str] = []

        async def delete(self, key: str) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            self.done.append("delete")

        async def head(self, key: str) -> None:
            self.done.append("head")

    store: Any = Slow()
    async with serving(create_signer(store, authenticate=public_access)) as url:
        asked = [{"op": "delete", "key": "/a"}, {"op": "head", "key": "a"}]
        assert statuses(await client.post(f"{url}/v1/batch", json={"requests": asked})) == [204, 200]
    assert store.done == ["delete", "head"]
