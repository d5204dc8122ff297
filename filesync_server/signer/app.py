"""The signer: mints short-lived URLs for an object store, for callers that it has authenticated.

Base calls and extensions are in docs/server.md. Mount the app where you like:

    signer = create_signer(store, authenticate=token_auth(token), allowed_origins=["https://app.example"])
    Starlette(routes=[Mount("/api", signer)])
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..objects import port as stores
from ..objects.admission import Admission
from ..objects.keys import InvalidKeyError, clean_key
from ..objects.port import ObjectStore, ObjectStoreError, SignedRequest, Upload
from ..shared.http import IDLE_TIMEOUT, create_part, error_response, read_json
from ..shared.identity import Action, Authenticate, Identity, identify, require, store_of
from ..shared.pages import Pages
from .batch import BATCH, alone, in_order_of_keys, operations_of, result_of
from .fields import part_numbers, parts_of, text_of, upload_of
from .health import Health

RateLimit: TypeAlias = Callable[[Request], float | Awaitable[float | None] | None]
"""Gets every authenticated request, and each operation of a batch as if it had come alone; answers None (go
on) or the seconds to wait (429)."""

USAGE = "usage"
"""The feature of a signer that counts: `GET /v1/usage`."""

FEATURES = stores.FEATURES | {BATCH, USAGE}
"""The extensions of the signer contract."""


def create_signer(
    store: ObjectStore,
    *,
    authenticate: Authenticate,
    features: Iterable[str] | None = None,
    allowed_origins: Sequence[str] = (),
    allowed_headers: Sequence[str] = (),
    idle_timeout: float = IDLE_TIMEOUT,
    rate_limit: RateLimit | None = None,
    admission: Admission | None = None,
    origin: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """The signer as an ASGI app, without a base path of its own.

    `features` restricts the extensions (default: all that the store has). `origin` (scheme and host) is where
    callers reach this server when that is not what their request says, behind a proxy that rewrites it. Pages
    of `allowed_origins` may call, and send `allowed_headers` beside those of this kit's clients. A body that
    stands still for `idle_timeout` seconds is given up. `admission` has hooks and quotas of uploads.
    """
    allowed = FEATURES if features is None else frozenset(features)
    pages = Pages(allowed_origins, allowed_headers)
    signer = _Signer(
        store,
        authenticate,
        allowed,
        Health(store, clock),
        pages=pages,
        rate_limit=rate_limit,
        admission=admission,
        origin=origin,
        idle_timeout=idle_timeout,
    )
    routes = [
        Route("/health", signer.health, methods=["GET"]),
        *(Route(call.path, signer.endpoint(call), methods=["POST"]) for call in signer.calls),
    ]
    if USAGE in signer.offered:
        routes.append(Route("/v1/usage", signer.usage, methods=["GET"]))
    if BATCH in signer.offered:
        routes.append(Route("/v1/batch", signer.batch, methods=["POST"]))
    return create_part(routes, pages)


_Answer: TypeAlias = dict[str, Any] | None
"""The members of an answer; None is 204."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who calls. `origin` is scheme and host under which they reach this server."""

    identity: Identity
    origin: str

    @property
    def until(self) -> float:
        """Unix time at which every URL ends that is signed for them."""
        expires_at = self.identity.expires_at
        return math.inf if expires_at is None else expires_at


_Handler: TypeAlias = Callable[[str, dict[str, Any], _Caller], Awaitable[_Answer]]
"""Gets the clean key, the body and who calls."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the signer: what it does to the store of its key, and its name in a batch, if any."""

    path: str
    action: Action
    handle: _Handler
    op: str = ""


