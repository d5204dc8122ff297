"""What went wrong in a transfer: the error that an HTTP status stands for, and what an error means for the
engine."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.text import clean_text
from filesync_web.errors import (
    AuthError,
    BlobNotFoundError,
    FileSyncError,
    IntegrityError,
    PermanentTransferError,
    RemoteMissingError,
    ServerError,
    TransferError,
)

MAX_MESSAGE = 1000
"""Most characters of a failure that a row keeps: a server's words may be in it, of any length."""

BUSY_STATUSES = frozenset({408, 425, 429})
REDIRECTS = range(300, 400)
"""One that is still there was not to be followed: a network's log-in page, which passes."""
GONE_STATUSES = frozenset({404, 410})


def error_for_status(
    status: int, headers: Mapping[str, str], message: str, reason: object = ""
) -> TransferError:
    """The typed error of an HTTP answer that is no success.

    `headers` have lower-case names. `message` says what was tried; the status is appended to it, and the
    `reason` that the server gave.
    """
    text = f"{message}: the server answered {status}"
    if reason := str(reason):
        text += f" ({reason})"
    if status == 401:
        return AuthError(f"{text}; the token was refused", status=status)
    if status in GONE_STATUSES:
        return RemoteMissingError(text, status=status)
    if status >= 500 or status in BUSY_STATUSES or status in REDIRECTS:
        return ServerError(text, status=status, retry_after=retry_after_seconds(headers))
    return PermanentTransferError(text, status=status)


def shown_url(url: str) -> str:
    """The URL for a message or a log: without its query, which in a signed URL is a secret."""
    return url.partition("?")[0]


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3), or None; the date form is ignored, since clocks differ."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None


class FailureKind(Enum):
    """What a failure means for the engine."""

    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    REMOTE_MISSING = "remote missing"
    LOCAL_MISSING = "local missing"
    WRONG_BYTES = "wrong bytes"

    @property
    def may_pass(self) -> bool:
        """Whether trying again soon may help."""
        return self in (FailureKind.RETRYABLE, FailureKind.WRONG_BYTES)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed; `retry_after` in seconds."""

    kind: FailureKind
    message: str
    retry_after: float | None = None


def failure_of(error: BaseException) -> Failure:
    """The engine's view of an exception; one that the kit does not know is taken for permanent."""
    message = clean_text((str(error) or type(error).__name__)[:MAX_MESSAGE])
    if isinstance(error, BlobNotFoundError):
        return Failure(FailureKind.LOCAL_MISSING, message)
    if isinstance(error, RemoteMissingError):
        return Failure(FailureKind.REMOTE_MISSING, message)
    if isinstance(error, IntegrityError):
        return Failure(FailureKind.WRONG_BYTES, message)
    if isinstance(error, FileSyncError) and error.retryable:
        retry_after = error.retry_after if isinstance(error, TransferError) else None
        return Failure(FailureKind.RETRYABLE, message, retry_after)
    return Failure(FailureKind.PERMANENT, message)
