"""Sizes as readers want them."""

from __future__ import annotations

import pytest

from filesync_web.core.shown_size import shown_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (999_960, "1.0 MB"),
        (2**31, "2.1 GB"),
        (3e12, "3.0 TB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_a_size_has_the_largest_unit_of_which_there_is_one(size: float, text: str) -> None:
    assert shown_size(size) == text
