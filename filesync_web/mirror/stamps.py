"""By what a file is recognised as unchanged without reading it."""

from __future__ import annotations

import os
from dataclasses import dataclass

COARSEST_CLOCK_NS = 2_000_000_000
"""Two changes within so many nanoseconds may have one time of change on some file systems."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whatever the file system says of a file that changes when its content does."""

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int

    def is_same_content(self, other: Stamp) -> bool:
        """The same but for the time at which the inode changed, as a rename changes it."""
        return (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


@dataclass(frozen=True, slots=True)
class Hashed:
    """The content that a file of that stamp had at that time, in nanoseconds since the epoch."""

    stamp: Stamp
    content: str
    hashed_at_ns: int

    def is_of(self, stamp: Stamp) -> bool:
        """Whether a file of that stamp has that content: it has not been written since, and had not just been
        written when it was read, so that another write could have the same time."""
        return stamp == self.stamp and self.hashed_at_ns - stamp.mtime_ns > COARSEST_CLOCK_NS


def stamp_of(stat: os.stat_result) -> Stamp:
    """The stamp in what the system says of a file."""
    return Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns)
