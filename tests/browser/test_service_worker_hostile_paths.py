"""Paths that a hostile member has written, as a page hands them to the service worker: as images, to fetch,
and to prefetch. Whatever they are, the worker answers, asks for no object, and serves the good files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.controlled_page import fetch, kept_files, message, open_controlled_page
from tests.browser.scripted_site import PAGE, PREFIX, ScriptedSite

ROOT = PREFIX.strip("/")
BODY = b"good"
HASH = hashlib.sha256(BODY).hexdigest()
LOST = "ab" * 32
STORE = "shared"

PATHS = [
    "",
    "/",
    "evil",
    "../../../etc/passwd",
    f"{ROOT}",
    f"{ROOT}/{STORE}",
    f"{ROOT}/{STORE}/",
    f"{ROOT}/../{LOST}",
    f"{ROOT}/./{LOST}",
    f"{ROOT}/%2e%2e/{LOST}",
    f"{ROOT}/..%2f{STORE}/{LOST}",
    f"{ROOT}/{STORE}/{LOST.upper()}",
    f"{ROOT}/{STORE}/{LOST}/more",
    f"{ROOT}//{LOST}",
    f"{ROOT}/{'x' * 129}/{LOST}",
    f"{ROOT}/{'x' * 100_000}",
    f"{ROOT}/a\x00b/{LOST}",
    f"{ROOT}/\u202e/{LOST}",
    f"https://elsewhere.example/{ROOT}/{STORE}/{LOST}",
    "javascript:alert(1)",
]
ODDLY_WRITTEN = [f"{ROOT}/{STORE}/{LOST}\n", f"{ROOT}/{STORE}\\{LOST}"]
"""As URLs they name a file, since a line's end is nothing there and a backslash a slash; as paths, none."""
NO_TEXTS: list[Any] = [None, 5, [], {"path": f"{ROOT}/{STORE}/{LOST}"}]

_FETCH_ALL = """
async (paths) => {
    const found = [];
    for (const path of paths) {
        const url = new URL(`/${path}`.replace(/^[/\\\\]+/, "/"), location.href);
        try {
            found.push([url.pathname, (await fetch(url)).status]);
        } catch (error) {
            found.push([url.pathname, String(error)]);
        }
    }
    return found;
}
"""

_SHOW_ALL = """
(paths) => Promise.all(paths.map((path) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("shown");
    image.onerror = () => resolve("broken");
    image.src = `/${path}`.replace(/^[/\\\\]+/, "/");
    setTimeout(() => resolve("neither"), 60000);
})))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ScriptedSite]:
    """A site with signer and objects; nobody but the good file's key may be asked for."""
    made = ScriptedSite(tmp_path)
    made.write("index.html", PAGE.format(title="app"))
    made.add(STORE, BODY, "image/png")
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["signer", "template"])
def page(
    request: pytest.FixtureRequest, site: ScriptedSite, new_context: Callable[..., BrowserContext]
) -> Page:
    """A page whose remote is behind a signer, or one where anybody may read, known by a template."""
    if request.param == "signer":
        site.write_worker(cache_remote=True)
        answer = {"signer": f"{site.url}/api"}
    else:
        site.write_worker(cache_remote=True, remote_url="objects/{key}")
        answer = {}
    return open_controlled_page(new_context(base_url=site.url), "/", answer)


def test_no_path_leads_anywhere(site: ScriptedSite, page: Page) -> None:
    report = message(page, "prefetch", paths=[*PATHS, *ODDLY_WRITTEN, *NO_TEXTS])
    assert not report["fetched"]
    assert not report["present"]
    assert report["failed"].keys() >= {*PATHS, *ODDLY_WRITTEN}
    for path, answer in page.evaluate(_FETCH_ALL, PATHS):
        if path.startswith(PREFIX):
            assert answer == 404, f"{path!r} is answered with {answer}"
    assert set(page.evaluate(_SHOW_ALL, PATHS)) == {"broken"}
    asked = [seen.path for seen in site.seen if seen.method == "POST" or seen.path.startswith("/objects")]
    assert asked == []
    assert kept_files(page) == []

    answer = fetch(page, f"{PREFIX}{STORE}/{HASH}")
    assert (answer.status, answer.body) == (200, BODY)
    assert message(page, "prefetch", paths=[f"{ROOT}/{STORE}/{HASH}"])["failed"] == {}


def test_no_prefetched_path_leaves_the_folder_of_the_files(site: ScriptedSite, page: Page) -> None:
    before = len(site.seen)
    for path in PATHS:
        message(page, "prefetch", paths=[path])
    assert site.asked_since(before) == []
