"""A new device as a process: opens a store, and says how far it is and what memory it needs.

    python -m tests.server.long_log_client FOLDER URL TOKEN STORE_ID

Lines are `<events still to come> <resident MiB>`, the last one `done <rows> <resident MiB at most>`.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from filesync_web.environment import open_store
from filesync_web.livestore.sync_status import SyncOptions
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
            print(now.remaining, resident(), flush=True)
        if now.caught_up:
            done.set()

    store.on_sync_status(look)
    await done.wait()
    ((count,),) = store.query(f"SELECT count(*) FROM {notes.quoted}")
    print("done", count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)
    await store.close()


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024**2


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
