"""The store: how long opening takes with few and many files, how many commits a second, and what tabs wait.

    open           a store of the size, in a page or process that has opened none before, nothing cached there
    open again     the same store in the same page or process
    versions       a store of 1,000 files whose files have had 20 contents each, beside one whose have not
    commits        one by one, each durable when it returns; and 1,000 in one call
    rival          as many rows, as durable, by plain JavaScript in IndexedDB or plain Python in SQLite
    seen           from a commit in one tab to its row in another

The stores are as they are after a sync: every record came from a backend, every file has its row.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from bench._common import compare, new_profile
from tests.harness import PyodidePage, open_pyodide_page

SIZES = (500, 5_000, 50_000)
FILES, VERSIONS = 1_000, 20
ROUNDS = 5
SECONDS = 300.0
COMMITS = 100
BATCH = 1_000

# The same in a page and in a process; `open_it(name)` opens a store there.
COMMON = """
import hashlib, json, time
from filesync_web import create_file_sync_schema, make_schema
from filesync_web.livestore.messages import Event
files = create_file_sync_schema()
schema = make_schema(
    tables=files.tables, events=files.events, materializers=files.create_materializers(files.tables)
)

def created(n, prefix=""):
    digest = hashlib.sha256(f"{prefix}{n}".encode()).hexdigest()
    metadata = {"mimeType": "image/jpeg", "sizeBytes": 123456 + n, "custom": {"name": f"IMG_{n:05}.jpg"}}
    return files.events.file_created(
        id=f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}",
        path=f"livestore-filesync-files/store/{digest}", content_hash=digest,
        metadata_json=json.dumps(metadata), created_at=1700000000000 + n, updated_at=1700000000000 + n,
    )

def state_of(event):
    args = event.args
    return files.events.local_file_state_upsert(
        file_id=args["id"], path=args["path"], local_hash=args["contentHash"], download_status="done",
        upload_status="done", last_sync_error="",
    )

def edited(n, base, version):
    args = created(n).args
    digest = hashlib.sha256(f"{n} {version}".encode()).hexdigest()
    at = 1700000000000 + n + version
    update = files.events.file_updated(
        id=args["id"], path=f"livestore-filesync-files/store/{digest}", remote_key="", content_hash=digest,
        metadata_json=args["metadataJson"], updated_at=at,
    )
    return update, files.events.file_version_base(id=args["id"], content_hash=digest, base_hash=base)

def history(n, versions):
    events = [created(n)]
    for version in range(1, versions):
        events += edited(n, events[-1].args["contentHash"], version)
    return events

def newest(events):
    return [event for event in events if "path" in event.args][-1]

async def fill(name, count, versions=1):
    store = await open_it(name)
    number = 0
    for head in range(0, count, 500):
        histories = [history(n, versions) for n in range(head, min(head + 500, count))]
        events = [event for one in histories for event in one]
        pulled = [
            Event(event.definition.name, event.args, number + n + 1, number + n, "other", "other")
            for n, event in enumerate(events)
        ]
        number += len(pulled)
        await store._replica.confirm(pulled, "backend", {})
        await store.commit(*(state_of(newest(one)) for one in histories))
    await store._replica.save_state()
    await store.close()

async def opening(name):
    passed = []
    for _ in range(4):
        began = time.perf_counter()
        store = await open_it(name)
        passed.append((time.perf_counter() - began) * 1000)
        assert store.query("SELECT count(*) FROM files")[0][0] == int(name.partition(".")[2])
        await store.close()
    return [passed[0], min(passed[1:])]

async def commits(count, together):
    store = await open_it("commits")
    events = [created(n, time.time()) for n in range(count)]
    began = time.perf_counter()
    for first in range(0, count, together):
        await store.commit(*events[first : first + together])
    passed = time.perf_counter() - began
    await store.close()
    return passed * 1000 / count
"""

IN_PAGE = """
from filesync_web import open_store
from pyodide.code import run_js

async def open_it(name):
    return await open_store(schema, store_id=name)

rival = run_js('''(async (count, together) => {
  const db = await new Promise((resolve) => {
    const opening = indexedDB.open("rival", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("rows", { autoIncrement: true });
    opening.onsuccess = () => resolve(opening.result);
  });
  const row = { id: "x".repeat(36), path: "x".repeat(100), hash: "x".repeat(64), metadata: "x".repeat(100) };
  const began = performance.now();
  for (let done = 0; done < count; done += together) {
    const transaction = db.transaction("rows", "readwrite", { durability: "strict" });
    for (let n = 0; n < together; n++) transaction.objectStore("rows").put(row);
    await new Promise((resolve) => { transaction.oncomplete = resolve; });
  }
  db.close();
  return (performance.now() - began) / count;
})''')
"""

IN_PROCESS = """
import asyncio, sqlite3
from filesync_web.native.environment import NativeEnvironment

