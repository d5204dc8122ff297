"""A new device as a process: opens a store, and says how far it is and what memory it needs.

    python -m tests.server.long_log_client FOLDER URL TOKEN STORE_ID

Lines are `<events still to come> <resident MiB>`, the last one `done <rows> <resident MiB at most>`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from filesync_web.environment import open_store
from filesync_web.livestore.sync_status import SyncOptions
from tests.harness.processes import read_status
from tests.unit.livestore.support import NOTES, notes

STEP = 50_000
"""Events between two lines."""


async def main(folder: str, url: str, token: str, store_id: str) -> None:
    told = float("inf")
    done = asyncio.Event()
    sync = SyncOptions(url, auth_token=token)
    store = await open_store(NOTES, store_id=store_id, sync=sync, data_dir=Path(folder))

    def look(status: object) -> None:
        nonlocal told
        now = store.sync_status
        if now.remaining and now.remaining < told - STEP:
            told = now.remaining
            print(now.remaining, memory("VmRSS"), flush=True)
        if now.caught_up:
            done.set()

    store.on_sync_status(look)
    await done.wait()
    ((count,),) = store.query(f"SELECT count(*) FROM {notes.quoted}")
    print("done", count, memory("VmHWM"), flush=True)
    await store.close()


def memory(what: str) -> int:
    """MiB of this process: `VmRSS` now, `VmHWM` at most. `getrusage` also counts what it was forked from."""
    return read_status(os.getpid())[what] // 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
