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
from datetime import UTC, datetime
from typing import Any

from filesync_web.aio.resolved import resolved
from filesync_web.core.failures import GONE_STATUSES, error_for_status
from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.errors import AuthError, FileSyncError, InvalidArgumentError, ServerError
from filesync_web.ports import Headers, HeadersSource, Http, HttpResponse

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


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that the object store will accept until `expires_at` (seconds since the epoch)."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Headers = field(default_factory=dict, repr=False)
    expires_at: float = 0.0


class SignerClient:
    """One signer. `features` are those that the last good `health` announced."""

    def __init__(self, http: Http, config: SignerConfig) -> None:
        self._http = http
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
        return signed_request(await self._post("/v1/sign/upload", body), default_method="PUT")

    async def sign_download(self, key: str) -> SignedRequest:
        """A request that reads the object."""
        return signed_request(await self._post("/v1/sign/download", {"key": key}), default_method="GET")

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist."""
        await self._post("/v1/delete", {"key": key})

    async def has(self, key: str, size: int | None = None) -> bool | None:
        """Whether the object is there, with `size` bytes if given; None when the signer lacks the feature
        `head`."""
        if "head" not in self.features:
            return None
        found = await self._post("/v1/head", {"key": key})
        return found.get("exists") is True and size in {None, found.get("size")}

    async def multipart(
        self, call: str, body: Mapping[str, Any], *, timeout: float = REQUEST_TIMEOUT
    ) -> Mapping[str, Any]:
        """One of `create`, `sign`, `list`, `complete`, `abort` (needs the feature `multipart`). Raises
        `RemoteMissingError` when the upload is not known."""
        return await self._post(f"/v1/multipart/{call}", body, timeout)

    async def _post(
        self, path: str, body: Mapping[str, Any], timeout: float = REQUEST_TIMEOUT
    ) -> Mapping[str, Any]:
        try:
            return await self._post_once(path, body, timeout)
        except AuthError:
            if not callable(self._config.auth_token) and not callable(self._config.headers):
                raise
            return await self._post_once(path, body, timeout)

    async def _post_once(self, path: str, body: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
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
            reason = parsed.get("error") if isinstance(parsed, dict) else None
            what = f"{what} ({reason})" if reason else what
            if answer.status in GONE_STATUSES and path not in _OF_AN_UPLOAD:
                text = f"{what}: the signer does not know this call ({answer.status}); is its base_url right?"
                raise ServerError(text, status=answer.status)
            raise error_for_status(answer.status, answer.headers, what)
        parsed = _json(answer) if answer.body else {}
        if not isinstance(parsed, dict):
            raise ServerError(f"{what}: the answer is no JSON object", status=answer.status)
        return parsed

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


def _json(answer: HttpResponse) -> Any:
    try:
        return parse_json(answer.body)
    except ForeignTextError:
        return None


def signed_request(answer: Mapping[str, Any], *, default_method: str) -> SignedRequest:
    """The request that a signer's answer describes; raises `ServerError` when it describes none."""
    url, headers = answer.get("url"), answer.get("headers") or {}
    if not isinstance(url, str) or not isinstance(headers, dict):
        raise ServerError("the signer's answer has no url")
    return SignedRequest(
        url=url,
        method=str(answer.get("method") or default_method),
        headers={str(name).lower(): str(value) for name, value in headers.items()},
        expires_at=_seconds(answer.get("expiresAt")),
    )


def _seconds(value: Any) -> float:
    """ISO 8601 as seconds since the epoch; 0 (expired) for what cannot be read."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
