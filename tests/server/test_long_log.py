"""A log of a million events: a new device opens it at bounded memory, and shows how far it is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from filesync_server.command.config import DEVELOPMENT_TOKEN
from filesync_server.sync import SqliteStorage
from filesync_server.sync.storage import Log, new_backend_id
from filesync_web.livestore.messages import Event, PulledEvent
from tests.server.test_command import running
from tests.server.test_load import MEGABYTE, resident

SHORT, LONG = 100_000, 1_000_000
NOTES = 1_000
CREATED = "2027-01-15T08:00:00.000Z"


def _events(count: int) -> Iterator[PulledEvent]:
    """Some notes, and then likes of them: a long history of little data."""
    for number in range(1, count + 1):
        name = "v1.NoteAdded" if number <= NOTES else "v1.NoteLiked"
        event = Event(name, {"id": str(number % NOTES)}, number, number - 1, "c", "s")
        yield PulledEvent(event, CREATED)


async def _log_of(data: Path, store_id: str, count: int) -> None:
    storage = SqliteStorage(data / "sync.sqlite")
    log = Log(store_id, new_backend_id(), count, count, CREATED)
    await storage.restore(log, _events(count), replace=False)
    await storage.close()


async def _opened_by_a_new_device(folder: Path, url: str, store_id: str) -> tuple[list[int], int]:
    """How many events were still to come, each time that it said so; and its memory at most, in MiB."""
    arguments = [str(folder / store_id), url, DEVELOPMENT_TOKEN, store_id]
    command = [sys.executable, "-m", "tests.server.long_log_client", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    *progress, (done, rows, most) = (line.split() for line in output.decode().splitlines())
    assert (process.returncode, done, int(rows)) == (0, "done", NOTES)
    return [int(remaining) for remaining, _ in progress], int(most)


@pytest.mark.soak(minutes=5)
async def test_a_million_events_open_at_bounded_memory_and_show_progress(tmp_path: Path) -> None:
    """A new device opens a store of 100,000 events, and one of a million, with about the same memory."""
    await _log_of(tmp_path, "short", SHORT)
    await _log_of(tmp_path, "long", LONG)
    async with running(tmp_path) as server:
        before = resident(server.process.pid)
        url = f"{server.url}/sync"
        _, memory_of_short = await _opened_by_a_new_device(tmp_path, url, "short")
        progress, memory = await _opened_by_a_new_device(tmp_path, url, "long")
        grown = resident(server.process.pid) - before
    assert progress[0] > 0.9 * LONG
    assert progress == sorted(progress, reverse=True)
    assert len(progress) > 10
    print(f"a new device needs at most {memory_of_short} MiB for {SHORT:,} events, {memory} for {LONG:,}")
    print(f"the server grew by {grown / MEGABYTE:.0f} MiB meanwhile")
    assert memory < 1.5 * memory_of_short
    assert grown < 64 * MEGABYTE
