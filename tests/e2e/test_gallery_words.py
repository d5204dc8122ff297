"""What the gallery says of its connection, and how it serves the keyboard and screen readers."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import Gallery, picture, png

NewContext = Callable[..., BrowserContext]
RED = png(320, 200, (200, 30, 40))

REFUSING = """
self.refusing = true;
self.WebSocket = class extends WebSocket {
    constructor(url, ...more) { super(self.refusing ? 'ws://127.0.0.1:1/' : url, ...more); }
};
"""


def test_metadata_sync_that_does_not_work_is_told(new_context: NewContext, store_id: str) -> None:
    here, page = Gallery.open(new_context(), store_id), new_context().new_page()
    here.add(picture("red.png", RED))
    here.card(0).expect_uploaded()
    page.add_init_script(REFUSING)
    there = Gallery(page)
    there.go(store_id)
    expect(page.get_by_test_id("empty-state")).to_contain_text("Looking for your pictures …")
    expect(there.headline).to_have_text("Connecting to your other devices …")
    expect(there.headline).to_have_text("Changes of other devices do not arrive")

    page.evaluate("refusing = false")
    there.card(0).expect_image(320, 200)
    expect(there.headline).to_have_text("Everything is synced")
