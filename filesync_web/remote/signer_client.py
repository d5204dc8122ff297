"""The signer as a client sees it: mint URLs, delete objects, ask for health.

Works with every signer of the base contract; extensions are used when `health` announces them. Errors
are those of `filesync_web.errors`: `NetworkError` without an answer, `AuthError` when the token was
refused also after it was asked for anew, `RemoteMissingError`, `ServerError`, `PermanentTransferError`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from filesync_web.aio.resolved import resolved
from filesync_web.core.failures import GONE_STATUSES, error_for_status
from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.core.refusals import quoted
from filesync_web.errors import AuthError, FileSyncError, InvalidArgumentError, ServerError
from filesync_web.ports import HeadersSource, HttpResponse, Platform
from filesync_web.remote.signed_requests import SignedRequest, signed_request

logger = logging.getLogger(__name__)

TokenSource = str | Callable[[], str | Awaitable[str]]

REQUEST_TIMEOUT = 30.0

_OF_AN_UPLOAD = frozenset(f"/v1/multipart/{call}" for call in ("sign", "list", "complete", "abort"))
"""The calls of which a 404 says that there is no such upload. Of the others it says nothing of the object:
the signer is deployed wrongly, or just now."""


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """Where the signer is and how to prove who we are.

    `base_url` is absolute or relative to the page, for example `/api`. `auth_token` is sent as
    `Authorization: Bearer`, `headers` as they are; either may be a function, sync or async, that is
    asked for every request and once more after a 401. `include_credentials` sends cookies to another
    origin.
    """

    base_url: str
    auth_token: TokenSource | None = field(default=None, repr=False)
    headers: HeadersSource | None = field(default=None, repr=False)
    include_credentials: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.base_url, str) or not self.base_url:
            raise InvalidArgumentError(
                "SignerConfig needs base_url, the signer's URL, for example '/api'; "
                "for local-only mode pass remote=None"
            )
        if isinstance(self.auth_token, str):
            _header_value("the auth_token", self.auth_token)
        if isinstance(self.headers, Mapping):
            _checked_headers(self.headers)

    async def auth_headers(self) -> dict[str, str]:
        """All headers of this moment. Raises what the app's functions raise, and `InvalidArgumentError` for a
        header that cannot be sent."""
        headers = await self.own_headers()
        if token := await resolved(self.auth_token):
            headers["Authorization"] = f"Bearer {_header_value('the auth_token', token)}"
        return headers

    async def own_headers(self) -> dict[str, str]:
        """The app's own `headers` of this moment, without the token."""
        return _checked_headers(await resolved(self.headers) or {})


