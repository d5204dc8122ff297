"""Requests that are signed for an object store: how long they are good, when to sign once more, and what the
answer to one means.

Error codes are those of S3 (API reference, "Error responses").
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, TypeVar

from filesync_web.core.failures import error_for_status, retry_after_seconds
from filesync_web.core.foreign import is_header, is_signed_url
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.refusals import read_refusal
from filesync_web.errors import AuthError, IntegrityError, PermanentTransferError, ServerError
from filesync_web.ports import Headers, HttpResponse

R = TypeVar("R")

MAX_LIFETIME = 7 * 24 * 3600.0
"""Seconds; S3 signs for no longer."""

STORING = ("PUT", "POST")
"""The methods that a signer may ask for: a GET is answered with 200 as well, and has stored nothing."""

EXPIRED_STATUSES = frozenset({400, 401, 403})
"""How object stores answer an expired signature."""

CHANGED_BYTES = frozenset({"BadDigest", "XAmzContentChecksumMismatch"})
NOT_NOW = frozenset({"ConditionalRequestConflict", "IncompleteBody", "OperationAborted", "RequestTimeout"})
WRONG_KEYS = frozenset({"SignatureDoesNotMatch", "InvalidAccessKeyId"})


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that the object store will accept for `lifetime` seconds from when it was received."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Headers = field(default_factory=dict, repr=False)
    lifetime: float = 0.0


def signed_request(
    answer: Mapping[str, Any], *, default_method: str, date: str = "", now: float = 0.0
) -> SignedRequest:
    """The request that a signer's answer describes; raises `ServerError` when it describes none.

    The signer says when it expires by its own clock, and ours may be wrong by hours. So that is told from the
    `date` of the same answer (RFC 9110, 6.6.1), else from what the URL says of its duration, and only else
    from our wall clock, `now`.
    """
    url, headers = answer.get("url"), answer.get("headers") or {}
    if not is_signed_url(url):
        raise ServerError("the signer's answer has no url that can be used")
    if not isinstance(headers, dict) or not all(is_header(name, value) for name, value in headers.items()):
        raise ServerError("the signer's answer has headers that cannot be sent")
    asked = answer.get("method") if default_method in STORING else None
    if asked and asked not in STORING:
        raise ServerError("the signer's answer has a method that stores nothing")
    return SignedRequest(
        url=url,
        method=asked or default_method,
        headers={name.lower(): str(value) for name, value in headers.items()},
        lifetime=min(max(_lifetime(url, answer.get("expiresAt"), date, now), 0.0), MAX_LIFETIME),
    )


def sent_at(headers: Headers) -> float | None:
    """When an answer was sent by its server's clock, in seconds since the epoch and whole ones; None where it
    does not say. To a page a server of another origin shows it only when it exposes the header `Date`."""
    return _parsed_date(headers.get("date", ""))


def _lifetime(url: str, expires_at: Any, date: str, now: float) -> float:
    expires = _parsed(datetime.fromisoformat, str(expires_at))
    sent = _parsed_date(date)
    if expires is not None and sent is not None:
        return expires - sent
    if duration := re.search(r"[?&]X-Amz-Expires=(\d{1,7})(?:&|$)", url):
        return float(duration[1])
    return 0.0 if expires is None else expires - now


def _parsed_date(header: str) -> float | None:
    """The value of a header `Date`."""
    from email.utils import parsedate_to_datetime  # not needed before the first transfer

    return _parsed(parsedate_to_datetime, header)


def _parsed(parse: Callable[[str], datetime], text: str) -> float | None:
    """A time as seconds since the epoch, in UTC unless it says otherwise; None for what cannot be read."""
    try:
        time = parse(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


async def with_fresh_url(
    sign: Callable[[], Awaitable[SignedRequest]], use: Callable[[SignedRequest], Awaitable[R]]
) -> R:
    """Use a signed request; when the store refuses it as it refuses an expired one, sign and try once
    more."""
    request = await sign()
    try:
        return await use(request)
    except (AuthError, PermanentTransferError) as error:
        if error.status not in EXPIRED_STATUSES:
            raise
    return await use(await sign())


def check_stored(answer: HttpResponse, what: str) -> None:
    """Raise the error of an upload's answer that is no success; `what` was tried."""
    if answer.ok:
        if "html" in answer.headers.get("content-type", "") and answer.body:
            raise ServerError(
                f"{what} was answered with a page: that was no object store", status=answer.status
            )
        return
    refusal, status = read_refusal(answer.body), answer.status
    if refusal.code in CHANGED_BYTES:
        text = f"{what}: the bytes changed on the way, and the object store refused them ({refusal})"
        raise IntegrityError(text, status=status)
    if refusal.code in NOT_NOW:
        text = f"{what}: the object store could not take it now ({refusal})"
        raise ServerError(text, status=status, retry_after=retry_after_seconds(answer.headers))
    if refusal.code in WRONG_KEYS:
        what = f"{what}: the object store does not accept the signer's keys"
    elif "x-amz-checksum" in refusal.message.lower() or "x-amz-sdk-checksum" in refusal.message.lower():
        what = f"{what}: the object store takes no checksums; let the signer send none (s3_checksums = false)"
    raise error_for_status(status, answer.headers, what, refusal)
