"""Sending signed requests to an object store: when to sign once more, and what a refusal means.

Error codes are those of S3 (API reference, "Error responses"), in the XML of a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from filesync_web.core.failures import error_for_status, retry_after_seconds
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
    try:
        return await use(await sign())
    except (AuthError, PermanentTransferError) as error:
        if error.status not in EXPIRED_STATUSES:
            raise
        return await use(await sign())


def check_stored(answer: HttpResponse, what: str) -> None:
    """Raise the error of an upload's answer that is no success; `what` was tried."""
    if answer.ok:
        return
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    code = found[1].decode() if found else ""
    if code in CHANGED_BYTES:
        text = f"{what}: the bytes changed on the way, and the object store refused them ({code})"
        raise IntegrityError(text, status=answer.status)
    if code in NOT_NOW:
        text = f"{what}: the object store could not take it now ({code})"
        raise ServerError(text, status=answer.status, retry_after=retry_after_seconds(answer.headers))
    if code in WRONG_KEYS:
        what = f"{what}: the object store does not accept the signer's keys ({code})"
    raise error_for_status(answer.status, answer.headers, what)
