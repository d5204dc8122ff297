"""How long to wait, and what went wrong."""

from __future__ import annotations

import pytest

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import (
    FailureKind,
    error_for_status,
    failure_of,
    retry_after_seconds,
    shown_url,
)
from filesync_web.errors import (
    AuthError,
    BlobNotFoundError,
    IntegrityError,
    NetworkError,
    PermanentTransferError,
    QuotaExceededError,
    RemoteMissingError,
    ServerError,
)


def test_each_delay_is_bounded_and_jittered() -> None:
    policy = RetryPolicy(base=1.0, cap=10.0)
    assert [policy.delay(n, 0.999) for n in (1, 2, 3, 4, 5, 100, 10_000)] == pytest.approx(
        [0.999, 1.998, 3.996, 7.992, 9.99, 9.99, 9.99]
    )
    assert policy.delay(5, 0.0) == 0.0
    assert policy.delay(1, 0.5, retry_after=30.0) == 30.0


def test_a_pause_that_a_server_asks_for_is_bounded() -> None:
    policy = RetryPolicy(rest=120.0)
    assert policy.delay(1, 0.5, retry_after=119.0) == 119.0
    assert policy.delay(1, 0.5, retry_after=float("inf")) == 120.0
    assert retry_after_seconds({"retry-after": "9" * 400}) == float("inf")


def test_what_rests_is_tried_again_within_the_rest_at_different_times() -> None:
    policy = RetryPolicy(rest=300.0)
    assert [policy.rest_delay(jitter) for jitter in (0.0, 0.5, 0.999)] == pytest.approx([150, 225, 299.85])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthError),
        (403, PermanentTransferError),
        (404, RemoteMissingError),
        (410, RemoteMissingError),
        (413, PermanentTransferError),
        (408, ServerError),
        (429, ServerError),
        (500, ServerError),
        (503, ServerError),
        (302, ServerError),
    ],
)
def test_what_a_status_means(status: int, kind: type[Exception]) -> None:
    error = error_for_status(status, {"retry-after": "7"}, "the upload of k")
    assert type(error) is kind
    assert error.status == status
    assert error.retry_after == (7.0 if kind is ServerError else None)
    assert error.retryable == (kind is ServerError)


def test_retry_after_in_another_form_is_ignored() -> None:
    assert retry_after_seconds({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None
    assert retry_after_seconds({"retry-after": "-1"}) is None
    assert retry_after_seconds({}) is None


def test_a_signed_url_is_shown_without_its_query() -> None:
    assert shown_url("https://s3/bucket/key?X-Amz-Signature=secret") == "https://s3/bucket/key"


def test_what_a_server_says_at_length_is_cut_and_cleaned() -> None:
    failure = failure_of(ServerError("\ud800" + "x" * 10_000))
    assert failure.message == "?" + "x" * 999


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NetworkError("x"), FailureKind.RETRYABLE),
        (IntegrityError("x"), FailureKind.WRONG_BYTES),
        (ServerError("x", retry_after=3.0), FailureKind.RETRYABLE),
        (AuthError("x"), FailureKind.PERMANENT),
        (QuotaExceededError("x"), FailureKind.PERMANENT),
        (ValueError(), FailureKind.PERMANENT),
        (RemoteMissingError("x"), FailureKind.REMOTE_MISSING),
        (BlobNotFoundError("x"), FailureKind.LOCAL_MISSING),
    ],
)
def test_what_a_failure_means(error: Exception, kind: FailureKind) -> None:
    failure = failure_of(error)
    assert failure.kind is kind
    assert failure.message
    assert failure.retry_after == getattr(error, "retry_after", None)
