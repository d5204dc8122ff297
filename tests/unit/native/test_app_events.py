"""A process that dies in the middle of a commit leaves the file and what the app says of it, or neither."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

import filesync_web as fs
from tests.in_page.client import FILES
from tests.in_page.noted import NOTES, SCHEMA

SAVE = """
import asyncio, os, sys
import filesync_web as fs
from filesync_web.native import event_log
from tests.in_page.noted import SCHEMA, noted

folder, killed_at = sys.argv[1], int(sys.argv[2])
to_json, written = event_log.to_json, 0

def dying(args):
    global written
    written += 1
    if written > killed_at:
        os.kill(os.getpid(), 9)
    return to_json(args)

async def main():
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=folder)
    sync = await fs.create_file_sync(store, remote=None, auto_start=False)
    def events(result):
        event_log.to_json = dying  # each event that is written into the log passes here
        return noted(result)
    await sync.save_file(b"data", name="data.txt", events=events)
    print("saved", flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("killed_at", "is_saved"), [(0, False), (1, False), (2, False), (3, False), (9, True)]
)
async def test_a_kill_between_the_events_of_one_commit(
    tmp_path: Path, killed_at: int, is_saved: bool
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SAVE, str(tmp_path), str(killed_at)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    told, _ = await process.communicate()
    assert (told, process.returncode) == (b"saved\n" * is_saved, -9)
    store = await fs.open_store(SCHEMA, store_id="s", data_dir=tmp_path)
    files, notes = store.query(FILES.tables.files), store.query(NOTES)
    await store.close()
    assert (len(files), len(notes)) == (is_saved, is_saved)
