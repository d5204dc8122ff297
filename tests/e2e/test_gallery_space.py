"""The room on the device, in the gallery: what is used and left, what stays and what goes; ready offline."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import SLOW, Gallery, picture, png, record_texts, recorded_texts, sha256

NewContext = Callable[..., BrowserContext]
SMALL, LARGE = png(40, 30, (9, 90, 9)), png(500, 400, (90, 9, 9))


@pytest.mark.thorough
def test_files_are_kept_and_removed_in_the_view_of_the_room(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    page = gallery.page
    gallery.add(picture("small.png", SMALL), picture("large.png", LARGE))
    gallery.expect_all_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")
    page.get_by_role("button", name="Sync details").click()
    expect(page.get_by_test_id("storage-line")).to_contain_text("on this device")
    expect(page.get_by_test_id("storage-line")).to_contain_text("left")
    page.get_by_role("button", name="Storage …").click()
    sheet = page.get_by_role("dialog", name="Storage")
    rows = sheet.get_by_role("list", name="Largest files on this device").get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("large.png")

    sheet.get_by_role("button", name="Keep on this device: large.png").click()
    expect(sheet.get_by_role("status")).to_have_text("“large.png” is kept on this device.")
    expect(sheet.get_by_role("button", name="Remove from here: large.png")).to_be_hidden()
    sheet.get_by_role("button", name="Free up space").click()
    expect(sheet.get_by_role("status")).to_contain_text("freed")
    expect(rows).to_have_count(1)
    expect(gallery.card(0).part("file-local-hash")).to_be_empty()
    expect(gallery.card(1).part("file-local-hash")).to_have_text(sha256(LARGE))

    sheet.get_by_role("button", name="Stop keeping on this device: large.png").click()
    sheet.get_by_role("button", name="Remove from here: large.png").press("Enter")
    expect(sheet.get_by_role("status")).to_contain_text("is on the server only")
    expect(sheet).to_contain_text("There are no files on this device.")
    expect(sheet.get_by_role("heading", name="Storage")).to_be_focused()
    page.keyboard.press("Escape")
    expect(gallery.in_panel("sync-on-demand-count")).to_have_text("2")


@pytest.mark.thorough
def test_a_card_keeps_its_file_here_or_lets_it_go(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.add(picture("small.png", SMALL))
    card = gallery.card(0)
    card.expect_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")
    card.root.get_by_role("button", name="Details of small.png").click()
    card.root.get_by_role("button", name="Keep on this device").click()
    expect(card.root.get_by_role("img", name="Kept on this device")).to_be_visible()
    expect(card.root.get_by_role("button", name="Remove from this device")).to_be_hidden()
    card.root.get_by_role("button", name="Stop keeping on this device").click()
    card.root.get_by_role("button", name="Remove from this device").click()
    expect(card.root).to_contain_text("Not on this device")
    expect(card.part("file-local-hash")).to_be_empty()
    card.root.get_by_role("button", name="View small.png").click()
    expect(card.part("file-local-hash")).to_have_text(sha256(SMALL))


@pytest.mark.thorough
def test_what_the_browser_could_not_show_is_said_of_bytes_that_are_here(
    new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.add(picture("bad.png", b"no picture"))
    card, said = gallery.card(0), "The browser cannot show this picture"
    card.expect_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")
    expect(card.root).to_contain_text(said)
    card.root.get_by_role("button", name="Details of bad.png").click()
    card.root.get_by_role("button", name="Remove from this device").click()
    expect(card.root).to_contain_text("Not on this device")
    expect(card.root).not_to_contain_text(said)


def test_ready_to_work_offline_is_said_when_it_is_true(new_context: NewContext, store_id: str) -> None:
    context = new_context()
    record_texts(context, "[data-testid=offline-readiness]")
    gallery = Gallery.open(context, store_id)
    ready = gallery.page.get_by_test_id("offline-readiness")
    gallery.add(picture("small.png", SMALL))
    expect(ready).to_have_text("Ready to work offline", timeout=2 * SLOW * 1000)
    assert recorded_texts(gallery.page)[0] == "Getting ready to work offline …"
    gallery.expect_all_uploaded()
    context.set_offline(True)
    gallery.reload()
    gallery.card(0).expect_image(40, 30)
    expect(ready).to_have_text("Ready to work offline")
