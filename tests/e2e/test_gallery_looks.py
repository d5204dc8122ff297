"""The gallery as readers set up their screens: narrow, enlarged, without motion, in few colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import SLOW, Gallery, Held, picture, png
from tests.harness.waiting import wait_until

WIDE, LONG = png(600, 400, (200, 30, 40)), png(40, 900, (10, 120, 60))
LONG_NAME = f"{'a-very-long-name-without-a-space' * 4}.txt"
SMALLEST = 24
"""Pixels that a thing to press must have each way (WCAG 2.2, 2.5.8)."""

# What sticks out of the screen sideways, or is too small to press, of what is shown and could be pressed.
MISFITS = """
(smallest) => {
    const found = [];
    if (document.scrollingElement.scrollWidth > innerWidth)
        found.push(`the page is ${document.scrollingElement.scrollWidth} wide, on ${innerWidth}`);
    const top = document.querySelector('dialog:modal') ?? document.body;
    for (const element of top.querySelectorAll('button, a, label.button, input:not([type=file])')) {
        const isShown = element.checkVisibility({ visibilityProperty: true });
        if (!isShown || element.closest('[aria-hidden=true], .chips')) continue;
        const { left, right, width, height } = element.getBoundingClientRect();
        const name = element.ariaLabel || element.textContent.trim() || element.id;
        if (left < -1 || right > innerWidth + 1) found.push(`${name} is at ${left} to ${right}`);
        const isTarget = !element.matches('label input'); // else its label is
        if (isTarget && Math.min(width, height) < smallest) found.push(`${name} has ${width} x ${height}`);
    }
    return found;
}
"""
NO_WISHES = "there Playwright emulates neither reduced motion nor forced colours"
MOVING = """
() => [...document.querySelectorAll('*')].filter((element) => {
    const { animationName, transitionDuration } = getComputedStyle(element);
    return animationName !== 'none' || transitionDuration.split(', ').some((time) => parseFloat(time) > 0);
}).map((element) => element.className)
"""
COLOURS = """
(selectors) => selectors.map((selector) => {
    const look = (selector) => getComputedStyle(document.querySelector(selector));
    const { backgroundColor: fill, borderTopColor, borderTopWidth } = look(selector);
    return { fill, border: parseFloat(borderTopWidth) ? borderTopColor : null };
})
"""


@pytest.fixture(scope="module")
def gallery(new_module_context: Callable[..., BrowserContext]) -> Gallery:
    """Pictures of all shapes, one with details open."""
    # a service worker would answer for the interpreter that a test holds
    opened = Gallery.open(new_module_context(service_workers="block"), "looks", localOnly=1)
    opened.add(
        picture("wide.png", WIDE), picture("long.png", LONG), picture(LONG_NAME, b"text", "text/plain")
    )
    opened.card(0).root.get_by_role("button", name="Details").click()
    return opened


@pytest.fixture(autouse=True)
def _as_before(gallery: Gallery) -> Iterator[None]:
    yield
    gallery.page.emulate_media(reduced_motion="reduce", forced_colors="null")
    gallery.page.evaluate("document.documentElement.style.fontSize = ''")


@pytest.mark.parametrize(
    ("width", "height", "font_size"),
    [(320, 640, ""), (640, 360, ""), (1280, 720, "200%"), (320, 640, "24px")],
)
def test_everything_fits_and_can_be_pressed(
    gallery: Gallery, width: int, height: int, font_size: str
) -> None:
    """1280 pixels enlarged to 200 % are 640; the others are larger letters alone."""
    page = gallery.page
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", font_size)
    assert page.evaluate(MISFITS, SMALLEST) == []
    page.get_by_role("button", name="Sync details").click()
    assert page.evaluate(MISFITS, SMALLEST) == [], "with the details of the sync"
    page.get_by_role("button", name="Sync details").click()
    page.get_by_role("button", name="Deleted files").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(MISFITS, SMALLEST) == [], "in the sheet"
    page.keyboard.press("Escape")
    gallery.card(1).root.get_by_role("button", name="View long.png").click()
    expect(page.locator("#viewer-image")).to_be_visible()
    assert page.evaluate(MISFITS, SMALLEST) == [], "in the full view"
    page.keyboard.press("Escape")


def test_a_misfit_is_noticed(gallery: Gallery) -> None:
    page = gallery.page
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<button style=\"width: 3000px; height: 9px\">wide')"
    )
    found = page.evaluate(MISFITS, SMALLEST)
    page.locator("body > button").evaluate("(button) => button.remove()")
    assert len(found) == 3, found


@pytest.mark.only_in("chromium", reason=NO_WISHES)
def test_nothing_moves_for_who_wants_no_motion(gallery: Gallery) -> None:
    gallery.page.emulate_media(reduced_motion="no-preference")
    assert gallery.page.evaluate(MOVING), "else something does"
    gallery.page.emulate_media(reduced_motion="reduce")
    assert gallery.page.evaluate(MOVING) == []


@pytest.mark.only_in("chromium", reason=NO_WISHES)
def test_what_colours_tell_is_seen_in_forced_colours(gallery: Gallery) -> None:
    page = gallery.page
    page.emulate_media(forced_colors="active")
    body, card, dot = page.evaluate(COLOURS, ["body", ".card", ".panel .dot"])
    assert card["border"] not in {None, body["fill"]}
    assert dot["fill"] != body["fill"] or dot["border"] not in {None, body["fill"]}
    page.locator(".transfer").evaluate("(element) => { element.hidden = false; }")
    track, fill = page.evaluate(COLOURS, [".transfer .track", ".transfer .fill"])
    page.locator(".transfer").evaluate("(element) => { element.hidden = true; }")
    assert track["border"] not in {None, body["fill"]}
    assert fill["fill"] != track["fill"]
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.querySelector(':focus-visible')).outlineStyle")
    assert outline != "none"


@pytest.mark.only_in("chromium", reason=NO_WISHES)
def test_the_page_fits_while_it_loads(gallery: Gallery) -> None:
    page = gallery.page.context.new_page()
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(reduced_motion="reduce", forced_colors="active")
    interpreter = Held(page, "**/pyodide.asm.wasm")
    page.goto("/?storeId=looks&localOnly=1")
    expect(page.locator("#loading-text")).to_be_visible()
    wait_until(lambda: interpreter.waiting, "Python is being loaded", timeout=SLOW, page=page)
    assert page.evaluate(MISFITS, SMALLEST) == []
    assert page.evaluate(MOVING) == []
    track, fill = page.evaluate(COLOURS, [".loading .track", ".loading .fill"])
    assert fill["fill"] != track["fill"]
    page.close()
