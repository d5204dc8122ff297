"""Sending signed requests to an object store: when to sign once more, and what its answer means.

Error codes are those of S3 (API reference, "Error responses").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from filesync_web.core.failures import error_for_status, retry_after_seconds
from filesync_web.core.refusals import read_refusal
from filesync_web.errors import AuthError, IntegrityError, PermanentTransferError, ServerError
from filesync_web.ports import HttpResponse
from filesync_web.remote.signer_client import SignedRequest

R = TypeVar("R")

EXPIRED_STATUSES = frozenset({400, 401, 403})
"""How object stores answer an expired signature."""

CHANGED_BYTES = frozenset({"BadDigest", "XAmzContentChecksumMismatch"})
NOT_NOW = frozenset({"ConditionalRequestConflict", "IncompleteBody", "OperationAborted", "RequestTimeout"})
WRONG_KEYS = frozenset({"SignatureDoesNotMatch", "InvalidAccessKeyId"})


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
