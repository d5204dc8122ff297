"""How a `FileSync` works: everything that an app may choose."""

from __future__ import annotations

from dataclasses import dataclass, field

from filesync_web.core.backoff import RetryPolicy
from filesync_web.preprocess import Preprocessors


@dataclass(frozen=True, slots=True)
class FileSyncOptions:
    """How a `FileSync` works. Durations in seconds.

    `health_check_interval`: between two probes of the signer. `health_check_timeout`: when a probe
    counts as failed. `stall_timeout`: a transfer without a byte for so long is aborted and tried again.
    `auto_prioritize`: resolving the URL of a file that is to be downloaded puts it first in line.
    `preprocessors`: by MIME pattern. `background_uploads`: the service worker may go on with uploads when
    the last tab is closed; for that, the signer's headers are written to this device while any is owed.
    """

    max_concurrent_uploads: int = 2
    max_concurrent_downloads: int = 2
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    health_check_interval: float = 10.0
    health_check_timeout: float = 10.0
    stall_timeout: float = 60.0
    auto_prioritize: bool = True
    preprocessors: Preprocessors = field(default_factory=dict)
    background_uploads: bool = False
