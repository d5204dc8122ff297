"""The embedded data plane: `PUT`, `GET` and `HEAD` of objects in a directory, by signed URL or with a token.

Streams both ways with bounded memory (`uploads`, `downloads`).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..shared.disk import is_full
from ..shared.http import IDLE_TIMEOUT, create_part
from ..shared.identity import (
    Authenticate,
    Identity,
    identify,
    presented_token,
    public_access,
    require,
    store_of,
)
from ..shared.pages import Pages
from .admission import Admission
from .downloads import Downloads
from .embedded.store import EmbeddedStore
from .embedded.url_signing import ExpiredUrlError, InvalidSignatureError
from .keys import InvalidKeyError, clean_key
from .port import MAX_PUT_BYTES, ObjectStoreError, Upload
from .uploads import Uploads, content_length, drain

_REFUSED_BODY_BYTES = 32 * 1024**2
"""How much of a refused body is read, so that the client sees the answer."""


def create_data_plane(
    store: EmbeddedStore,
    *,
    authenticate: Authenticate,
    allowed_origins: Sequence[str] = (),
    allowed_headers: Sequence[str] = (),
    max_bytes: int = MAX_PUT_BYTES,
    admission: Admission | None = None,
    idle_timeout: float = IDLE_TIMEOUT,
) -> ASGIApp:
    """The data plane as an ASGI app; mount it at `store.files_path`.

    One `PUT` takes at most `max_bytes`, and is given up when it stands still for `idle_timeout` seconds.
    Pages of `allowed_origins` may use it, and send `allowed_headers` beside those of this kit's clients.
    `admission`, the signer's, has hooks and quotas of uploads.
    """
    uploads = Uploads(store, max_bytes, idle_timeout)
    plane = _DataPlane(store, authenticate, uploads, idle_timeout, admission)
    routes = [Route("/{key:path}", plane.handle, methods=["GET", "HEAD", "PUT"])]
    return create_part(routes, Pages(allowed_origins, allowed_headers))


class _DataPlane:
    def __init__(
        self,
        store: EmbeddedStore,
        authenticate: Authenticate,
        uploads: Uploads,
        idle_timeout: float,
        admission: Admission | None,
    ) -> None:
        self._store = store
        self._authenticate = authenticate
        self._uploads = uploads
        self._downloads = Downloads(store)
        self._idle_timeout = idle_timeout
        self._admission = admission

    async def handle(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except InvalidKeyError as error:
            refusal = HTTPException(400, str(error))
        except ObjectStoreError as error:
            refusal = HTTPException(error.status, str(error))
        except OSError as error:
            if not is_full(error):
                raise
            refusal = HTTPException(507, "there is no room for this object")
        except HTTPException as error:
            refusal = error
        if request.method == "PUT" and refusal.status_code != 408:
            await drain(request, _REFUSED_BODY_BYTES, self._idle_timeout)
        raise refusal

    async def _answer(self, request: Request) -> Response:
        key = clean_key(request.path_params["key"])
        identity = await self._authorise(request, key)
        if request.method != "PUT":
            needed_token = "sig" not in request.query_params and self._authenticate is not public_access
            return await self._downloads.get(request, key, is_private=needed_token)
        if "uploadId" in request.query_params:
            return await self._uploads.put_part(request, key)
        if self._admission is None:
            return await self._uploads.put(request, key)
        return await self._put_admitted(self._admission, identity, request, key)

    async def _put_admitted(
        self, admission: Admission, identity: Identity | None, request: Request, key: str
    ) -> Response:
        admission.start()
        if identity is not None:  # else the signer has admitted it, when it signed the URL
            content_type = request.headers.get("content-type") or None
            await admission.admit(identity, Upload(key, content_type, content_length(request)))
        response = await self._uploads.put(request, key)
        stored = await self._store.find(key)
        if stored is not None:  # else somebody has removed it already
            await admission.arrived(key, stored.size)
        return response

    async def _authorise(self, request: Request, key: str) -> Identity | None:
        """Who has come with a token; None who has come with a signed URL."""
        query = request.query_params
        if "sig" not in query:
            if presented_token(request) is None and "uploadId" in query:
                raise HTTPException(401, "authentication required", {"WWW-Authenticate": "Bearer"})
            identity = await identify(self._authenticate, request)
            require(identity, store_of(key), "write" if request.method == "PUT" else "read")
            return identity
        method = "GET" if request.method == "HEAD" else request.method
        try:
            self._store.urls.verify(method, key, query, request.headers)
        except InvalidSignatureError:
            raise HTTPException(403, "the signature does not fit this request") from None
        except ExpiredUrlError:
            raise HTTPException(403, "the URL has expired; ask the signer for another") from None
        return None
