"""How long to wait before the next attempt: exponential backoff with full jitter."""

from __future__ import annotations

import math

from filesync_web.core.light_dataclass import dataclass
from filesync_web.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed transfer is tried again. Durations in seconds. Raises `InvalidArgumentError`.

    The n-th wait is drawn evenly from [0, min(cap, base * 2**(n-1))]. After `max_attempts` failures in a
    row, or one that looks final, the transfer rests at `error`, and is tried again after `rest` / 2 to
    `rest`, for ever; earlier when the network comes back, the app starts anew, or `retry_errors` is called.
    A pause that a server asks for counts up to `rest`.
    """

    base: float = 1.0
    cap: float = 60.0
    max_attempts: int = 8
    rest: float = 300.0

    def __post_init__(self) -> None:
        if not (self.base >= 0 and self.cap >= 0 and self.max_attempts >= 1 and 0 < self.rest < math.inf):
            raise InvalidArgumentError(
                "a RetryPolicy waits no less than 0 seconds, tries at least once, and rests for more than 0 "
                f"seconds, unlike {self!r}"
            )

    def delay(self, attempt: int, jitter: float, retry_after: float | None = None) -> float:
        """Seconds to wait after failure number `attempt` (from 1); `jitter` is in [0, 1).

        A server that names a pause (`retry_after`) is not asked earlier, but one that names years is.
        """
        exponent = min(attempt - 1, 60)
        backoff = jitter * min(self.cap, self.base * 2.0**exponent)
        return max(backoff, min(retry_after or 0.0, self.rest))

    def rest_delay(self, jitter: float) -> float:
        """Seconds to wait before what rests at `error` is tried again."""
        return self.rest * (1 + jitter) / 2
