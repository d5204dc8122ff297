"""The gallery for everybody: no violation for axe-core, nothing moves by itself, the focus is never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.gallery import FILES, Gallery, Held, new_context_with_time_to_undo, picture, png
from tools.common import ROOT

NewContext = Callable[..., BrowserContext]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RED = png(320, 200, (200, 30, 40))

# Layout shifts that no gesture explains, from the first frame on: their scores and what has moved.
WATCH_SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries())
        if (!hadRecentInput) shifts.push([value, ...sources.map(({ node }) => node?.id || node?.nodeName)]);
}).observe({ type: 'layout-shift', buffered: true });
"""


def violations(page: Page) -> list[Any]:
    """What axe-core finds by all its rules, in both colour schemes."""
    found = []
    page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour is on its way to another
        result = page.evaluate("axe.run()")
        assert result["passes"], "it has looked at something"
        found += [
            (scheme, rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"]])
            for rule in result["violations"]
        ]
    return found


@contextmanager
def closed_after(page: Page) -> Iterator[None]:
    """Close the dialog that is opened inside."""
    yield
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_axe_finds_nothing_in_any_view(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context_with_time_to_undo(new_context), store_id)  # its toast is looked at
    page = gallery.page
    assert violations(page) == [], "while there are no pictures"

    Held(page, FILES, "PUT")
    gallery.add(
        picture("album/red.png", RED),
        picture("IMG_1.HEIC", b"\0\0\0\x18ftypheic" + bytes(99), "image/heic"),
        picture("notes.md", b"# Notes", "text/plain"),
        picture("memo.wav", b"RIFF", "audio/wav"),
        picture("second.png", png(33, 20, (9, 99, 9))),
    )
    page.get_by_role("button", name="Sync details").click()
    page.get_by_role("button", name="Cancel the transfer of album/red.png").click()
    expect(gallery.card(0).part("file-error")).not_to_be_empty()
    page.get_by_role("button", name="Details of second.png").click()
    expect(gallery.card(1).root).to_contain_text("does not show HEIC")
    page.get_by_role("button", name="Delete notes.md").click()
    expect(gallery.toasts).to_have_count(1)
    assert violations(page) == [], "the grid, the panel with transfers, a card's details, and a toast"

    for button in ("View album/red.png", "View IMG_1.HEIC", "Play memo.wav"):
        with closed_after(page):
            page.get_by_role("button", name=button).click()
            expect(page.get_by_role("dialog", name="File")).to_be_visible()
            assert violations(page) == [], button
    for button in ("Deleted files", "Storage …", "Earlier versions of second.png"):
        with closed_after(page):
            page.get_by_role("button", name=button).click()
            expect(page.locator("#sheet[open] #sheet-body").get_by_role("list")).to_be_attached()
            assert violations(page) == [], button


@pytest.mark.thorough
def test_nothing_moves_by_itself_while_cards_fill(new_context: NewContext, store_id: str) -> None:
    here = Gallery.open(new_context(), store_id)
    here.add(*(picture(f"{place}.png", png(90 + place, 60, (place, 9, 9))) for place in range(12)))
    there = new_context(viewport={"width": 1280, "height": 900})
    there.add_init_script(WATCH_SHIFTS)
    gallery = Gallery.open(there, store_id)
    for index in range(12):
        gallery.card(index).expect_image(90 + index, 60)
    expect(gallery.headline).to_have_text("Everything is synced")
    shifts = gallery.page.evaluate("shifts")
    assert sum(score for score, *_moved in shifts) < 0.02, shifts


def test_the_keyboard_keeps_its_place_in_the_trash(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    page = gallery.page
    gallery.add(*(picture(f"{name}.png", png(40, 30, (9, 9, 99))) for name in "abc"))
    page.get_by_role("button", name="Deleted files").click()
    page.get_by_role("switch", name="Keep deleted files").check()
    page.keyboard.press("Escape")
    for name in "abc":
        page.get_by_role("button", name=f"Delete {name}.png").press("Enter")
    expect(gallery.cards).to_have_count(0)
    expect(page.get_by_label("Add files")).to_be_focused()
    page.get_by_role("button", name="Deleted files").click()
    sheet = page.get_by_role("dialog", name="Deleted files")
    sheet.get_by_role("button", name="Restore b.png").press("Enter")
    expect(sheet.get_by_role("button", name="Restore a.png")).to_be_focused()
    sheet.get_by_role("button", name="Restore a.png").press("Enter")
    expect(sheet.get_by_role("button", name="Restore c.png")).to_be_focused()
    sheet.get_by_role("button", name="Restore c.png").press("Enter")
    expect(sheet.get_by_role("heading", name="Deleted files")).to_be_focused()
