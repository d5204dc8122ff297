"""What an app may choose, and what it is told when that cannot work."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest

from filesync_web import InvalidArgumentError, RetryPolicy
from filesync_web.options import FileSyncOptions, FileSyncSettings


def test_the_keyword_arguments_are_the_options() -> None:
    assert get_type_hints(FileSyncSettings) == get_type_hints(FileSyncOptions)
    assert list(FileSyncSettings.__annotations__) == [f.name for f in dataclasses.fields(FileSyncOptions)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrent_uploads": 0},
        {"max_concurrent_downloads": "three"},
        {"health_check_interval": 0},
        {"health_check_timeout": float("inf")},
        {"stall_timeout": -1},
        {"stall_timeout": float("nan")},
        {"retry": None},
        {"downloads": "lazy"},
        {"downloads": None},
        {"keep_bytes": -1},
        {"keep_bytes": True},
        {"keep_bytes": 1.5},
        {"orphan_grace": -1},
        {"orphan_grace": float("nan")},
        {"orphan_grace": "a month"},
        {"preprocessors": {"image/*": "shrink"}},
        {"preprocessors": [print]},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
        FileSyncOptions(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"base": -1}, {"cap": float("nan")}, {"max_attempts": 0}, {"rest": 0}], ids=str
)
def test_a_retry_policy_must_try(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="RetryPolicy"):
        RetryPolicy(**wrong)
