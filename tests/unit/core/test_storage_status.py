"""What a signer says of usage, which anybody may be."""

from __future__ import annotations

from typing import Any

import pytest

from filesync_web.core.storage_status import RemoteUsage, Usage, remote_usage_in

STORE = {"id": "album", "bytes": 5, "files": 1, "maxBytes": 10, "maxFiles": None}
OWN = {"name": "ann", "bytes": 7, "files": 2}


def test_the_store_and_the_caller_are_told_apart() -> None:
    assert remote_usage_in({"store": STORE, "identity": OWN}) == RemoteUsage(
        store=Usage(5, 1, 10, None), own=Usage(7, 2, None, None)
    )


@pytest.mark.parametrize(
    "wrong",
    [None, [], "5", {}, {"bytes": -1, "files": 0}, {"bytes": True, "files": 0}, {"bytes": 1.5, "files": 0}],
)
def test_what_cannot_be_read_is_not_known(wrong: Any) -> None:
    assert remote_usage_in({"store": wrong, "identity": OWN}) is None
    assert remote_usage_in({"store": STORE, "identity": wrong}) is None
