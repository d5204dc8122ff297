"""The service worker serves what is on this device, and keeps out of everything else."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.controlled_page import fetch, message, open_controlled_page, store_file
from tests.browser.scripted_site import PAGE, PREFIX, ScriptedSite, StoredObject
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.firefox

BODY = bytes(range(256)) * 40
HASH = hashlib.sha256(BODY).hexdigest()
KEY = f"store/{HASH}"
URL = PREFIX + KEY


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedSite]:
    """A site whose worker knows no remote."""
    made = ScriptedSite(tmp_path_factory.mktemp("site"))
    made.write("index.html", PAGE.format(title="app"))
    made.write_worker()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def page(site: ScriptedSite, new_module_context: Callable[..., BrowserContext]) -> Page:
    """A page in local-only mode, with one file stored."""
    opened = open_controlled_page(new_module_context(base_url=site.url), "/", {"signer": ""})
    store_file(opened, KEY, BODY, "image/png")
    return opened


def test_whole_file(page: Page) -> None:
    answer = fetch(page, URL)
    assert (answer.status, answer.body) == (200, BODY)
    expected = {
        "accept-ranges": "bytes",
        "content-length": str(len(BODY)),
        "content-security-policy": "sandbox",
        "content-type": "image/png",
        "etag": f'"{HASH}"',
        "x-content-type-options": "nosniff",
        "x-source": "local",
    }
    assert expected.items() <= answer.headers.items()


def test_head_has_the_headers_only(page: Page) -> None:
    answer = fetch(page, URL, "HEAD", Range="bytes=0-9")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(BODY)))
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.feature("service worker: own files as URLs, with ranges and seeking")
@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10000-", 10000, 10240),
        ("bytes=-7", 10233, 10240),
        ("bytes=5-99999", 5, 10240),
    ],
)
def test_range(page: Page, wanted: str, start: int, end: int) -> None:
    answer = fetch(page, URL, Range=wanted)
    assert (answer.status, answer.body) == (206, BODY[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BODY)}"
    assert answer.headers["content-length"] == str(end - start)


def test_range_outside_of_the_file(page: Page) -> None:
    answer = fetch(page, URL, Range="bytes=10240-")
    assert (answer.status, answer.body, answer.headers["content-range"]) == (416, b"", "bytes */10240")


def test_several_ranges_are_answered_with_the_whole(page: Page) -> None:
    answer = fetch(page, URL, Range="bytes=0-1,5-6")
    assert (answer.status, answer.body) == (200, BODY)


def test_conditions(page: Page) -> None:
    unchanged = fetch(page, URL, If_None_Match=f'"{HASH}"')
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", f'"{HASH}"')
    assert fetch(page, URL, If_None_Match='"else"').status == 200
    assert fetch(page, URL, Range="bytes=0-1", If_Range=f'"{HASH}"').status == 206
    assert fetch(page, URL, Range="bytes=0-1", If_Range='"else"').status == 200


def test_file_without_a_recorded_type(page: Page) -> None:
    key = f"store/{hashlib.sha256(b'untyped').hexdigest()}"
    store_file(page, key, b"untyped")
    answer = fetch(page, PREFIX + key)
    assert (answer.body, answer.headers["content-type"]) == (b"untyped", "application/octet-stream")


def test_empty_file(page: Page) -> None:
    key = f"store/{hashlib.sha256(b'').hexdigest()}"
    store_file(page, key, b"")
    assert (fetch(page, PREFIX + key).status, fetch(page, PREFIX + key, Range="bytes=0-").status) == (
        200,
        416,
    )


@pytest.mark.parametrize(
    "run",
    [
        "const element = Object.assign(document.createElement('script'), { src: url })",
        "const element = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: url })",
        "const element = new Worker(url)",
        "const element = new SharedWorker(url)",
    ],
    ids=["script", "style", "worker", "shared worker"],
)
def test_a_stored_file_is_no_code(page: Page, run: str) -> None:
    """Whoever can write a tag into the page must not find the code for it among the files."""
    body = b"globalThis.ran = true; globalThis.postMessage?.('ran')"
    key = f"store/{hashlib.sha256(body).hexdigest()}"
    store_file(page, key, body, "text/css" if "stylesheet" in run else "text/javascript")
    ended = page.evaluate(
        f"""async (url) => {{
            {run};
            if (element instanceof Element) document.head.append(element);
            return new Promise((resolve) => {{
                element.onerror = () => resolve("refused");
                element.onload = element.onmessage = () => resolve("ran");
            }});
        }}""",
        PREFIX + key,
    )
    assert (ended, page.evaluate("globalThis.ran ?? false")) == ("refused", False)
    assert fetch(page, PREFIX + key).body == body


def test_stored_html_cannot_run_as_the_origin(page: Page) -> None:
    body = b"<p id=shown>shown</p><script>document.body.textContent = 'ran'</script>"
    key = f"store/{hashlib.sha256(body).hexdigest()}"
    store_file(page, key, body, "text/html")
    other = page.context.new_page()
    other.goto(PREFIX + key)
    assert other.inner_text("body") == "shown"
    assert other.evaluate("self.origin") == "null"


def test_missing_file_in_local_only_mode_makes_no_request(page: Page, site: ScriptedSite) -> None:
    before = len(site.seen)
    answer = fetch(page, f"{PREFIX}store/{'0' * 64}")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert b"not on this device" in answer.body
    assert fetch(page, f"{PREFIX}no/file").status == 404
    assert site.asked_since(before) == []


@pytest.fixture
def routed(page: Page) -> Iterator[list[tuple[str, str]]]:
    """What the page itself is seen to request below the prefix."""
    seen: list[tuple[str, str]] = []

    def note(route: Route) -> None:
        seen.append((route.request.method, route.request.url.partition("?")[2]))
        route.continue_()

    page.route(f"**{PREFIX}**", note)
    yield seen
    page.unroute(f"**{PREFIX}**")


_IN_WORKER = """
([url, method]) => new Promise((resolve, reject) => {
    const code = `onmessage = async ({ data: [url, method] }) =>
        postMessage(await (await fetch(url, { method, body: method === "PUT" ? "x" : undefined })).text());`;
    const worker = new Worker(URL.createObjectURL(new Blob([code])));
    worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
    worker.onerror = reject;
    worker.postMessage([url, method]);
})
"""

_BY_XHR = """
([url, method]) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.onload = () => resolve(request.responseText);
    request.onerror = reject;
    request.send(method === "PUT" ? "x" : null);
})
"""


def test_signed_and_writing_requests_stay_the_pages_own(
    page: Page, site: ScriptedSite, routed: list[tuple[str, str]]
) -> None:
    """Who watches the page sees the engine's transfers, also those of its workers."""
    site.objects[KEY] = StoredObject(b"from the network")
    url = site.url + URL
    for how in (_BY_XHR, _IN_WORKER):
        assert page.evaluate(how, [f"{url}?exp=1&sig=a", "GET"]) == "from the network"
        assert page.evaluate(how, [f"{url}?X-Amz-Signature=b", "GET"]) == "from the network"
        assert page.evaluate(how, [f"{url}?sig=c", "PUT"]) == "stored"
        assert page.evaluate(how, [url, "PUT"]) == "stored"
        assert routed == [("GET", "exp=1&sig=a"), ("GET", "X-Amz-Signature=b"), ("PUT", "sig=c"), ("PUT", "")]
        asked = len(site.requests("GET", PREFIX))
        assert page.evaluate(how, [url, "GET"]) != "from the network"
        assert len(site.requests("GET", PREFIX)) == asked
        routed.clear()


