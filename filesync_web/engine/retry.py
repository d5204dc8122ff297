"""When what failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often something failed in a row, and when (in seconds) it may be tried again.

    `with_network`: it was given up because the network failed, so it is tried again when the gate opens.
    """

    attempts: int = 0
    not_before: float = 0.0
    with_network: bool = False

    def after(self, failure: Failure, policy: RetryPolicy, now: float, jitter: float) -> Retry:
        """What holds after one more failure."""
        attempts = self.attempts + 1
        return Retry(attempts, now + policy.delay(attempts, jitter, failure.retry_after))


FIRST_TRY = Retry()
