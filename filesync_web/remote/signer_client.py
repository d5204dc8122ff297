"""The signer as a client sees it: mint URLs, delete objects, ask for health.

Works with every signer of the base contract; extensions are used when `health` announces them. Errors
are those of `filesync_web.errors`: `NetworkError` without an answer, `AuthError` when the token was
refused also after it was asked for anew, `RemoteMissingError`, `ServerError`, `PermanentTransferError`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from filesync_web.aio.batches import Batches
from filesync_web.aio.resolved import resolved
from filesync_web.core.failures import GONE_STATUSES, error_for_status, shown_url
from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.refusals import quoted
from filesync_web.core.sent_tokens import SentTokens
from filesync_web.core.storage_status import RemoteUsage, remote_usage_in
from filesync_web.errors import (
    AuthError,
    FileSyncError,
    InvalidArgumentError,
    PermanentTransferError,
    ServerError,
    TransferError,
)
from filesync_web.ports import Headers, HeadersSource, HttpResponse, Platform
from filesync_web.remote.signed_requests import SignedRequest, sent_at, signed_request

logger = logging.getLogger(__name__)

TokenSource = str | Callable[[], str | Awaitable[str]]

REQUEST_TIMEOUT = 30.0

BATCH = "batch"
MAX_OPERATIONS = 100
"""Of one batch; the contract's limit."""
MAX_BATCHES, MAX_CALLS = 2, 4
"""Requests at a time. A browser has six connections to a server of HTTP/1.1, for everything."""
_SIGN_UPLOAD, _SIGN_DOWNLOAD, _DELETE, _HEAD = (
    "/v1/sign/upload",
    "/v1/sign/download",
    "/v1/delete",
    "/v1/head",
)
_OPERATIONS = {_SIGN_UPLOAD: "upload", _SIGN_DOWNLOAD: "download", _DELETE: "delete", _HEAD: "head"}
"""The calls that may go in a batch, and what they are called there."""

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

    @property
    def fixed_headers(self) -> dict[str, str]:
        """Those that are always the same, so that no function of the app need be asked for them."""
        headers = dict(self.headers) if isinstance(self.headers, Mapping) else {}
        if isinstance(self.auth_token, str):
            headers["Authorization"] = f"Bearer {self.auth_token}"
        return headers


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: its path and the members of its body."""

    path: str
    body: Mapping[str, Any]

    @property
    def what(self) -> str:
        key = self.body.get("key")
        return f"the signer's {self.path}" + (f" for {key}" if key else "")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the signer says to one call that was made alone or in a batch; `headers` have lower-case names."""

    status: int
    headers: Headers
    members: Mapping[str, Any]


