"""The gallery as a test sees it: by the ids of its elements, through the same gestures as a person's.

Also requests that are held until the test lets them go. Nothing here sleeps for a fixed time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, FilePayload, Locator, Page, Request, Route, expect

from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tools.common import ROOT
from tools.site import CONFIG

TOKEN = "dev-token-change-in-production"
FILES = "**/livestore-filesync-files/**"
SLOW = 30.0
"""Seconds to wait for what happens at once on a quiet machine."""

LARGE, THUMBNAIL = 580, 512
"""Pixels of a picture's longest side, and of what cards show of those that have more."""


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


_JPEG = """
async ([width, height, quality]) => {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    const image = context.createImageData(width, height);
    for (let at = 0; at < image.data.length; at += 65536)
        crypto.getRandomValues(image.data.subarray(at, at + 65536));
    for (let at = 3; at < image.data.length; at += 4) image.data[at] = 255;
    context.putImageData(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
    const reader = new FileReader();
    reader.readAsDataURL(blob);
    await new Promise((resolve) => { reader.onload = resolve; });
    return reader.result.split(',')[1];
}
"""


def jpeg(page: Page, width: int, height: int, quality: float = 0.95) -> bytes:
    """A JPEG of noise, which compresses badly; 2400 x 2400 are about 6 MB."""
    return base64.b64decode(page.evaluate(_JPEG, [width, height, quality]))


def picture(name: str, content: bytes, mime_type: str = "image/png") -> FilePayload:
    """A file for the chooser."""
    return {"name": name, "mimeType": mime_type, "buffer": content}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_COUNT_SOCKETS = """
globalThis.sockets = [];
globalThis.WebSocket = class extends WebSocket {
    constructor(url, ...others) {
        super(url, ...others);
        sockets.push(this);
    }
};
"""


def note_sockets(context: BrowserContext) -> None:
    """Let each page of a context, from now on, note the WebSockets that it opens, for `sockets_of` and
    `has_open_socket`."""
    context.add_init_script(_COUNT_SOCKETS)


def sockets_of(page: Page) -> list[str]:
    """The addresses of the WebSockets that the page has opened since it was loaded."""
    found: list[str] = page.evaluate("sockets.map(({ url }) => url)")
    return found


def has_open_socket(page: Page) -> bool:
    """Whether the page holds a WebSocket that is open or about to be."""
    return bool(page.evaluate("sockets.some(({ readyState }) => readyState <= WebSocket.OPEN)"))


_RECORD_TEXTS = """
globalThis.texts = [];
new MutationObserver(() => {
    const text = document.querySelector('%s')?.textContent;
    if (text && texts.at(-1) !== text) texts.push(text);
}).observe(document, { childList: true, characterData: true, subtree: true });
"""


def record_texts(owner: Page | BrowserContext, selector: str) -> None:
    """Let each page, from now on, note every text of an element, for `recorded_texts`: some stand there for
    too short a time to be looked for."""
    owner.add_init_script(_RECORD_TEXTS % selector)


def recorded_texts(page: Page) -> list[str]:
    """The texts that the page has shown since it was loaded, from the first on."""
    found: list[str] = page.evaluate("texts")
    return found


class Held:
    """Requests that wait until the test lets them go, one by one or all from now on."""

    def __init__(self, page: Page | BrowserContext, url: str, method: str | None = None) -> None:
        self._owner = page
        self._url = url
        self._method = method
        self._open = False
        self.waiting: list[Route] = []
        self.seen: list[Request] = []
        page.route(url, self._hold)

    def _hold(self, route: Route) -> None:
        if self._method not in (None, route.request.method):
            route.fallback()
            return
        self.seen.append(route.request)
        if self._open:
            route.continue_()
        else:
            self.waiting.append(route)

    def let_go(self, number: int = 1) -> None:
        """Let the first few of the waiting requests go on."""
        for _ in range(number):
            self.waiting.pop(0).continue_()

    def open(self) -> None:
        """Let everything go on, now and later."""
        self._open = True
        self.let_go(len(self.waiting))

    def abort(self) -> None:
        """Break off everything that waits; later requests go through."""
        self._open = True
        while self.waiting:
            self.waiting.pop(0).abort()


def with_source(config: str, name: str) -> str:
    """The gallery's configuration for PyScript, by which it takes a module from its source and not from those
    that are compiled."""
    settings = json.loads(config)
    settings["files"][f"./{name}"] = f"./{name}"
    return json.dumps(settings)


def replace_module(owner: Page | BrowserContext, name: str, source: str) -> None:
    """Let each gallery that is loaded from now on have this source for one of its modules, which the site has
    compiled."""

    def add_source(route: Route) -> None:
        route.fulfill(body=with_source(route.fetch().text(), name), content_type="application/json")

    owner.route(f"**/{CONFIG}", add_source)
    owner.route(f"**/{name}", lambda route: route.fulfill(body=source, content_type="text/x-python"))


def new_context_with_time_to_undo(
    new_context: Callable[..., BrowserContext], **options: object
) -> BrowserContext:
    """A context whose galleries offer to undo for long enough, however busy this machine is."""
    source = (ROOT / "demo" / "undo.py").read_text()
    assert "\nUNDO_TIME = 3.5\n" in source
    context = new_context(**options)
    replace_module(context, "undo.py", source.replace("\nUNDO_TIME = 3.5\n", "\nUNDO_TIME = 3600.0\n"))
    return context


