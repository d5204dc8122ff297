"""What the gallery says of its connection, and how it serves the keyboard and screen readers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import (
    FILES,
    Gallery,
    Held,
    picture,
    png,
    record_texts,
    recorded_texts,
    sha256,
)
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until

NewContext = Callable[..., BrowserContext]
RED = png(320, 200, (200, 30, 40))

REFUSING = """
self.refusing = true;
self.WebSocket = class extends WebSocket {
    constructor(url, ...more) { super(self.refusing ? 'ws://127.0.0.1:1/' : url, ...more); }
};
"""


@pytest.mark.thorough
def test_metadata_sync_that_does_not_work_is_told(new_context: NewContext, store_id: str) -> None:
    here, page = Gallery.open(new_context(), store_id), new_context().new_page()
    here.add(picture("red.png", RED))
    here.card(0).expect_uploaded()
    page.add_init_script(REFUSING)
    record_texts(page, ".headline")
    there = Gallery(page)
    there.go(store_id)
    expect(page.get_by_test_id("empty-state")).to_contain_text("Looking for your files …")
    expect(there.headline).to_have_text("Changes of other devices do not arrive")
    assert "Connecting to your other devices …" in recorded_texts(page), "it was not told at once"

    page.evaluate("refusing = false")
    there.card(0).expect_image(320, 200)
    expect(there.headline).to_have_text("Everything is synced")


def test_keyboard_and_screen_readers(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    page = gallery.page
    gallery.add(
        picture("red.png", RED), picture("bad.png", b"no picture"), picture("LICENSE", b"MIT", "text/plain")
    )
    red, bad, licence = (gallery.cards.filter(has_text=name) for name in ("red.png", "bad.png", "LICENSE"))
    expect(licence.locator(".extension")).to_be_empty()
    expect(bad.get_by_test_id("edit-button")).to_be_disabled()
    expect(bad).to_contain_text("The browser cannot show this picture")
    expect(gallery.headline).to_have_text("Everything stays on this device")
    expect(page.get_by_test_id("sync-status-panel").get_by_role("status")).to_have_text(
        "Everything stays on this device"
    )
    page.keyboard.press("Tab")
    expect(page.get_by_label("Add files")).to_be_focused()

    red.get_by_role("button", name="View red.png").click()
    page.keyboard.press("ArrowRight")  # past the one that cannot be shown
    expect(page.get_by_role("dialog")).to_contain_text("LICENSE")
    expect(page.get_by_role("dialog").get_by_label("Text")).to_have_text("MIT")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog")).to_contain_text("red.png")
    page.keyboard.press("Escape")
    bad.get_by_role("button", name="View bad.png").click()
    expect(page.get_by_role("dialog")).to_contain_text("it is damaged, or of a kind that it does not know")
    expect(page.get_by_role("dialog").get_by_role("button", name="Save to disk")).to_be_visible()
    page.keyboard.press("Escape")

    for name in ("bad.png", "red.png", "LICENSE"):  # the keyboard's place is never lost
        page.get_by_role("button", name=f"Delete {name}").press("Enter")
        expect(page.get_by_role("button", name=f"Delete {name}")).to_have_count(0)
    expect(page.get_by_label("Add files")).to_be_focused()


@pytest.mark.thorough
def test_drawing_of_vectors_can_be_inverted(new_context: NewContext, store_id: str) -> None:
    drawing = (
        b"""<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><path d="M0 0h60v40H0z"/></svg>"""
    )
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    gallery.add(picture("drawing.svg", drawing, "image/svg+xml"))
    gallery.card(0).part("edit-button").click()
    gallery.card(0).expect_image(60, 40)
    pixel = """async (image) => {
        const context = new OffscreenCanvas(60, 40).getContext('2d');
        context.drawImage(image, 0, 0);
        return [...context.getImageData(30, 20, 1, 1).data];
    }"""
    is_white = lambda: gallery.card(0).image.evaluate(pixel) == [255, 255, 255, 255]  # noqa: E731
    wait_until(is_white, "the inverted picture, of the same size, is shown", page=gallery.page)


def test_a_picture_that_rests_at_an_error_says_why(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.page.route(
        "**/api/v1/sign/upload",
        lambda route: route.fulfill(status=403, json={"error": "this store takes no more pictures"}),
    )
    gallery.add(picture("red.png", RED))
    card = gallery.card(0)
    expect(card.part("file-upload-status")).to_have_text("error")
    expect(card.part("file-error")).to_contain_text("this store takes no more pictures")
    expect(gallery.headline).to_have_text("1 file could not be synced")
    gallery.page.unroute_all()
    card.root.get_by_role("button", name="Try again with red.png").click()
    card.expect_uploaded()
    expect(card.part("file-error")).to_be_empty()


@run_in_pyodide
async def evict(selenium: PyodidePage, store_id: str, file_ids: list[str]) -> None:
    """Evict files of a store that this page opens and closes."""
    from tests.in_page.client import close_client, open_client

    _, sync = await open_client(store_id)
    for file_id in file_ids:
        await sync.evict_file(file_id)
    await close_client()


def test_an_evicted_picture_is_elsewhere_and_comes_when_it_is_looked_at(
    new_context: NewContext, store_id: str
) -> None:
    context = new_context(viewport={"width": 400, "height": 500})
    gallery = Gallery.open(context, store_id)
    contents = [png(40 + index, 30, (20 * index, 90, 90)) for index in range(10)]
    gallery.add(*(picture(f"{index}.png", content) for index, content in enumerate(contents)))
    gallery.expect_all_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")
    seen, unseen = gallery.card(0), gallery.card(9)
    fetched = Held(context, FILES, "GET")
    other_tab = open_pyodide_page(context)
    evict(other_tab, store_id, [card.root.get_attribute("data-file-id") or "" for card in (seen, unseen)])
    other_tab.quit()

    for card in (seen, unseen):
        expect(card.root).to_contain_text("Not on this device")
        expect(card.part("file-local-hash")).to_be_empty()
    expect(gallery.headline).to_have_text("Everything is synced")
    expect(gallery.in_panel("sync-on-demand-count")).to_have_text("2")
    assert not fetched.seen, "nobody has looked at them"

    fetched.open()
    unseen.root.scroll_into_view_if_needed()
    unseen.expect_image(49, 30)
    unseen.expect_synced(sha256(contents[9]))
    expect(unseen.root).not_to_contain_text("Not on this device")
    expect(seen.root).to_contain_text("Not on this device")

    gallery.page.get_by_role("button", name="View 0.png").click()  # it has been in view all the time
    seen.expect_image(40, 30)
    seen.expect_synced(sha256(contents[0]))
    assert len(fetched.seen) == 2, "each comes once"
