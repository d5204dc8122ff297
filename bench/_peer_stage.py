"""Where bench/peers.py compares two kits: one server, a page of each, fresh profiles, files there already."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.harness import PageErrors, Profile, ServerProcess
from tests.harness.engines import CHROMIUM
from tests.harness.native_client import native_client
from tests.harness.processes import cpu_seconds
from tests.harness.waiting import until
from tests.in_page.client import TOKEN
from tests.interop.packages import PAGE, ensure_livestore
from tools.common import build_lock
from tools.compress import compress
from tools.site import build_site

PAGES = {
    "ours": "/bench/ours.html",
    "theirs": "/livestore/bench.html",
    "empty": "/bench/empty.html",
    "stdlib": "/bench/stdlib.html",
}
"""The last two are no kits: they tell what of our start is that of any page with Python."""
SECONDS = 600.0
"""After which a page gives up on what it waits for."""
_STARTED = "() => globalThis.bench || globalThis.benchError"
_CALL = """([operation, args, seconds]) => Promise.race([
    bench[operation](...args),
    new Promise((_, reject) => setTimeout(reject, seconds * 1000, new Error(`${operation} did not end`))),
])"""
_SEED_BATCH = 200
_SEED_UPLOADS = 16


class Visit:
    """A page of one kit, whose store is open, alone in a browser of its own."""

    def __init__(self, page: Page, profile: Path) -> None:
        self._page = page
        self._profile = profile
        self.started, self.ready = page.evaluate("[bench.started, bench.ready]")
        """Milliseconds from the navigation to the page's own code, and until it can save."""

    def call(self, operation: str, *args: Any) -> float:
        """Do an operation of bench/pages/driver.js; most return milliseconds."""
        return float(self._page.evaluate(_CALL, [operation, list(args), SECONDS]))

    def cpu_seconds(self) -> float:
        """Of all processes of the browser, since it started."""
        return cpu_seconds(self._profile)


class Stage:
    """One server for both kits; what is opened ends with the stack.

    Attributes:
        is_quick: whether the larger numbers are to be smaller.
    """

    def __init__(self, stack: ExitStack, folder: Path, *, is_quick: bool) -> None:
        self.is_quick = is_quick
        self._stack = stack
        self._folder = folder
        self._playwright = stack.enter_context(sync_playwright())
        self._site = _build_site(folder / "site")
        self.server = self._serve(self._site, "data", log_level="warning")
        self.seeded = cache(self._seed)

    @contextmanager
    def visit(self, kit: str, store_id: str = "", server: ServerProcess | None = None) -> Iterator[Visit]:
        """Open the kit's page in a new profile; a new store unless one is named."""
        errors = PageErrors()
        store_id = store_id or f"bench_{uuid.uuid4().hex}"
        with self._new_folder() as folder, ExitStack() as stack:
            profile = Profile(CHROMIUM, self._playwright, Path(folder), errors, (server or self.server).url)
            stack.callback(profile.close)
            page = profile.open().new_page()
            page.goto(f"{PAGES[kit]}?store={store_id}&limit={SECONDS:g}")
            page.wait_for_function(_STARTED, timeout=SECONDS * 1000, polling=20)
            if error := page.evaluate("globalThis.benchError && String(benchError)"):
                raise RuntimeError(f"the page did not start: {error}; {errors.console}")
            yield Visit(page, profile.folder)

    def _new_folder(self) -> TemporaryDirectory[str]:
        # Its browser may still be writing when it has closed.
        return TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True)

    def _seed(self, count: int, size: int) -> str:
        """A store with so many files of one size, saved and uploaded by a client that is gone; its id."""
        store_id = f"seeded_{uuid.uuid4().hex}"
        with ThreadPoolExecutor(1) as executor:  # this thread's event loop is Playwright's
            executor.submit(asyncio.run, self._fill(store_id, count, size)).result()
        return store_id

    async def _fill(self, store_id: str, count: int, size: int) -> None:
        address = self.server.url.removeprefix("http")
        with self._new_folder() as folder:
            async with native_client(
                Path(folder),
                store_id=store_id,
                sync_url=f"ws{address}/sync",
                signer_url=f"http{address}/api",
                token=TOKEN,
                max_concurrent_uploads=_SEED_UPLOADS,
            ) as (store, sync):
                for head in range(0, count, _SEED_BATCH):
                    names = [f"{n}.bin" for n in range(head, min(head + _SEED_BATCH, count))]
                    saves = [sync.save_file(name.ljust(size).encode(), name=name) for name in names]
                    await asyncio.gather(*saves)
                uploaded = "SELECT count(*) FROM files WHERE remoteKey <> ''"
                is_there = lambda: store.query(uploaded)[0][0] == count and not store.sync_status.pending  # noqa: E731
                await until(is_there, f"{count} files are there", timeout=SECONDS)

    @cached_property
    def compressed(self) -> ServerProcess:
        """A server that sends the site in brotli and logs each request."""
        site = Path(shutil.copytree(self._site, self._folder / "compressed"))
        compress(site)
        return self._serve(site, "compressed-data", log_level="info")

    def _serve(self, site: Path, data: str, *, log_level: str) -> ServerProcess:
        server = ServerProcess(site, self._folder / data, FILESYNC_LOG_LEVEL=log_level)
        server.start()
        self._stack.callback(server.stop)
        return server


def _build_site(into: Path) -> Path:
    ensure_livestore()
    with build_lock():
        shutil.copytree(build_site(), into)
    shutil.copytree(Path(__file__).parent / "pages", into / "bench")
    shutil.copytree(PAGE, into / "livestore")
    return into
