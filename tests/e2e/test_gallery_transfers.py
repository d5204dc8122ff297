"""The transfers in the gallery's panel, by name: each can be paused, resumed, cancelled and tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.gallery import FILES, SLOW, Gallery, Held, picture, png
from tests.harness.waiting import wait_until

NewContext = Callable[..., BrowserContext]
NAMES = ["first.png", "second.png", "third.png"]


def open_panel(gallery: Gallery) -> Locator:
    gallery.page.get_by_role("button", name="Sync details").click()
    return gallery.page.get_by_role("list", name="Transfers")


def test_each_transfer_is_steered_by_its_name(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    page, uploads = gallery.page, Held(gallery.page, FILES, "PUT")
    gallery.add(*(picture(name, png(40 + place, 30, (9, 9, 90))) for place, name in enumerate(NAMES)))
    transfers = open_panel(gallery)
    rows = [transfers.get_by_role("listitem").filter(has_text=name) for name in NAMES]
    for row, state in zip(rows, ("Uploading", "Uploading", "Waiting to upload"), strict=True):
        expect(row).to_contain_text(state)

    page.get_by_role("button", name="Pause first.png").press("Enter")
    expect(rows[0]).to_contain_text("Paused")
    expect(gallery.card(0).root).to_contain_text("Paused")
    expect(
        page.get_by_role("list", name="Transfers").get_by_role("button", name="Resume first")
    ).to_be_focused()
    expect(rows[2]).to_contain_text("Uploading")  # it has the place that has become free

    page.get_by_role("button", name="Cancel the transfer of second.png").press("Enter")
    expect(rows[1]).to_contain_text("You have cancelled the upload. The file stays on this device.")
    expect(rows[1].get_by_role("button", name="Try again with second.png")).to_be_focused()

    wait_until(lambda: len(uploads.seen) == 3, "the third one goes", timeout=SLOW, page=page)
    uploads.open()
    gallery.card(2).expect_uploaded()
    expect(rows[2]).to_have_count(0)
    expect(gallery.headline).to_have_text("1 file paused")
    rows[1].get_by_role("button", name="Try again").press("Enter")
    gallery.card(1).expect_uploaded()
    expect(rows[0].get_by_role("button", name="Resume first.png")).to_be_focused()

    gallery.card(0).root.get_by_role("button", name="Resume first.png").click()
    gallery.card(0).expect_uploaded()
    expect(page.get_by_role("list", name="Transfers")).to_be_hidden()
    expect(gallery.headline).to_have_text("Everything is synced")


@pytest.mark.thorough
def test_the_last_cancelled_file_leaves_the_sentence_calm(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    Held(gallery.page, FILES, "PUT")
    gallery.add(picture("red.png", png(40, 30, (200, 0, 0))))
    open_panel(gallery).get_by_role("button", name="Cancel the transfer of red.png").click()
    expect(gallery.headline).to_have_text("1 file not synced, as you wished")
    expect(gallery.card(0).part("file-error")).to_have_class("reason meant")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="a paste by script carries no files there")
def test_several_refusals_are_one_message(new_context: NewContext, store_id: str, tmp_path: Path) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    page, files = gallery.page, [tmp_path / name for name in NAMES]
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input id=other type=file multiple>')")
    for file in files:
        file.write_bytes(png(40, 30, (9, 9, 90)))
    page.locator("#other").set_input_files(files)
    for file in files:
        file.unlink()  # it cannot be read any more
    page.evaluate("""() => {
        const clipboardData = new DataTransfer();
        for (const file of other.files) clipboardData.items.add(file);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }""")
    expect(gallery.toasts).to_have_count(1)
    expect(gallery.toasts).to_contain_text("3 files were not added")
    expect(gallery.cards).to_have_count(0)