class SignerClient:
    """One signer. `features` are those that the last good `health` announced."""

    def __init__(self, platform: Platform, config: SignerConfig) -> None:
        self._http = platform.http
        self._clock = platform.clock
        self._config = config
        self._base = config.base_url.rstrip("/")
        self._complaint = ""
        self.features: frozenset[str] = frozenset()

    async def is_healthy(self, *, timeout: float) -> bool:
        """Whether the signer and its object store answer; never raises but on cancellation.

        Only the signer's own words count: the log-in page of a hotel's network answers everything with 200.
        The app's headers are sent along, without the token: a gateway may want them.
        """
        headers = await self._health_headers()
        try:
            answer = await self._http.request("GET", f"{self._base}/health", headers=headers, timeout=timeout)
        except FileSyncError as error:
            return self._is_unhealthy(str(error))
        body = _json(answer)
        if not answer.ok:
            return self._is_unhealthy(f"the signer's health: the server answered {answer.status}")
        if not isinstance(body, dict) or body.get("status") != "ok":
            return self._is_unhealthy(
                f"{self._base}/health was answered, but not by a signer that is well: does a log-in page of "
                "the network stand in between, or is base_url wrong?"
            )
        features = body.get("features")
        listed = features if isinstance(features, list) else []
        self.features = frozenset(feature for feature in listed if isinstance(feature, str))
        self._complaint = ""
        return True

    def _is_unhealthy(self, complaint: str) -> bool:
        """Log it, but not at every probe, and answer that it is not healthy."""
        if complaint != self._complaint:
            self._complaint = complaint
            logger.info("offline: %s", complaint)
        return False

    async def _health_headers(self) -> dict[str, str]:
        try:
            return await self._config.own_headers()
        except Exception:  # whatever it is, the transfers will tell it
            logger.warning("the app's function for headers failed: health is asked without", exc_info=True)
            return {}

    async def sign_upload(
        self, key: str, *, content_type: str, content_length: int, sha256: str | None = None
    ) -> SignedRequest:
        """A request that stores `content_length` bytes under `key`; bound to `sha256` where the signer
        can."""
        body: dict[str, Any] = {"key": key, "contentType": content_type, "contentLength": content_length}
        if sha256 is not None and "checksum" in self.features:
            body["sha256"] = sha256
        return await self._sign("/v1/sign/upload", body, default_method="PUT")

    async def sign_download(self, key: str) -> SignedRequest:
        """A request that reads the object."""
        return await self._sign("/v1/sign/download", {"key": key}, default_method="GET")

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist."""
        await self._post("/v1/delete", {"key": key})

    async def has(self, key: str, size: int | None = None, sha256: str | None = None) -> bool | None:
        """Whether the object is there, with `size` bytes and that SHA-256 (hex) where they are given and the
        signer tells them; None when it lacks the feature `head`."""
        if "head" not in self.features:
            return None
        found = await self._post("/v1/head", {"key": key})
        told = found.get("sha256")
        is_right = sha256 is None or not isinstance(told, str) or told.lower() == sha256
        return found.get("exists") is True and size in (None, found.get("size")) and is_right

    async def multipart(
        self, call: str, body: Mapping[str, Any], *, timeout: float = REQUEST_TIMEOUT
    ) -> Mapping[str, Any]:
        """One of `create`, `sign`, `list`, `complete`, `abort` (needs the feature `multipart`). Raises
        `RemoteMissingError` when the upload is not known."""
        return await self._post(f"/v1/multipart/{call}", body, timeout)

    async def _sign(self, path: str, body: Mapping[str, Any], *, default_method: str) -> SignedRequest:
        answer = await self._exchange(path, body, REQUEST_TIMEOUT)
        date, now = answer.headers.get("date", ""), self._clock.time()
        return signed_request(_members(answer, path), default_method=default_method, date=date, now=now)

    async def _post(
        self, path: str, body: Mapping[str, Any], timeout: float = REQUEST_TIMEOUT
    ) -> Mapping[str, Any]:
        """The members of the answer to one call."""
        return _members(await self._exchange(path, body, timeout), path)

    async def _exchange(self, path: str, body: Mapping[str, Any], timeout: float) -> HttpResponse:
        """The answer to one call. When the token is refused and the app has a function for it, that is asked
        once more; an error after that is retryable: the function may have a better token in a minute."""
        try:
            return await self._exchange_once(path, body, timeout)
        except AuthError:
            if not callable(self._config.auth_token) and not callable(self._config.headers):
                raise
        try:
            return await self._exchange_once(path, body, timeout)
        except AuthError as error:
            raise AuthError(str(error), status=error.status, retryable=True) from error

    async def _exchange_once(self, path: str, body: Mapping[str, Any], timeout: float) -> HttpResponse:
        what = f"the signer's {path} for {body.get('key')}"
        answer = await self._http.request(
            "POST",
            self._base + path,
            headers={"Content-Type": "application/json", **await self._auth_headers(what)},
            body=json.dumps(body).encode(),
            timeout=timeout,
        )
        if not answer.ok:
            parsed = _json(answer)
            reason = quoted(str(parsed.get("error") or "")) if isinstance(parsed, dict) else ""
            if answer.status in GONE_STATUSES and path not in _OF_AN_UPLOAD:
                text = f"{what}: the signer does not know this call ({answer.status}); is its base_url right?"
                raise ServerError(text, status=answer.status)
            raise error_for_status(answer.status, answer.headers, what, reason)
        return answer

    async def _auth_headers(self, what: str) -> dict[str, str]:
        """The headers of this moment; when the app's function for them fails, that is worth another try."""
        try:
            return await self._config.auth_headers()
        except FileSyncError:
            raise
        except Exception as error:
            raise ServerError(f"{what}: the app's function for token or headers failed: {error!r}") from error


def _checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _header_value(f"the header {name}", value) for name, value in headers.items()}


def _header_value(what: str, value: object) -> str:
    """A header's value without the space around it, which a token that was read from a file may have."""
    text = str(value).strip()
    if not (text.isascii() and text.isprintable()):
        raise InvalidArgumentError(f"{what} has a character that no header can carry: use printable ASCII")
    return text


def _members(answer: HttpResponse, path: str) -> Mapping[str, Any]:
    parsed = _json(answer) if answer.body else {}
    if not isinstance(parsed, dict):
        raise ServerError(f"the signer's {path}: the answer is no JSON object", status=answer.status)
    return parsed


def _json(answer: HttpResponse) -> Any:
    try:
        return parse_json(answer.body)
    except ForeignTextError:
        return None
