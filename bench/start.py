"""Opening a page: what each file of the first visit weighs, and how long it takes until the page is ready.

    cold       an empty HTTP cache, on this machine; each reading in a browser context of its own
    warm       reloaded, from the HTTP cache
    kept       reloaded, from what the service worker keeps
    slow       cold, at 1.6 Mbit/s and 150 ms, to ready and to the first picture of another device

The server sends compressed files. Each is weighed as it is, with brotli and with gzip.
`python -m bench.start gallery cold` takes the names of a page and of readings.
"""

from __future__ import annotations

import gzip
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.gallery import Gallery, picture, png
from tests.e2e.test_readme import the_page
from tests.harness import ServerProcess
from tests.harness.engines import CHROMIUM
from tools.common import build_lock
from tools.compress import compress
from tools.site import build_site

ROUNDS = 5
BITS_PER_SECOND, LATENCY_MS = 1_600_000, 150
GIVE_UP_MS = 300_000
PAGES = {"gallery": "/?storeId=bench", "readme": "/hello.html"}
READY = {
    "gallery": "() => !document.getElementById('gallery').hidden && performance.now()",
    "readme": "() => document.getElementById('files').textContent && performance.now()",
}
FIRST_PICTURE = "() => document.querySelector('[data-testid=file-image]')?.naturalWidth && performance.now()"
LOADED = "() => [location.href, ...performance.getEntriesByType('resource').map(({ name }) => name)]"
KEPT = """
async () => {
    const { active } = await navigator.serviceWorker.ready;
    while (active.state !== "activated") await new Promise((resolve) => setTimeout(resolve, 50));
    return Boolean(navigator.serviceWorker.controller);
}
"""


@contextmanager
def serve(stack: ExitStack, folder: Path) -> Iterator[ServerProcess]:
    """The site with a compressed copy beside each file, the README's page, and a store with one picture."""
    with build_lock():
        site = Path(shutil.copytree(build_site(), folder / "site"))
    (site / "hello.html").write_text(the_page())
    compress(site)
    server = ServerProcess(site, folder / "data")
    server.start()
    stack.callback(server.stop)
    yield server


@contextmanager
def new_page(browser: Browser, server: ServerProcess, *, slow: bool = False) -> Iterator[Page]:
    """A page with nothing in its cache, on a fast or on a slow line."""
    context: BrowserContext = browser.new_context(base_url=server.url)
    page = context.new_page()
    if slow:
        line = {"latency": LATENCY_MS, "downloadThroughput": BITS_PER_SECOND / 8, "offline": False}
        debugger = context.new_cdp_session(page)
        debugger.send("Network.enable")
        debugger.send("Network.emulateNetworkConditions", {**line, "uploadThroughput": BITS_PER_SECOND / 8})
    yield page
    context.close()


def milliseconds(page: Page, condition: str) -> float:
    """When the condition became true, since the page began to load."""
    found: float = page.wait_for_function(condition, timeout=GIVE_UP_MS, polling=10).json_value()
    return found


def weigh(name: str, page: Page, site: Path) -> None:
    """Print what each file that the page loaded weighs, heaviest first, and the sum."""
    page.goto(PAGES[name])
    milliseconds(page, READY[name])
    paths = {unquote(urlsplit(url).path).lstrip("/") or "index.html" for url in page.evaluate(LOADED)}
    rows = [(path, *_sizes(site / path)) for path in paths if (site / path).is_file()]
    rows.sort(key=lambda row: -row[2])
    rows.append((f"{len(rows)} files", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    print(f"  {'bytes':<48}{'raw':>12}{'brotli':>12}{'gzip':>12}")
    for path, *sizes in rows:
        print(f"  {path:<48}" + "".join(f"{size:>12,}" for size in sizes), flush=True)


def _sizes(file: Path) -> tuple[int, int, int]:
    raw, brotli = file.stat().st_size, file.with_name(f"{file.name}.br")
    packed = len(gzip.compress(file.read_bytes(), 9)) if brotli.exists() else raw
    return raw, brotli.stat().st_size if brotli.exists() else raw, packed


def cold(name: str, browser: Browser, server: ServerProcess) -> float:
    with new_page(browser, server) as page:
        page.goto(PAGES[name])
        return milliseconds(page, READY[name])


def warm(name: str, browser: Browser, server: ServerProcess) -> float:
    with new_page(browser, server) as page:
        page.goto(PAGES[name])
        milliseconds(page, READY[name])
        page.reload()
        return milliseconds(page, READY[name])


def kept(name: str, browser: Browser, server: ServerProcess) -> float:
    with new_page(browser, server) as page:
        page.goto(PAGES[name])
        milliseconds(page, READY[name])
        page.wait_for_function(KEPT, timeout=GIVE_UP_MS)
        page.reload()
        return milliseconds(page, READY[name])


def slow(name: str, browser: Browser, server: ServerProcess) -> float:
    with new_page(browser, server, slow=True) as page:
        page.goto(PAGES[name])
        return milliseconds(page, READY[name])


def slow_picture(name: str, browser: Browser, server: ServerProcess) -> float:
    with new_page(browser, server, slow=True) as page:
        page.goto(PAGES[name])
        return milliseconds(page, FIRST_PICTURE)


Reading = Callable[[str, Browser, ServerProcess], float]
READINGS: dict[str, dict[str, tuple[Reading, int]]] = {
    "gallery": {
        "cold": (cold, ROUNDS),
        "warm": (warm, ROUNDS),
        "kept": (kept, 3),
        "slow, to the first picture": (slow_picture, 1),
    },
    "readme": {"cold": (cold, ROUNDS), "warm": (warm, ROUNDS), "slow": (slow, 1)},
}
"""What is read of each page, and how often."""


def main() -> None:
    wanted = sys.argv[1:]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serve(stack, folder))
        playwright = stack.enter_context(sync_playwright())
        browser = CHROMIUM.launch(playwright)
        stack.callback(browser.close)
        with new_page(browser, server) as page:
            gallery = Gallery(page)
            gallery.go("bench")
            gallery.add(picture("first.png", png(400, 300, (200, 30, 30))))
            gallery.expect_all_uploaded()
        for name, readings in READINGS.items():
            if wanted and name not in wanted:
                continue
            print(name, flush=True)
            with new_page(browser, server) as page:
                weigh(name, page, server.site)
            for title, (read, rounds) in readings.items():
                if not {*wanted} - {*READINGS} or title.split(",")[0] in wanted:
                    values = [read(name, browser, server) for _ in range(rounds)]
                    spread = f"({min(values):,.0f} to {max(values):,.0f})" if rounds > 1 else ""
                    print(f"  {title:<28}{statistics.median(values):>9,.0f} ms  {spread}", flush=True)


if __name__ == "__main__":
    main()
