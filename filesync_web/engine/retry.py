"""When what failed is tried again."""

from __future__ import annotations

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.light_dataclass import dataclass

WRONG_BYTES_LIMIT = 3
"""Wrong bytes may come of the way that they took; after so many the object itself is taken for damaged."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often something failed in a row, how often by wrong bytes, and when (in seconds) it may be tried
    again.

    `is_resting`: it failed too often, or for a reason that does not pass by itself. It is tried again all the
    same, but slowly: many a reason that looks final passes (a stale token, a wrong setting, a full bucket).
    `is_damaged`: wrong bytes have come often enough; they are counted anew from there.
    """

    attempts: int = 0
    wrong_bytes: int = 0
    not_before: float = 0.0
    is_resting: bool = False
    is_damaged: bool = False

    def after(self, failure: Failure, policy: RetryPolicy, now: float, jitter: float) -> Retry:
        """What holds after one more failure."""
        attempts = self.attempts + 1
        wrong_bytes = self.wrong_bytes + (failure.kind is FailureKind.WRONG_BYTES)
        is_damaged = failure.kind is FailureKind.WRONG_BYTES and wrong_bytes % WRONG_BYTES_LIMIT == 0
        may_pass = failure.kind.may_pass and not is_damaged
        if may_pass and attempts < policy.max_attempts:
            return Retry(attempts, wrong_bytes, now + policy.delay(attempts, jitter, failure.retry_after))
        not_before = now + policy.rest_delay(jitter)
        return Retry(attempts, wrong_bytes, not_before, is_resting=True, is_damaged=is_damaged)


FIRST_TRY = Retry()
