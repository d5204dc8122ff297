"""A log that cannot grow, for the disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from filesync_web.errors import QuotaExceededError
from filesync_web.livestore.ports import START, LocalEvent
from filesync_web.native.event_log import SqliteEventLog


async def test_a_log_without_room_is_a_quota_error_with_nothing_half_written(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "log.sqlite")
    await log.open("client")
    await log._run(lambda: log._opened._db.execute("PRAGMA max_page_count = 12"))
    large = LocalEvent("v1.Large", {"text": "x" * 100_000}, "client", "session", synced=True)
    with pytest.raises(QuotaExceededError, match=r"log\.sqlite"):
        await log.append([large], START)
    assert (await log.read(START)).local == []
    await log.close()
