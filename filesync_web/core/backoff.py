"""How long to wait before the next attempt: exponential backoff with full jitter."""

from __future__ import annotations

from dataclasses import dataclass

from filesync_web.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed transfer is tried again. Durations in seconds. Raises `InvalidArgumentError`.

    The n-th wait is drawn evenly from [0, min(cap, base * 2**(n-1))]. After `max_attempts` failures in a
    row the transfer rests at `error` until the network comes back, the app starts anew, or
    `retry_errors` is called.
    """

    base: float = 1.0
    cap: float = 60.0
    max_attempts: int = 8

    def __post_init__(self) -> None:
        if not (self.base >= 0 and self.cap >= 0 and self.max_attempts >= 1):
            raise InvalidArgumentError(
                f"a RetryPolicy waits no less than 0 seconds and tries at least once, unlike {self!r}"
            )

    def delay(self, attempt: int, jitter: float, retry_after: float | None = None) -> float:
        """Seconds to wait after failure number `attempt` (from 1); `jitter` is in [0, 1).

        A server that names a pause (`retry_after`) is not asked earlier.
        """
        exponent = min(attempt - 1, 60)
        return max(jitter * min(self.cap, self.base * 2.0**exponent), retry_after or 0.0)