async def open_it(name):
    return await NativeEnvironment(folder).open_store(schema, name, None)

async def rival(count, together):
    db = sqlite3.connect(folder / "rival", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, name, path, hash, metadata)")
    row = ("x" * 36, "x" * 100, "x" * 64, "x" * 100)
    began = time.perf_counter()
    for _ in range(0, count, together):
        db.execute("BEGIN")
        for _ in range(together):
            db.execute("INSERT INTO rows (name, path, hash, metadata) VALUES (?, ?, ?, ?)", row)
        db.execute("COMMIT")
    db.close()
    return (time.perf_counter() - began) * 1000 / count
"""

WATCH = """
store, seen = await open_it("seen"), {}
store.subscribe("SELECT id FROM files", lambda rows: [seen.setdefault(row.id, time.time()) for row in rows])
None
"""

Run = Callable[[str], Any]
"""Evaluates a coroutine's expression, in a page or a process."""


class Pages:
    """Runs code in pages of one browser."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._pair: list[PyodidePage] = []

    def new(self) -> PyodidePage:
        """A page in which nothing was opened yet."""
        page = open_pyodide_page(self._context)
        page.set_script_timeout(SECONDS)
        page.run_async(COMMON + IN_PAGE)
        return page

    def run(self, code: str) -> Any:
        """The value of a coroutine, in a page of its own."""
        page = self.new()
        value = page.run_async(f"await {code}")
        page.quit()
        return value

    def seen(self) -> float:
        """Milliseconds until another tab has seen a commit."""
        if not self._pair:
            self._pair = [self.new(), self.new()]
            for page in self._pair:
                page.run_async(WATCH)
        commit = "e = created(0, time.time()); await store.commit(e); [e.args['id'], time.time()]"
        file_id, at = self._pair[0].run_async(commit)
        wait = f"import asyncio\nwhile {file_id!r} not in seen: await asyncio.sleep(0.001)\nseen[{file_id!r}]"
        return float(self._pair[1].run_async(wait) - at) * 1000


def in_process(folder: Path, code: str) -> Any:
    """The value of a coroutine, in a Python process of its own."""
    main = f"async def main():\n    print(json.dumps(await {code}))\nasyncio.run(main())"
    script = f"from pathlib import Path\nfolder = Path({str(folder)!r})\n{COMMON}{IN_PROCESS}{main}"
    answer = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)


def measure(run: Run) -> None:
    """Openings and commits, in pages or processes."""
    for size in SIZES:
        run(f"fill('size.{size}', {size})")
    again: dict[int, list[float]] = {size: [] for size in SIZES}

    def first(size: int) -> float:
        opened, then = run(f"opening('size.{size}')")
        again[size].append(then)
        return float(opened)

    print("open")
    compare("ms", {f"{size:,} files": partial(first, size) for size in SIZES}, ROUNDS)
    print("open again")
    compare("ms", {f"{size:,} files": again[size].pop for size in SIZES}, ROUNDS)
    measure_versions(run)
    for title, count, together in (("one by one", COMMITS, 1), (f"{BATCH:,} at once", BATCH, BATCH)):
        print(f"commits, {title}: milliseconds each")
        variants = {name: f"{name}({count}, {together})" for name in ("rival", "commits")}
        compare("ms", {name: partial(run, code) for name, code in variants.items()}, 3)


def measure_versions(run: Run) -> None:
    """Opening a store with and without versions."""
    names = {"without": f"plain.{FILES}", f"{VERSIONS} versions each": f"versions.{FILES}"}
    for name, versions in zip(names.values(), (1, VERSIONS), strict=True):
        run(f"fill('{name}', {FILES}, {versions})")

    def opened(name: str) -> float:
        return float(run(f"opening('{name}')")[0])

    print(f"open, {FILES:,} files")
    compare("ms", {title: partial(opened, name) for title, name in names.items()}, ROUNDS)


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print("--- CPython")
        measure(partial(in_process, folder))
        print("--- Chromium")
        pages = Pages(new_profile(stack, folder).open())
        measure(pages.run)
        print("seen in another tab")
        compare("ms", {"commit": pages.seen}, 20)


if __name__ == "__main__":
    main()
