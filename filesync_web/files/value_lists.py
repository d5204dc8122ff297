"""Long lists of values in queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MAX_VALUES = 512
"""Of a list in one query; SQLite takes 32,766."""


def parts_of(values: Sequence[str]) -> Iterator[list[str]]:
    """The values in parts for one query each. A part has as many as a power of two, by more of its last: so
    there are few texts of SQL for all the lists, and each is checked and compiled once."""
    for start in range(0, len(values), MAX_VALUES):
        part = values[start : start + MAX_VALUES]
        missing = (1 << (len(part) - 1).bit_length()) - len(part)
        yield [*part, *[part[-1]] * missing]
