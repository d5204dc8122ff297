"""When what failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Retry:
    """How often something failed in a row, and when (in seconds) it may be tried again.

    `is_resting`: it failed too often, or for a reason that does not pass by itself. It is tried again all the
    same, but slowly: many a reason that looks final passes (a stale token, a wrong setting, a full bucket).
    """

    attempts: int = 0
    not_before: float = 0.0
    is_resting: bool = False

    def after(self, failure: Failure, policy: RetryPolicy, now: float, jitter: float) -> Retry:
        """What holds after one more failure."""
        attempts = self.attempts + 1
        if failure.kind is FailureKind.RETRYABLE and attempts < policy.max_attempts:
            return Retry(attempts, now + policy.delay(attempts, jitter, failure.retry_after))
        return Retry(attempts, now + policy.rest_delay(jitter), is_resting=True)


FIRST_TRY = Retry()
