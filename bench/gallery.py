"""The gallery with few and with many pictures: how soon they are seen, and what the page costs.

    fresh       from opening the page in a browser that has never seen it to the first cards
    downloads   files a second that arrive there while the page shows them, and the longest time that they
                have kept the page from answering meanwhile
    reload      from reloading the page to the first cards, and the same of an empty gallery: Python's start
    memory      of the largest renderer process then, as Linux counts it, garbage collected, and how much of
                it is its own: the rest is the browser's program, which all its processes share
    scrolling   the longest time that the page did not answer while it was scrolled through

The pictures are tiny, and no two are alike. At most 5,000 of a store have bytes; the others are known, and
waited for. Numbers of pictures may be given as arguments; `build.py bench` takes 500, 5,000 and 50,000.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import httpx
from playwright.sync_api import Page, Playwright, sync_playwright

import filesync_web as fs
from tests.e2e.gallery import TOKEN, png
from tests.harness import PageErrors, Profile, ServerProcess
from tests.harness.engines import CHROMIUM
from tests.harness.memory import Memory
from tests.harness.site import build_test_site
from tests.in_page.client import FILES, SCHEMA

SIZES = (500, 5_000, 50_000)
MOST_BYTES = 5_000
RELOADS = 3
PATIENCE = 180.0
"""Seconds that downloads are watched; what has not arrived then is not counted."""

WATCH = """
addEventListener('DOMContentLoaded', () => {
    self.longest = 0;
    new PerformanceObserver((list) => {
        self.longest = Math.max(self.longest, ...list.getEntries().map((entry) => entry.duration));
    }).observe({ type: 'longtask' });
});
"""
SCROLL = """
async () => {
    self.longest = 0;
    const frame = () => new Promise(requestAnimationFrame);
    for (let n = 0; n < 120; n++) { scrollBy(0, 300); await frame(); }
    for (let n = 1; n <= 20; n++) {
        scrollTo(0, (n / 20) * document.documentElement.scrollHeight);
        for (let wait = 0; wait < 10; wait++) await frame();
    }
}
"""


async def fill(server: ServerProcess, folder: Path, count: int) -> None:
    """Have a store of so many pictures, made by another client; their bytes go straight to the server."""
    name, is_sent = f"size{count}", asyncio.Event()
    sync = fs.SyncOptions(url=f"{server.url}/sync", auth_token=TOKEN)
    store = await fs.open_store(SCHEMA, store_id=name, sync=sync, data_dir=folder / "client")
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "image/png"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as http:

        async def put(key: str, content: bytes) -> None:
            (await http.put(f"/livestore-filesync-files/{key}", content=content)).raise_for_status()

        for first in range(0, count, 500):
            contents = [png(40, 30, (n % 256, n // 256, 128)) for n in range(first, min(first + 500, count))]
            keys = [f"{name}/{sha256(content).hexdigest()}" for content in contents]
            if first < MOST_BYTES:
                await asyncio.gather(*map(put, keys, contents))
            pictures = zip(keys, contents, strict=True)
            events = [picture(n, key, len(content)) for n, (key, content) in enumerate(pictures, first)]
            await store.commit(*(event for some in events for event in some))
    store.on_sync_status(lambda status: None if status.pending else is_sent.set())
    if store.sync_status.pending:
        await is_sent.wait()
    await store.close()


def picture(number: int, key: str, size: int) -> list[fs.NewEvent]:
    """The events of a picture with that key, uploaded if it has bytes."""
    content_hash, path = key.rpartition("/")[2], f"livestore-filesync-files/{key}"
    metadata = {
        "mimeType": "image/png",
        "sizeBytes": size,
        "image": {"width": 40, "height": 30},
        "custom": {"name": f"IMG_{number:05}.png"},
    }
    created = FILES.events.file_created(
        id=f"file {number}",
        path=path,
        content_hash=content_hash,
        metadata_json=json.dumps(metadata),
        created_at=number,
        updated_at=number,
    )
    if number >= MOST_BYTES:
        return [created]
    uploaded = FILES.events.file_updated(
        id=f"file {number}", path=path, remote_key=key, content_hash=content_hash, updated_at=number
    )
    return [created, uploaded]


def first_cards(page: Page, count: int, go: str) -> float:
    """Seconds from opening or reloading the page to the first cards, or to a gallery without any."""
    seen = "[data-testid=file-card]" if count else "[data-testid=empty-state]"
    started = time.perf_counter()
    if go:
        page.goto(go, wait_until="commit")
    else:
        page.reload(wait_until="commit")
    page.wait_for_selector(seen)
    return time.perf_counter() - started


def downloads(page: Page, server: ServerProcess, count: int) -> float:
    """Files a second that arrive, from now until all are here or the patience is at its end.

    The server's log tells which it has sent. A page that is asked for the files in its folder makes a handle
    for each; to collect thousands of them as garbage holds it up for seconds.
    """
    line = re.compile(rf"method=GET path=\S*/size{count}/(\S+) status=20[06]")

    def sent() -> int:
        return len(set(line.findall(server.read_log())))

    with_bytes = min(count, MOST_BYTES)
    started, first = time.perf_counter(), sent()
    while True:
        page.wait_for_timeout(500)
        arrived, passed = sent(), time.perf_counter() - started
        if arrived >= with_bytes or passed > PATIENCE:
            return (arrived - first) / passed


def report(playwright: Playwright, server: ServerProcess, folder: Path, count: int) -> None:
    """Measure a store of so many pictures, and print it."""
    profile = Profile(CHROMIUM, playwright, folder / f"profile{count}", PageErrors(), server.url)
    context = profile.open()
    context.set_default_timeout(120_000)
    context.add_init_script(WATCH)
    page = context.new_page()
    say(count, f"fresh {first_cards(page, count, f'/?storeId=size{count}'):.2f} s")
    if count:
        page.evaluate("longest = 0")
        say(count, f"downloads {downloads(page, server, count):.0f} files/s, {longest_task(page)}")
    page.wait_for_timeout(8_000)  # the service worker takes the site, and what was saved is written
    reloads = [first_cards(page, count, "") for _ in range(RELOADS)]
    say(count, f"reload {statistics.median(reloads):.2f} s ({min(reloads):.2f} to {max(reloads):.2f})")
    page.wait_for_timeout(2_000)
    context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    memory = Memory(profile.folder)
    used, own = max((memory.resident([pid]), memory.own([pid])) for pid in memory.renderers)
    say(count, f"memory {used:.0f} MiB, {own:.0f} of them its own")
    if count:
        page.evaluate(SCROLL)
        say(count, f"scrolling: {longest_task(page)}")
    profile.close()


def longest_task(page: Page) -> str:
    return f"longest task {page.evaluate('longest'):.0f} ms"


def say(count: int, text: str) -> None:
    print(f"{count:7,} pictures: {text}", flush=True)


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = ServerProcess(build_test_site(folder / "site"), folder / "data", FILESYNC_LOG_LEVEL="info")
        server.start()
        stack.callback(server.stop)
        for count in sizes:
            asyncio.run(fill(server, folder, count))
        playwright = stack.enter_context(sync_playwright())
        for count in (0, *sizes):
            report(playwright, server, folder, count)


if __name__ == "__main__":
    main()
