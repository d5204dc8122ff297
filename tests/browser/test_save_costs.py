"""What a save of a small file costs, in numbers that do not depend on the machine: messages to workers,
transactions, locks, files. A save that has become slower has one of these more."""

from __future__ import annotations

import pytest

from tests.harness import PyodidePage, run_in_pyodide

SAVES = 10


@run_in_pyodide
async def count_saves(
    selenium: PyodidePage, store_id: str, kind: str, saves: int
) -> dict[str, dict[str, float]]:
    """How often each was called for one save, by worker."""
    from typing import Any

    import js

    import filesync_web as fs
    from tests.in_page.client import open_store
    from tests.in_page.counting import Counted, counting

    def source(n: int) -> object:
        text = f"{store_id} {n}".ljust(65536)
        if kind == "file":
            return js.File.new([text], "a.txt", type="text/plain")
        return text.encode() if kind == "bytes" else js.TextEncoder.new().encode(text)

    with counting():
        store = await open_store(store_id, token="")
        sync = await fs.create_file_sync(store, remote=None, auto_start=False)
    blobs: Any = sync._workspace.platform.blobs
    log: Any = store._replica._log
    workers = {"blobs": Counted(blobs.worker), "log": Counted(log.worker)}
    await sync.save_file(source(-1))  # which opens and makes what later ones find
    before = {name: await worker.counts() for name, worker in workers.items()}
    for n in range(saves):
        await sync.save_file(source(n))
    after = {name: await worker.counts() for name, worker in workers.items()}
    await sync.dispose()
    await store.close()
    return {
        name: {what: count / saves for what, count in (after[name] - before[name]).items()}
        for name in workers
    }


def once(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 1)


@pytest.mark.parametrize("kind", ["file", "bytes", "array"])
def test_a_small_save_is_one_message_to_each_worker_and_one_transaction(
    selenium: PyodidePage, store_id: str, kind: str
) -> None:
    found = count_saves(selenium, store_id, kind, SAVES)
    assert found["log"] == {**once("messages", "answers", "transaction", "get"), "put": 4}
    expected = once("messages", "answers", "digest", "createSyncAccessHandle", "move")
    expected |= once("request")  # for the lock of the hash
    expected |= once("transaction", "put")  # for the MIME type
    expected |= {"getFileHandle": 2}  # for the temporary file, and to see whether the content is there
    assert found["blobs"] == expected | (once("arrayBuffer") if kind == "file" else {})
