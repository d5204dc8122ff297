"""`/healthz` and `/readyz`, for what starts and watches the server.

`/healthz` says that the process answers: when it does not, start it anew. `/readyz` says that it can serve:
when it cannot, send its clients elsewhere and leave it alone, since what it lacks is not in the process. Both
are open to everybody and tell no more than that; the reasons of the object store and the database are in the
log.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..objects.port import ObjectStore
from ..shared.http import create_part
from ..signer.health import Health
from ..sync import SyncStorage

_CHECK_TIMEOUT = 5.0
_UNCACHED = {"Cache-Control": "no-store"}

log = logging.getLogger(__name__)


def create_probes(store: ObjectStore, storage: SyncStorage) -> dict[str, ASGIApp]:
    """The two probes under their paths."""
    readiness = _Readiness(Health(store, time.monotonic), storage)
    probes = {"/healthz": _alive, "/readyz": readiness.answer}
    return {path: create_part([Route("/", answer, methods=["GET"])]) for path, answer in probes.items()}


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"}, headers=_UNCACHED)


class _Readiness:
    def __init__(self, store: Health, storage: SyncStorage) -> None:
        self._store = store
        self._storage = storage

    async def answer(self, _request: Request) -> Response:
        problems = [
            problem for problem in await asyncio.gather(self._store.trouble(), self._logs()) if problem
        ]
        if problems:
            return JSONResponse({"status": "not ready", "problems": problems}, 503, _UNCACHED)
        return JSONResponse({"status": "ready"}, headers=_UNCACHED)

    async def _logs(self) -> str:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                await self._storage.logs([])
        except (OSError, TimeoutError) as error:
            log.warning("not ready: the event logs cannot be used: %s", error)
            return "the event logs cannot be used"
        return ""