def test_a_signed_request_can_be_held(page: Page) -> None:
    held: list[Route] = []
    page.route("**/*sig=hold*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the handler
    page.evaluate("(url) => { globalThis.held = fetch(url).then((r) => r.text()); }", f"{URL}?sig=hold")
    wait_until(lambda: held, "the request is held", page=page)
    held[0].fulfill(body="from the test")
    assert page.evaluate("globalThis.held") == "from the test"
    page.unroute("**/*sig=hold*")


def test_status(page: Page) -> None:
    status = message(page, "status")
    assert (status["prefix"], status["signer"], status["cached"]) == (PREFIX, None, {"files": 0, "bytes": 0})


@pytest.mark.only_in("chromium", reason="only DevTools reload past the service worker")
def test_page_of_a_hard_reload_gets_the_worker_back(page: Page) -> None:
    """The browser leaves such a page without a controller; `claim` mends it."""
    other = page.context.new_page()
    other.goto("/")
    session = page.context.new_cdp_session(other)
    with other.expect_navigation():
        session.send("Page.reload", {"ignoreCache": True})
    assert other.evaluate("navigator.serviceWorker.controller === null")
    claimed = """async () => {
        const { active } = await navigator.serviceWorker.ready;
        const changed = new Promise((resolve) => (navigator.serviceWorker.oncontrollerchange = resolve));
        active.postMessage({ type: "filesync:claim" });
        await changed;
    }"""
    other.evaluate(claimed)
    assert fetch(other, URL).headers["x-source"] == "local"


def wav(seconds: int) -> bytes:
    """Silence with a click: 8 kHz, 16 bit, mono."""
    rate = 8000
    data = b"".join(struct.pack("<h", int(9000 * math.sin(i / 9))) for i in range(rate)) * seconds
    chunks = (b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", len(data))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", *chunks)
    return head + data


_SEEK = """
async ([url, at]) => {
    const audio = new Audio();
    audio.preload = "metadata";
    const once = (name) => new Promise((resolve, reject) => {
        audio.addEventListener(name, resolve, { once: true });
        audio.addEventListener("error", () => reject(new Error(audio.error.message)), { once: true });
    });
    const loaded = once("loadedmetadata");
    audio.src = url;
    await loaded;
    const seeked = once("seeked");
    audio.currentTime = at;
    await seeked;
    return [audio.duration, audio.currentTime, audio.seekable.end(0)];
}
"""


@pytest.mark.feature("service worker: own files as URLs, with ranges and seeking")
def test_media_seeks(page: Page) -> None:
    body = wav(100)
    key = f"store/{hashlib.sha256(body).hexdigest()}"
    store_file(page, key, body, "audio/wav")
    assert page.evaluate(_SEEK, [PREFIX + key, 90]) == [100, 90, 100]


def test_image_shows(page: Page) -> None:
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEUlEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
    )
    key = f"store/{hashlib.sha256(png).hexdigest()}"
    store_file(page, key, png, "image/png")
    code = """async (url) => {
        const image = new Image();
        image.src = url;
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];
    }"""
    assert page.evaluate(code, PREFIX + key) == [2, 3]


def test_inside_an_existing_worker(tmp_path: Path, new_context: Callable[..., BrowserContext]) -> None:
    """`importScripts` adds file serving to a worker of the app, and touches nothing of it.

    Ours is asked first, so that it works beside one that answers everything, as PyScript's own does.
    """
    site = ScriptedSite(tmp_path)
    site.write("index.html", PAGE.format(title="app"))
    site.write_worker(prefix="/files/")
    (tmp_path / "filesync-sw.js").rename(tmp_path / "part.js")
    own = """
        const OPTIONS = "mine", Sha256 = "mine", names = new Set(Object.getOwnPropertyNames(self));
        importScripts("/part.js");
        const added = Object.getOwnPropertyNames(self).filter((name) => !names.has(name));
        self.addEventListener("fetch", (event) => {
            event.respondWith(new Response([OPTIONS, Sha256, ...added].join()));
        });
    """
    site.write("filesync-sw.js", own)
    site.start()
    try:
        page = open_controlled_page(new_context(base_url=site.url), "/", {"signer": ""})
        store_file(page, KEY, BODY)
        assert fetch(page, f"/files/{KEY}").body == BODY
        assert fetch(page, "/mine").body == b"mine,mine"
    finally:
        site.stop()
