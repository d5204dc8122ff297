"""Prometheus metrics at `/metrics`, for who has the `metrics_token`; without one there is no such path.

What is counted, by part (`api`, `files`, `sync`, `site`): requests by method and status, bytes received and
sent, errors by kind; of the sync backend the duration of pushes by their outcome, and how many stores,
connections, live pulls, waiting pushes and waiting bytes there are. Needs the extra `metrics`.

Several workers keep their numbers in a folder that they share (`shared_by_workers`), so each can answer for
all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from filesync_web.livestore.messages import Event, ServerAhead

from ..shared.http import error_response
from ..sync import Hub, SyncStorage
from ..sync.hub import Listener
from ..sync.storage import Rejection

_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LOOK_INTERVAL = 1.0
_PUSH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LOADS = {
    "stores": "Stores in use.",
    "connections": "WebSockets of the sync backend.",
    "live_pulls": "Pulls that hear of every push.",
    "waiting_pushes": "Pushes that wait for their turn, or are being stored.",
    "waiting_bytes": "What waits until slow clients read it.",
}
_KINDS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "stood_still",
    413: "too_large",
    421: "wrong_host",
    429: "rate_limited",
    500: "internal",
    502: "store_refused",
    503: "unavailable",
    507: "no_space",
}
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "WEBSOCKET"})
_TRY_AGAIN = 1013


class Metrics:
    """The numbers of one process; `registry` is where they are."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names: dict[str, Any] = {"namespace": "filesync", "registry": self.registry}
        self._requests = Counter("requests", "Requests answered.", ["part", "method", "status"], **names)
        self._received = Counter("received_bytes", "Bytes of bodies and frames.", ["part"], **names)
        self._sent = Counter("sent_bytes", "Bytes of bodies and frames.", ["part"], **names)
        self._errors = Counter("errors", "What was refused or went wrong.", ["part", "kind"], **names)
        self._pushes = Histogram(
            "push_seconds",
            "From a push's arrival until it is durable and on its way to all who listen.",
            ["outcome"],
            buckets=_PUSH_BUCKETS,
            **names,
        )
        self._loads = {
            name: Gauge(f"sync_{name}", text, multiprocess_mode="livesum", **names)
            for name, text in _LOADS.items()
        }

    def measured(self, part: str, app: ASGIApp) -> ASGIApp:
        """The app, with its requests counted under the name of the part."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await app(scope, receive, send)
                return
            status = 0

            async def receive_counted() -> Message:
                message = await receive()
                self._received.labels(part).inc(_size_of(message))
                return message

            async def send_counted(message: Message) -> None:
                nonlocal status
                status = 101 if message["type"] == "websocket.accept" else message.get("status", status)
                self._sent.labels(part).inc(_size_of(message))
                if message["type"] == "websocket.close" and message.get("code") == _TRY_AGAIN:
                    self._errors.labels(part, "cut_off").inc()
                await send(message)

            try:
                await app(scope, receive_counted, send_counted)
            except Exception:
                status = status or 500
                raise
            finally:
                method = _method_of(scope)
                self._requests.labels(part, method, str(status)).inc()
                if status >= 400:
                    self._errors.labels(part, _KINDS.get(status, "bad_request")).inc()

        return counted

    def hub(self, storage: SyncStorage) -> Hub:
        """A hub over the storage whose pushes are counted and timed."""
        return _MeasuredHub(storage, self)

    def part(self, hub: Hub, token: str) -> ASGIApp:
        """`/metrics` as an app, for who has the token; what the hub has to do is looked at each second."""
        return _create_part(self, hub, token)

    def pushed(self, outcome: str, seconds: float) -> None:
        self._pushes.labels(outcome).observe(seconds)

    def look_at(self, hub: Hub) -> None:
        load = hub.load()
        for name, gauge in self._loads.items():
            gauge.set(getattr(load, name))

    def text(self) -> bytes:
        """All numbers in Prometheus' format: of all workers, where there are several."""
        folder = os.environ.get(_SHARED_FOLDER)
        if folder is None:
            return generate_latest(self.registry)
        _forget_ended_workers(Path(folder))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class _MeasuredHub(Hub):
    """A hub whose pushes are counted and timed."""

    def __init__(self, storage: SyncStorage, metrics: Metrics) -> None:
        super().__init__(storage)
        self._metrics = metrics

    async def append(
        self, store_id: str, batch: Sequence[Event], backend_id: str | None, pusher: Listener | None = None
    ) -> Rejection | None:
        came_at, outcome = time.perf_counter(), "failed"
        try:
            rejection = await super().append(store_id, batch, backend_id, pusher)
            outcome = _outcome(rejection)
            return rejection
        finally:
            self._metrics.pushed(outcome, time.perf_counter() - came_at)


def _create_part(metrics: Metrics, hub: Hub, token: str) -> ASGIApp:
    async def look() -> None:
        while True:
            metrics.look_at(hub)
            await asyncio.sleep(_LOOK_INTERVAL)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(look())
        yield
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking

    async def answer(request: Request) -> Response:
        presented = request.headers.get("authorization", "")
        if not hmac.compare_digest(presented.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "authentication required", {"WWW-Authenticate": "Bearer"})
        metrics.look_at(hub)
        return Response(metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(
        routes=[Route("/", answer, methods=["GET"])],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused},
    )


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return error_response(error.status_code, error.detail, dict(error.headers or {}))


@contextmanager
def shared_by_workers() -> Iterator[None]:
    """For the parent of several workers: a folder for their numbers, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="filesync-metrics-") as folder:
        os.environ[_SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_SHARED_FOLDER]


def _forget_ended_workers(folder: Path) -> None:
    """What a worker has to do is nothing once it has ended; what it has done remains counted."""
    for file in folder.glob("gauge_live*_*.db"):
        found = re.fullmatch(r"gauge_live\w+?_(\d+)\.db", file.name)
        if found and not _runs(int(found[1])):
            multiprocess.mark_process_dead(int(found[1]), str(folder))  # type: ignore[no-untyped-call]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _outcome(rejection: Rejection | None) -> str:
    if rejection is None:
        return "accepted"
    return "server_ahead" if isinstance(rejection, ServerAhead) else "backend_id_mismatch"


def _method_of(scope: Scope) -> str:
    """A name of few: else whoever asks could make as many numbers as there are words."""
    method = scope.get("method", "WEBSOCKET")
    return method if method in _METHODS else "OTHER"


def _size_of(message: Message) -> int:
    data = message.get("body") or message.get("bytes") or b""
    return len(data) + len((message.get("text") or "").encode())