class _Signer:
    def __init__(
        self,
        store: ObjectStore,
        authenticate: Authenticate,
        allowed: frozenset[str],
        health: Health,
        *,
        pages: Pages,
        rate_limit: RateLimit | None,
        admission: Admission | None,
        origin: str | None,
        idle_timeout: float,
    ) -> None:
        self._store = store
        self._authenticate = authenticate
        self._allowed = allowed
        self._rate_limit = rate_limit
        self._admission = admission
        self._origin = None if origin is None else origin.rstrip("/")
        self._health = health
        self._pages = pages
        self._idle_timeout = idle_timeout

    @property
    def offered(self) -> frozenset[str]:
        """The extensions at this moment; a store may find out that it lacks one."""
        own = {BATCH} if self._admission is None else {BATCH, USAGE}
        return (self._store.features | own) & self._allowed

    @property
    def calls(self) -> Sequence[_Call]:
        """All calls about one key, as far as they are offered."""
        calls = [
            _Call("/v1/sign/upload", "write", self.sign_upload, "upload"),
            _Call("/v1/sign/download", "read", self.sign_download, "download"),
            _Call("/v1/delete", "delete", self.delete, "delete"),
        ]
        if stores.HEAD in self.offered:
            calls.append(_Call("/v1/head", "read", self.head, "head"))
        if stores.MULTIPART in self.offered:
            for name in ("create", "sign", "list", "complete", "abort"):
                handle: _Handler = getattr(self, f"multipart_{name}")
                calls.append(_Call(f"/v1/multipart/{name}", "write", handle))
        return calls

    def endpoint(self, call: _Call) -> Callable[[Request], Awaitable[Response]]:
        """What all calls have in common: who, how often, which body, which key, and the store's errors."""

        async def respond(request: Request) -> Response:
            self._check_page(request)
            caller = await self._admit(request)
            answer = await self._perform(call, await read_json(request, self._idle_timeout), caller)
            return Response(status_code=204) if answer is None else JSONResponse(answer)

        return respond

    async def batch(self, request: Request) -> Response:
        """Several operations, each judged as if it had come alone."""
        self._check_page(request)
        await self._admit(request)
        operations = operations_of(await read_json(request, self._idle_timeout))
        calls = {call.op: call for call in self.calls if call.op}

        async def perform(body: dict[str, Any]) -> _Answer:
            call = calls.get(str(body.get("op")))
            if call is None:
                raise HTTPException(400, f"op must be one of {', '.join(sorted(calls))}")
            return await self._perform(call, body, await self._admit(alone(request, call.path)))

        results = await in_order_of_keys(operations, lambda body: result_of(perform, body))
        return JSONResponse({"results": results})

    def _check_page(self, request: Request) -> None:
        if not self._pages.admit(request, self._origin):
            raise HTTPException(403, "pages of this origin are not allowed")

    async def _admit(self, request: Request) -> _Caller:
        """Who calls; raises HTTPException 401 and 429."""
        identity = await identify(self._authenticate, request)
        await self._check_rate(request)
        return _Caller(identity, self._origin or f"{request.url.scheme}://{request.url.netloc}")

    async def _perform(self, call: _Call, body: dict[str, Any], caller: _Caller) -> _Answer:
        try:
            key = clean_key(body.get("key"))
        except InvalidKeyError as error:
            raise HTTPException(400, str(error)) from None
        require(caller.identity, store_of(key), call.action)
        try:
            return await call.handle(key, body, caller)
        except ObjectStoreError as error:
            raise HTTPException(error.status, str(error)) from error

    async def health(self, _request: Request) -> Response:
        if self._admission is not None:
            self._admission.start()
        trouble = await self._health.trouble()
        headers = {"Cache-Control": "no-store"}
        if trouble:
            return error_response(503, trouble, headers)
        return JSONResponse({"status": "ok", "features": sorted(self.offered)}, headers=headers)

    async def sign_upload(self, key: str, body: dict[str, Any], caller: _Caller) -> _Answer:
        upload = upload_of(key, body, with_checksum=stores.CHECKSUM in self.offered)
        if (upload.content_length or 0) > stores.MAX_PUT_BYTES:
            raise HTTPException(413, f"one PUT takes at most {stores.MAX_PUT_BYTES} bytes; use multipart")
        await self._admit_upload(caller, upload)
        signed = await self._store.sign_upload(upload, caller.origin, caller.until)
        return {"method": signed.method, **_signed(signed)}

    async def sign_download(self, key: str, _body: dict[str, Any], caller: _Caller) -> _Answer:
        return _signed(await self._store.sign_download(key, caller.origin, caller.until))

    async def delete(self, key: str, _body: dict[str, Any], _caller: _Caller) -> _Answer:
        await (self._admission or self._store).delete(key)
        return None

    async def head(self, key: str, _body: dict[str, Any], _caller: _Caller) -> _Answer:
        found = await self._store.head(key)
        if found is None:
            return {"exists": False}
        answer = {"exists": True, "size": found.size, "etag": found.etag}
        return answer | ({"sha256": found.sha256} if found.sha256 else {})

    async def multipart_create(self, key: str, body: dict[str, Any], caller: _Caller) -> _Answer:
        upload = upload_of(key, body, with_checksum=True)
        if upload.content_length is None:
            raise HTTPException(400, "contentLength is missing")
        if upload.content_length > stores.MAX_OBJECT_BYTES:
            raise HTTPException(413, f"an object has at most {stores.MAX_OBJECT_BYTES} bytes")
        await self._admit_upload(caller, upload, in_parts=True)
        new = await self._store.create_multipart(upload)
        return {"uploadId": new.upload_id, "partSize": new.part_size}

    async def multipart_sign(self, key: str, body: dict[str, Any], caller: _Caller) -> _Answer:
        numbers = part_numbers(body)
        upload_id = text_of(body, "uploadId")
        signed = await self._store.sign_parts(key, upload_id, numbers, caller.origin, caller.until)
        expires_at = min(request.expires_at for request in signed)
        parts = [
            {"partNumber": number, "url": request.url, "headers": dict(request.headers)}
            for number, request in zip(numbers, signed, strict=True)
        ]
        return {"parts": parts, "expiresAt": _iso(expires_at)}

    async def multipart_list(self, key: str, body: dict[str, Any], _caller: _Caller) -> _Answer:
        parts = await self._store.list_parts(key, text_of(body, "uploadId"))
        listed = [{"partNumber": part.number, "etag": part.etag, "size": part.size} for part in parts]
        return {"parts": listed}

    async def multipart_complete(self, key: str, body: dict[str, Any], caller: _Caller) -> _Answer:
        upload_id = text_of(body, "uploadId")
        wanted = parts_of(body)
        if self._admission is None:
            return {"etag": await self._store.complete_multipart(key, upload_id, wanted)}
        # Of parts that went straight to S3 nobody has counted the bytes yet.
        size = sum(part.size for part in await self._store.list_parts(key, upload_id))
        await self._admission.admit_parts(caller.identity, key, size)
        etag = await self._store.complete_multipart(key, upload_id, wanted)
        await self._admission.parts_ended(key, size)
        return {"etag": etag}

    async def multipart_abort(self, key: str, body: dict[str, Any], _caller: _Caller) -> _Answer:
        await self._store.abort_multipart(key, text_of(body, "uploadId"))
        if self._admission is not None:
            await self._admission.parts_ended(key, None)
        return None

    async def usage(self, request: Request) -> Response:
        """How much there is, and may be, of who asks, and of a store that it may read."""
        self._check_page(request)
        caller = await self._admit(request)
        store_id = request.query_params.get("store")
        if store_id is not None:
            require(caller.identity, store_id, "read")
        assert self._admission is not None  # noqa: S101 - else there is no such route
        return JSONResponse(await self._admission.usage(caller.identity, store_id))

    async def _admit_upload(self, caller: _Caller, upload: Upload, *, in_parts: bool = False) -> None:
        if self._admission is not None:
            self._admission.start()
            await self._admission.admit(caller.identity, upload, in_parts=in_parts)

    async def _check_rate(self, request: Request) -> None:
        wait = self._rate_limit(request) if self._rate_limit else None
        if inspect.isawaitable(wait):
            wait = await wait
        if wait is not None:
            raise HTTPException(429, "too many requests", {"Retry-After": str(max(1, round(wait)))})


def _signed(request: SignedRequest) -> dict[str, Any]:
    return {"url": request.url, "headers": dict(request.headers), "expiresAt": _iso(request.expires_at)}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