@dataclass(frozen=True)
class Card:
    """One file's card."""

    root: Locator

    def part(self, test_id: str) -> Locator:
        return self.root.get_by_test_id(test_id)

    @property
    def image(self) -> Locator:
        return self.part("file-image")

    @property
    def content_hash(self) -> Locator:
        """The cell beside the label `File: Hash`."""
        label = self.root.page.locator("td.label").get_by_text("File: Hash", exact=True)
        return self.root.locator("table tr").filter(has=label).locator("td").nth(1)

    def expect_image(self, width: int, height: int) -> None:
        """The picture is there, decoded, in its full size; of a large one a thumbnail."""
        expect(self.part("file-metadata")).to_have_text(f"{width}x{height}")
        expect(self.image).to_be_visible()
        longest = max(width, height)
        share = THUMBNAIL / longest if longest > LARGE else 1
        expect(self.image).to_have_js_property("naturalWidth", round(width * share))
        expect(self.image).to_have_js_property("naturalHeight", round(height * share))

    def expect_uploaded(self) -> None:
        expect(self.part("file-upload-status")).to_have_text("done")
        expect(self.part("file-remote-key")).not_to_be_empty()

    def expect_synced(self, content_hash: str) -> None:
        """The own copy has the content, and the remote one is recorded."""
        expect(self.content_hash).to_have_text(content_hash)
        expect(self.part("file-local-hash")).to_have_text(content_hash)
        expect(self.part("file-remote-key")).to_have_text(f"{self.store_id}/{content_hash}")

    @property
    def store_id(self) -> str:
        return str(self.root.page.evaluate("new URLSearchParams(location.search).get('storeId')"))


class Gallery:
    """A page that shows the gallery."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cards = page.get_by_test_id("file-card")
        self.headline = page.locator(".headline")
        self.toasts = page.locator(".toast")

    @classmethod
    def open(cls, context: BrowserContext, store_id: str, **parameters: object) -> Gallery:
        """Open the gallery in a new tab and wait until it is ready."""
        gallery = cls(context.new_page())
        gallery.go(store_id, **parameters)
        return gallery

    def go(self, store_id: str, **parameters: object) -> None:
        query = {"storeId": store_id, "healthCheckIntervalMs": 500, **parameters}
        self.page.goto("./?" + "&".join(f"{name}={value}" for name, value in query.items()))
        self.expect_ready()

    def reload(self) -> None:
        self.page.reload()
        self.expect_ready()

    def expect_ready(self) -> None:
        expect(self.page.get_by_test_id("gallery")).to_be_visible(timeout=2 * SLOW * 1000)

    def add(self, *files: FilePayload) -> None:
        """Choose files, and wait until each has its card."""
        before = self.cards.count()
        self.page.locator("input[type=file]").set_input_files(list(files))
        expect(self.cards).to_have_count(before + len(files))

    def card(self, index: int) -> Card:
        return Card(self.cards.nth(index))

    def all_cards(self) -> list[Card]:
        return [self.card(index) for index in range(self.cards.count())]

    def in_panel(self, test_id: str) -> Locator:
        return self.page.get_by_test_id("sync-status-panel").get_by_test_id(test_id)

    def expect_counts(self, **counts: int) -> None:
        """The given counts, and 0 for all others: `uploading=2, queued_upload=3`."""
        names = ("uploading", "downloading", "queued_upload", "queued_download")
        for name in (*names, "pending_upload", "pending_download", "error"):
            locator = self.in_panel(f"sync-{name.replace('_', '-')}-count")
            expect(locator).to_have_text(str(counts.get(name, 0)))

    def expect_hashes(self, expected: Sequence[str]) -> None:
        """There are cards of these contents, in this order, and no others."""
        expect(self.cards).to_have_count(len(expected))
        for card, content_hash in zip(self.all_cards(), expected, strict=True):
            expect(card.content_hash).to_have_text(content_hash)

    def listed(self, heading: str) -> list[str]:
        """The file ids under a heading of the panel."""
        items = self.page.get_by_test_id("sync-status-panel").locator(f'h4:has-text("{heading}") + ul > li')
        return items.all_text_contents()

    def expect_all_uploaded(self) -> None:
        for card in self.all_cards():
            card.expect_uploaded()


def remote_exists(page: Page, store_id: str, content_hash: str) -> bool:
    """Whether the object store has the content."""
    answer = page.context.request.get(
        f"/livestore-filesync-files/{store_id}/{content_hash}",
        headers={"Authorization": f"Bearer {TOKEN}", "Range": "bytes=0-0"},
    )
    assert answer.status in {200, 206, 404}, f"{answer.status}: {answer.text()}"
    return answer.status != 404


@run_in_pyodide
async def _keep_nothing(selenium: PyodidePage, store_id: str) -> None:
    import filesync_web as fs
    from tests.in_page.client import close_client, open_client

    _, sync = await open_client(store_id)
    await sync.set_version_policy(fs.VersionPolicy(keep_last=0))
    await close_client()


def keep_nothing(context: BrowserContext, store_id: str) -> None:
    """Let go of the earlier versions of all files, on all clients, by another tab of the browser."""
    tab = open_pyodide_page(context)
    _keep_nothing(tab, store_id)
    tab.quit()


def hashes(cards: Iterable[Card]) -> list[str]:
    """The content hashes that cards show, in their order."""
    return [card.content_hash.inner_text() for card in cards]
