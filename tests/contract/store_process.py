"""A process with a store, told what to do line by line: `python -m tests.contract.store_process ...`.

Commands: `commit <id>`; it answers `open`, `committed <id>`, and says `seen <id>` and `leads` when it is so.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from filesync_web.environment import open_store
from filesync_web.livestore.sync_status import SyncOptions
from tests.unit.livestore.support import NOTES, note_added, notes


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(folder: str, url: str, token: str) -> None:
    sync = SyncOptions(url, auth_token=token)
    store = await open_store(NOTES, store_id="shared", sync=sync, data_dir=Path(folder))
    seen: set[str] = set()

    def look(rows: list[tuple[str]]) -> None:
        for row in rows:
            if row[0] not in seen:
                seen.add(row[0])
                say("seen", row[0])

    store.subscribe(f"SELECT id FROM {notes.quoted}", look)
    store.on_leader_change(lambda leads: leads and say("leads"))
    say("open")
    if store.leader:
        say("leads")
    while line := await asyncio.to_thread(sys.stdin.readline):
        _, note = line.split()
        await store.commit(note_added(id=note))
        say("committed", note)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