class SignerClient:
    """One signer. `features` are those that the last good `health` announced."""

    def __init__(self, platform: Platform, config: SignerConfig) -> None:
        self._http = platform.http
        self._clock = platform.clock
        self._config = config
        self._base = config.base_url.rstrip("/")
        self._complaint = ""
        # Also a tab that asks nothing meets what is always sent, in errors.
        self._sent = SentTokens(config.fixed_headers.values())
        self._clock_offset: float | None = None
        self.features: frozenset[str] = frozenset()
        # What is slow in the object store must not keep others from their URLs.
        self._signing = self._batches()
        self._asking = self._batches()

    def _batches(self) -> Batches[_Call, _Answer]:
        return Batches(
            f"signer {self._base}",
            self._ask,
            most=lambda: MAX_OPERATIONS if BATCH in self.features else 1,
            at_once=lambda: MAX_BATCHES if BATCH in self.features else MAX_CALLS,
        )

    async def is_healthy(self, *, timeout: float) -> bool:
        """Whether the signer and its object store answer; never raises but on cancellation.

        Only the signer's own words count: the log-in page of a hotel's network answers everything with 200.
        The app's headers are sent along, without the token: a gateway may want them.
        """
        headers = await self._health_headers()
        asked_at = self._clock.time()
        try:
            answer = await self._http.request("GET", f"{self._base}/health", headers=headers, timeout=timeout)
        except FileSyncError as error:
            return self._is_unhealthy(str(error))
        if (sent := sent_at(answer.headers)) is not None:
            self._clock_offset = sent + 0.5 - (asked_at + self._clock.time()) / 2  # it tells whole seconds
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

    def describe(self) -> dict[str, Any]:
        """What is known of it, in JSON values, for a report. `clock_offset`: by how many seconds its clock is
        ahead of ours, to a second or two; None where no answer has told."""
        offset = self._clock_offset
        return {
            "url": shown_url(self._base),
            "features": sorted(self.features),
            "clock_offset": None if offset is None else round(offset),
            "complaint": self._complaint,
        }

    def tokens(self) -> set[str]:
        """The values of the headers by which it was asked something: each with and without the scheme
        (`Bearer`, `Token`) that may stand before it."""
        return {part for value in self._sent.all() for part in (value, value.rpartition(" ")[2])}

    def _is_unhealthy(self, complaint: str) -> bool:
        """Log it, but not at every probe, and answer that it is not healthy."""
        if complaint != self._complaint:
            self._complaint = complaint
            logger.info("offline: %s", complaint)
        return False

    async def _health_headers(self) -> dict[str, str]:
        try:
            headers = await self._config.own_headers()
            self._sent.add(headers.values())
            return headers
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
        return await self._sign(_SIGN_UPLOAD, body, default_method="PUT")

    async def sign_download(self, key: str) -> SignedRequest:
        """A request that reads the object."""
        return await self._sign(_SIGN_DOWNLOAD, {"key": key}, default_method="GET")

    async def delete(self, key: str) -> None:
        """Delete the object; it need not exist."""
        await self._batched(self._asking, _Call(_DELETE, {"key": key}))

    async def has(self, key: str, size: int | None = None, sha256: str | None = None) -> bool | None:
        """Whether the object is there, with `size` bytes and that SHA-256 (hex) where they are given and the
        signer tells them; None when it lacks the feature `head`."""
        if "head" not in self.features:
            return None
        found = (await self._batched(self._asking, _Call(_HEAD, {"key": key}))).members
        told = found.get("sha256")
        is_right = sha256 is None or not isinstance(told, str) or told.lower() == sha256
        return found.get("exists") is True and size in (None, found.get("size")) and is_right

    async def usage(self, store_id: str, *, timeout: float) -> RemoteUsage | None:
        """What the signer counts; None when it has no feature `usage`, or does not answer. Never raises but
        on cancellation."""
        if not self.features and not await self.is_healthy(timeout=timeout):
            return None
        if "usage" not in self.features:
            return None
        url = f"{self._base}/v1/usage?store={store_id}"
        try:
            headers = await self._auth_headers("the signer's usage")
            answer = await self._http.request("GET", url, headers=headers, timeout=timeout)
        except FileSyncError as error:
            logger.info("the signer's usage is not known: %s", error)
            return None
        members = _json(answer)
        return remote_usage_in(members) if answer.ok and isinstance(members, dict) else None

    async def multipart(
        self, call: str, body: Mapping[str, Any], *, timeout: float = REQUEST_TIMEOUT
    ) -> Mapping[str, Any]:
        """One of `create`, `sign`, `list`, `complete`, `abort` (needs the feature `multipart`). Raises
        `RemoteMissingError` when the upload is not known."""
        return (await self._exchange(_Call(f"/v1/multipart/{call}", body), timeout)).members

    async def _sign(self, path: str, body: Mapping[str, Any], *, default_method: str) -> SignedRequest:
        answer = await self._batched(self._signing, _Call(path, body))
        date, now = answer.headers.get("date", ""), self._clock.time()
        return signed_request(answer.members, default_method=default_method, date=date, now=now)

    async def _batched(self, batches: Batches[_Call, _Answer], call: _Call) -> _Answer:
        """The answer to a call that may go together with others."""
        answer = await batches.answer(call)
        if answer.status == 401:  # of this call alone: the usual way knows what to do
            return await self._exchange(call)
        return _checked(call, answer)

    async def _ask(self, calls: Sequence[_Call]) -> Sequence[_Answer | Exception]:
        """The answer to each of some calls, in one request; in one each, when the signer refuses batches in
        spite of what it has announced, until it announces them anew."""
        if len(calls) > 1 and BATCH in self.features:
            try:
                return await self._ask_together(calls)
            except TransferError as error:
                if error.status not in GONE_STATUSES and not isinstance(error, PermanentTransferError):
                    raise
                logger.warning("the signer takes no batches: %s", error)
                self.features -= {BATCH}
        return await asyncio.gather(*map(self._ask_alone, calls))

    async def _ask_alone(self, call: _Call) -> _Answer | Exception:
        try:
            return await self._exchange(call)
        except Exception as error:  # for who has asked, and not for the others
            return error

    async def _ask_together(self, calls: Sequence[_Call]) -> list[_Answer | Exception]:
        requests = [{**call.body, "op": _OPERATIONS[call.path]} for call in calls]
        answer = await self._exchange(_Call("/v1/batch", {"requests": requests}))
        unusable = ServerError("a result in the signer's answer to a batch cannot be used")
        return [
            unusable if result is None else _Answer(result["status"], _headers(result, answer), result)
            for result in _results(answer.members, len(calls))
        ]

    async def _exchange(self, call: _Call, timeout: float = REQUEST_TIMEOUT) -> _Answer:
        """The answer to one call. When the token is refused and the app has a function for it, that is asked
        once more; an error after that is retryable: the function may have a better token in a minute."""
        try:
            return await self._exchange_once(call, timeout)
        except AuthError:
            if not callable(self._config.auth_token) and not callable(self._config.headers):
                raise
        try:
            return await self._exchange_once(call, timeout)
        except AuthError as error:
            raise AuthError(str(error), status=error.status, retryable=True) from error

    async def _exchange_once(self, call: _Call, timeout: float) -> _Answer:
        answer = await self._http.request(
            "POST",
            self._base + call.path,
            headers={"Content-Type": "application/json", **await self._auth_headers(call.what)},
            body=json.dumps(call.body).encode(),
            timeout=timeout,
        )
        members = _json(answer) if answer.body else {}
        if not isinstance(members, dict):
            if answer.ok:
                text = f"the signer's {call.path}: the answer is no JSON object"
                raise ServerError(text, status=answer.status)
            members = {}
        return _checked(call, _Answer(answer.status, answer.headers, members))

    async def _auth_headers(self, what: str) -> dict[str, str]:
        """The headers of this moment; when the app's function for them fails, that is worth another try."""
        try:
            headers = await self._config.auth_headers()
            self._sent.add(headers.values())
            return headers
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


