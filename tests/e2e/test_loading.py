"""What the gallery says while it loads: how much is here, where it opens from, and why it cannot start."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import (
    SLOW,
    Gallery,
    Held,
    picture,
    png,
    record_texts,
    recorded_texts,
    replace_module,
)
from tests.harness import PageErrors, ServerProcess
from tools.site import MODULES

SAID = "#loading-text"
ARRIVED = re.compile(r"Loading Python: (\d+\.\d) of (\d+\.\d) MB(?:, \d[\d.]* [kM]B/s)?")
SPEEDS = """
async (samples) => {
    const { Speed } = await import("/speed.js");
    const speed = new Speed();
    return samples.map(([total, now]) => { speed.add(total, now); return `${speed}`; });
}
"""
LARGE = ("pyodide/pyodide.asm.wasm", "pyodide/python_stdlib.zip")

NewContext = Callable[..., BrowserContext]


def test_a_first_visit_counts_what_arrives(
    server: ServerProcess, new_context: NewContext, store_id: str
) -> None:
    context = new_context()
    record_texts(context, SAID)
    gallery = Gallery.open(context, store_id)
    counts = [match.groups() for text in recorded_texts(gallery.page) if (match := ARRIVED.fullmatch(text))]
    arrived, totals = zip(*((float(one), float(two)) for one, two in counts), strict=True)
    assert len(set(arrived)) > 3
    assert list(arrived) == sorted(arrived)
    assert abs(totals[-1] * 1e6 - size_of(server.site)) < 100_000
    assert arrived[-1] <= totals[-1]
    assert "[native code]" in gallery.page.evaluate("String(fetch)"), "the page's own fetch is back"
    samples = [[0, 0], [900_000, 500], [2_400_000, 2000], [2_400_000, 5000], [2_420_000, 6500]]
    speeds = gallery.page.evaluate(SPEEDS, samples)
    assert speeds == ["", "", "1.2 MB/s", "0.3 MB/s", "4 kB/s"], "that of the last seconds"


def size_of(site: Path) -> int:
    """The bytes of the large files, as this server sends them."""
    return sum((site / name).stat().st_size for name in LARGE) + sum(
        wheel.stat().st_size for wheel in (site / "wheels").glob("*.whl")
    )


@pytest.mark.thorough
def test_a_later_visit_opens_from_the_device_and_says_so_offline(
    new_context: NewContext, store_id: str
) -> None:
    context = new_context()
    record_texts(context, SAID)
    gallery = Gallery.open(context, store_id)
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")
    gallery.reload()
    assert any(text == "Opening from this device …" for text in recorded_texts(gallery.page))
    context.set_offline(True)
    gallery.reload()
    assert any(
        text.startswith("You are offline. Opening from this device") for text in recorded_texts(gallery.page)
    )
    assert not any(ARRIVED.match(text) for text in recorded_texts(gallery.page))


@pytest.mark.thorough
def test_pictures_of_last_time_are_shown_before_python_has_arrived(
    new_context: NewContext, store_id: str
) -> None:
    context = new_context(service_workers="block")
    first = Gallery.open(context, store_id, localOnly=1)
    first.add(
        picture("red.png", png(600, 400, (255, 0, 0))), picture("holiday/green.png", png(9, 9, (0, 255, 0)))
    )
    kept = f"JSON.parse(localStorage['filesync-gallery:early:{store_id}'] ?? '[]').length"
    first.page.wait_for_function(f"{kept} === 2")

    later = Gallery(context.new_page())
    interpreter = Held(later.page, "**/pyodide.asm.wasm")
    early = later.page.locator(".early")
    later.page.goto(f"/?storeId={store_id}&localOnly=1")
    expect(early).to_have_text(["red.png", "green.png"])
    for index, width in enumerate([240, 9]):
        expect(early.nth(index).locator("img")).to_have_js_property("naturalWidth", width)

    first.card(1).root.get_by_test_id("delete-button").click()
    first.page.wait_for_function(f"{kept} === 1")
    later.page.reload()
    expect(early).to_have_text(["red.png"])
    interpreter.open()
    later.expect_ready()
    expect(early.first).to_be_hidden()
    later.card(0).expect_image(600, 400)


@pytest.mark.parametrize(
    "words",
    [
        "TypeError: Failed to fetch",
        "TypeError: Failed to fetch dynamically imported module: http://x.example/a.mjs",
        "TypeError: NetworkError when attempting to fetch resource.",
        "TypeError: error loading dynamically imported module: http://x.example/a.mjs",
        "TypeError: Load failed",
        "TypeError: Importing a module script failed.",
    ],
)
def test_a_part_that_did_not_arrive_is_told_in_plain_words_in_every_engine(
    new_context: NewContext, words: str
) -> None:
    page = new_context().new_page()
    page.route("**/pyodide/**", lambda _route: None)  # Python never comes
    page.goto("/", wait_until="commit")
    page.locator("#loading-retry").wait_for(state="attached")  # the script looks for it at once
    page.evaluate("words => import('/loading.js').then(({ fail }) => fail(words))", words)
    late = "dispatchEvent(new CustomEvent('py:progress', { detail: 'Loaded interpreter' }))"
    page.evaluate(late)
    expect(page.get_by_text("A part of the page did not arrive.")).to_be_visible()
    expect(page.get_by_text(words)).to_have_count(0)


def test_failed_start_says_so(new_context: NewContext, store_id: str, page_errors: PageErrors) -> None:
    page_errors.allow("Failed to fetch|NetworkError when|ZeroDivisionError")
    page = new_context().new_page()
    page.goto("/?storeId=a/b")
    expect(page.get_by_text("The gallery could not start")).to_be_visible(timeout=2 * SLOW * 1000)
    expect(page.get_by_text("The address names a store with other characters")).to_be_visible()
    replace_module(page, "app.py", "1 / 0")
    page.goto(f"/?storeId={store_id}")
    expect(page.get_by_text("ZeroDivisionError: division by zero", exact=True)).to_be_visible(
        timeout=2 * SLOW * 1000
    )
    page.unroute_all()
    page.route(f"**/{MODULES}", lambda route: route.abort())
    page.goto(f"/?storeId={store_id}")
    expect(page.get_by_text("A part of the page did not arrive.")).to_be_visible(timeout=2 * SLOW * 1000)
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    Gallery(page).expect_ready()
