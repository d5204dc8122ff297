"""Byte ranges (RFC 9110, section 14): which bytes a `Range` header asks for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to but not including `stop`."""

    start: int
    stop: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class UnsatisfiableRangeError(ValueError):
    """The range is well formed and outside of the object: 416."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range asked for, clamped to the object; None means the whole object.

    Also None for what a server may ignore: other units, malformed and several ranges. Raises
    UnsatisfiableRangeError.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None:
        return None
    first, last, suffix = (None if group is None else int(group) for group in match.groups())
    if suffix is not None:
        if suffix == 0 or size == 0:
            raise UnsatisfiableRangeError
        return ByteRange(max(0, size - suffix), size)
    assert first is not None  # noqa: S101  # the pattern has either a first byte or a suffix
    if last is not None and last < first:
        return None
    if first >= size:
        raise UnsatisfiableRangeError
    return ByteRange(first, size if last is None else min(last + 1, size))