def _checked(call: _Call, answer: _Answer) -> _Answer:
    """The answer to a call; raises the error that it is when it is no success."""
    if 200 <= answer.status < 300:
        return answer
    if answer.status in GONE_STATUSES and call.path not in _OF_AN_UPLOAD:
        text = f"{call.what}: the signer does not know this call ({answer.status}); is its base_url right?"
        raise ServerError(text, status=answer.status)
    reason = quoted(str(answer.members.get("error") or ""))
    raise error_for_status(answer.status, answer.headers, call.what, reason)


def _results(members: Mapping[str, Any], count: int) -> list[dict[str, Any] | None]:
    """The results in the answer to a batch of `count` operations, None for one that is none; raises
    `ServerError` when it is no such answer."""
    results = members.get("results")
    if not isinstance(results, list) or len(results) != count:
        raise ServerError(f"the signer's answer to a batch of {count} has not so many results")
    return [result if _is_result(result) else None for result in results]


def _is_result(value: object) -> bool:
    return isinstance(value, dict) and type(value.get("status")) is int and 200 <= value["status"] <= 599


def _headers(result: Mapping[str, Any], batch: _Answer) -> dict[str, str]:
    """The headers that the result of a batch would have had alone."""
    wait = result.get("retryAfter")
    return {"date": batch.headers.get("date", ""), "retry-after": str(wait) if type(wait) is int else ""}


def _json(answer: HttpResponse) -> Any:
    try:
        return parse_json(answer.body)
    except ForeignTextError:
        return None
