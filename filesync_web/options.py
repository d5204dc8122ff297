"""How a `FileSync` works: everything that an app may choose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypedDict

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.thumbnails import ThumbnailOptions
from filesync_web.errors import InvalidArgumentError
from filesync_web.files.preprocess import Preprocessors


class FileSyncSettings(TypedDict, total=False):
    """The keyword arguments of `init_file_sync` and `create_file_sync` that may be left out, as a type: see
    `FileSyncOptions` for what they mean."""

    max_concurrent_uploads: int | None
    max_concurrent_downloads: int | None
    retry: RetryPolicy
    health_check_interval: float
    health_check_timeout: float
    stall_timeout: float
    auto_prioritize: bool
    preprocessors: Preprocessors
    background_uploads: bool
    downloads: Literal["eager", "on_demand"]
    keep_bytes: int | None
    orphan_grace: float
    thumbnails: ThumbnailOptions | None


@dataclass(frozen=True, slots=True)
class FileSyncOptions:
    """How a `FileSync` works. Durations in seconds. Raises `InvalidArgumentError` for what cannot work.

    `max_concurrent_uploads`, `max_concurrent_downloads`: so many at a time, never more; None lets their sizes
    decide: many small ones, two large ones.

    `health_check_interval`: between two probes of the signer. `health_check_timeout`: when a probe
    counts as failed. `stall_timeout`: a transfer without a byte for so long is aborted and tried again.
    `auto_prioritize`: resolving the URL of a file that is to be downloaded puts it first in line.
    `preprocessors`: by MIME pattern. `background_uploads`: the service worker may go on with uploads when
    the last tab is closed; for that, the signer's headers are written to this device while any waits.
    `downloads`: "eager" brings every file to this device; with "on_demand" a file stays where it is until it
    is read, shown or pinned. `keep_bytes`: eager downloads stop where this device would have more bytes of
    files than that, and the other files are on demand; None is no limit.
    `orphan_grace`: so long are bytes kept whose file has vanished without a deletion (see `list_orphans`);
    `math.inf` keeps them until they are dropped. `thumbnails`: which there are; None for none, and for no
    previews.
    """

    max_concurrent_uploads: int | None = None
    max_concurrent_downloads: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    health_check_interval: float = 10.0
    health_check_timeout: float = 10.0
    stall_timeout: float = 60.0
    auto_prioritize: bool = True
    preprocessors: Preprocessors = field(default_factory=dict)
    background_uploads: bool = False
    downloads: Literal["eager", "on_demand"] = "eager"
    keep_bytes: int | None = None
    orphan_grace: float = 30 * 24 * 3600.0
    thumbnails: ThumbnailOptions | None = field(default_factory=ThumbnailOptions)

    @property
    def is_limited(self) -> bool:
        """Whether there are files that do not come to this device by themselves."""
        return self.downloads == "on_demand" or self.keep_bytes is not None

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.downloads not in ("eager", "on_demand"):
            raise InvalidArgumentError(f"downloads is 'eager' or 'on_demand', not {self.downloads!r}")
        if not isinstance(self.retry, RetryPolicy):
            raise InvalidArgumentError(f"retry is a RetryPolicy, not {self.retry!r}")
        if not isinstance(self.thumbnails, ThumbnailOptions | None):
            raise InvalidArgumentError(
                f"thumbnails are ThumbnailOptions or None, not {self.thumbnails!r:.100}"
            )
        if not isinstance(self.preprocessors, Mapping) or not all(map(callable, self.preprocessors.values())):
            raise InvalidArgumentError("preprocessors are functions by MIME pattern, for example 'image/*'")

    def _check_numbers(self) -> None:
        for name in ("max_concurrent_uploads", "max_concurrent_downloads"):
            count = getattr(self, name)
            if count is not None and (not isinstance(count, int) or count < 1):
                raise InvalidArgumentError(f"{name} is a whole number from 1, or None, not {count!r}")
        for name in ("health_check_interval", "health_check_timeout", "stall_timeout"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
                raise InvalidArgumentError(f"{name} is a number of seconds above 0, not {seconds!r}")
        kept = self.keep_bytes
        if kept is not None and (not isinstance(kept, int) or isinstance(kept, bool) or kept < 0):
            raise InvalidArgumentError(f"keep_bytes is a number of bytes from 0, or None, not {kept!r}")
        grace = self.orphan_grace
        if not isinstance(grace, int | float) or not grace >= 0:
            raise InvalidArgumentError(f"orphan_grace is a number of seconds from 0, not {grace!r}")
