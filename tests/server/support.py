"""What the server's tests share: a real uvicorn in the test's own loop, a clock, a deployment to call."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from filesync_server import Compose, ObjectStore, create_data_plane, create_signer, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from tests.harness.waiting import until

TOKEN = "a-token-for-tests-only"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
FILES = "/livestore-filesync-files"
TIMEOUT = 30.0
"""Seconds to wait for an answer, which takes milliseconds on a quiet machine."""


class Clock:
    """Unix time that moves when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield  # the test's process keeps its own

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110 - uvicorn's own loop, with a shorter tick
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Serve the app on a free port while the block runs; gives the origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, ws_max_size=1024**2, **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or task.done(), "the server has started")
        if task.done():
            await task
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Deployment:
    """A signer and its data plane, and a client that has the token."""

    url: str
    client: httpx.AsyncClient
    store: Any = None
    deviations: frozenset[Any] = frozenset()

    async def call(self, name: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{self.url}/api/v1/{name}", json=body, headers=BEARER)

    async def sign(self, name: str, **body: Any) -> dict[str, Any]:
        answer = await self.call(name, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, signed: dict[str, Any], data: bytes, **headers: str) -> httpx.Response:
        """Make a signed request, with its headers, from a client that has no token."""
        method = signed.get("method", "PUT")
        headers = signed.get("headers", {}) | headers
        return await self.client.request(method, signed["url"], content=data, headers=headers)

    async def put(self, key: str, data: bytes, **fields: Any) -> httpx.Response:
        return await self.send(await self.sign("sign/upload", key=key, **fields), data)

    async def get(self, key: str, **headers: str) -> httpx.Response:
        signed = await self.sign("sign/download", key=key)
        return await self.client.get(signed["url"], headers=signed.get("headers", {}) | headers)


def embedded_app(store: EmbeddedStore, **signer: Any) -> ASGIApp:
    authenticate = signer.pop("authenticate", token_auth(TOKEN))
    plane = {
        "max_bytes": signer.pop("max_bytes", 64 * 1024**2),
        "allowed_origins": signer.get("allowed_origins", ()),
        "idle_timeout": signer.get("idle_timeout", TIMEOUT),
    }
    return Compose(
        {
            "/api": create_signer(store, authenticate=authenticate, **signer),
            FILES: create_data_plane(store, authenticate=authenticate, **plane),
        }
    )


@contextlib.asynccontextmanager
async def deployed(app: ASGIApp, store: ObjectStore) -> AsyncIterator[Deployment]:
    async with serving(app) as url, httpx.AsyncClient(timeout=TIMEOUT) as client:
        yield Deployment(url, client, store)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashed_key(data: bytes, store: str = "store") -> str:
    return f"{store}/{sha256(data)}"


DATA = bytes(range(256)) * 4
KEY = hashed_key(DATA)


def files_left(store: EmbeddedStore) -> list[str]:
    """Everything on disk that is bytes of somebody: blobs, parts, temporaries."""
    root = store.directory.root
    found = [*root.glob("blobs/*/*"), *root.glob("parts/*/*"), *root.glob("tmp/*.part")]
    return sorted(path.name for path in found)
