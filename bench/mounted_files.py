"""A store of 50,000 files, mounted: what its first look costs, and each later one.

    mount        `await sync.mount()`
    first        the first `os.stat`, for which the names of all files are read
    stat         `os.stat` of one of 1,000 files, and how many statements of SQL each takes
    missing      `os.stat` where no file is
    listdir      `os.listdir` of a folder with a hundredth of the files, and of the one with all others
    change       `os.stat` of a file that has just been renamed, as another tab would do it

in a worker and on the main thread. The records are committed by events alone: their bytes are elsewhere.
Another number of files may be given as an argument.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench._common import new_profile
from tests.harness import PyodidePage, open_pyodide_page
from tests.harness.pyodide_page import Kind

SECONDS = 600.0
KINDS: dict[str, Kind] = {"worker": "worker", "main thread": "bare"}

OPEN = """
import json, os, random
from hashlib import sha256
from js import performance
import filesync_web as fs
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id=f"bench-{kind}")
sync = await fs.create_file_sync(store, remote=None)

def path_of(number):
    return f"few/{number}.txt" if number % 100 == 0 else f"all/{number}.txt"

def created(number):
    content_hash = sha256(str(number).encode()).hexdigest()
    metadata = {"mimeType": "text/plain", "sizeBytes": number, "custom": {"name": path_of(number)}}
    return kit.events.file_created(
        id=f"file {number}", path=f"livestore-filesync-files/bench/{content_hash}", content_hash=content_hash,
        metadata_json=json.dumps(metadata), created_at=number, updated_at=number,
    )

for first in range(0, count, 1000):
    await store.commit(*map(created, range(first, min(first + 1000, count))))

chosen = random.Random(1).sample(range(count), 1000)
queries = 0
query = store.query

def counted(*what):
    global queries
    queries += 1
    return query(*what)

store.query = counted

def stat_all():
    for number in chosen:
        assert os.stat(f"/files/{path_of(number)}").st_size == number

def missing():
    for number in chosen:
        assert not os.path.exists(f"/files/all/no {number}.txt")

def timed(act):
    started = performance.now()
    act()
    return performance.now() - started
"""

MOUNT = """
started = performance.now()
mounted = await sync.mount()
performance.now() - started
"""

CHANGE = """
await sync.rename_file("file 7", "all/renamed.txt")
timed(lambda: os.stat("/files/all/renamed.txt"))
"""

CLOSE = """
await sync.dispose()
await store.close()
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with ExitStack() as stack:
        context = new_profile(stack, Path(stack.enter_context(tempfile.TemporaryDirectory()))).open()
        for name, kind in KINDS.items():
            print(f"{name}, {count} files", flush=True)
            page = open_pyodide_page(context, kind)
            page.set_script_timeout(SECONDS)
            page.run_async(f"count, kind = {count}, {kind!r}\n{OPEN}\nNone")
            look(page, count)
            page.run_async(f"{CLOSE}\nNone")
            page.driver.close()


def look(page: PyodidePage, count: int) -> None:
    """Mount the files, and look at them."""

    def say(what: str, code: str, times: int = 1) -> None:
        print(f"  {what:<24}{page.run_async(code) / times:10.2f} ms", flush=True)

    few = -(-count // 100)
    say("mount", MOUNT)
    say("first", "timed(lambda: os.stat('/files/few/0.txt'))")
    say("stat", "queries = 0\ntimed(stat_all)", 1000)
    print(f"  {'queries for each':<24}{page.run_async('queries') / 1000:10.2f}", flush=True)
    say("missing", "timed(missing)", 1000)
    say(f"listdir of {few}", "timed(lambda: os.listdir('/files/few'))")
    say(f"listdir of {count - few}", "timed(lambda: os.listdir('/files/all'))")
    say("change", CHANGE)


if __name__ == "__main__":
    main()
