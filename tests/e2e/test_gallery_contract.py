"""What the gallery's elements say and do, one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from tests.e2e.gallery import (
    FILES,
    SLOW,
    Gallery,
    Held,
    hashes,
    keep_nothing,
    note_sockets,
    picture,
    png,
    remote_exists,
    sha256,
    sockets_of,
)
from tests.harness.waiting import wait_until

NewContext = Callable[..., BrowserContext]
RED = png(320, 200, (200, 30, 40))
CYAN = (55, 225, 215)
"""The inverse of RED."""

_PIXEL = """
async (image) => {
    await image.decode();
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}
"""


def several(number: int) -> list[bytes]:
    """So many different pictures."""
    return [png(40 + index, 30, (20 * index, 90, 200 - 20 * index)) for index in range(number)]


def test_files_are_added_in_order_by_the_same_input(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    expect(gallery.page.locator("input[type=file]")).to_have_count(1)
    expect(gallery.page.get_by_test_id("empty-state")).to_be_visible()
    expect(gallery.page.get_by_test_id("transfer-progress-section")).to_be_hidden()
    contents = several(4)
    gallery.add(*(picture(f"{index}.png", content) for index, content in enumerate(contents[:3])))
    gallery.add(picture("3.png", contents[3]))
    gallery.add(picture("3.png", contents[3]))  # the same file once more is another file
    expect(gallery.page.get_by_test_id("empty-state")).to_be_hidden()
    expected = [sha256(content) for content in [*contents, contents[3]]]
    gallery.expect_hashes(expected)
    gallery.expect_all_uploaded()
    gallery.reload()
    gallery.expect_hashes(expected)
    for card in gallery.all_cards():
        expect(card.part("file-can-display")).to_have_text("true")
        expect(card.part("file-download-status")).to_have_text("done")
        expect(card.part("file-placeholder")).to_be_hidden()


def test_drop_and_paste_add_files_too(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    transfer = gallery.page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'given.png', { type: 'image/png' }));
            return transfer;
        }""",
        list(RED),
    )
    body = gallery.page.locator("body")
    body.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(gallery.page.get_by_text("Drop to add")).to_be_visible()
    expect(body).to_have_class("dropping")
    body.dispatch_event("drop", {"dataTransfer": transfer})
    expect(body).not_to_have_class("dropping")
    expect(gallery.cards).to_have_count(1)
    gallery.page.evaluate(
        """(clipboardData) => { // in Firefox a script's own ClipboardEvent has no files
            const paste = new Event('paste', { bubbles: true });
            document.body.dispatchEvent(Object.assign(paste, { clipboardData }));
        }""",
        transfer,
    )
    expect(gallery.cards).to_have_count(2)
    for card in gallery.all_cards():
        card.expect_image(320, 200)


def test_at_most_two_uploads_at_a_time_and_one_snapshot(new_context: NewContext, store_id: str) -> None:
    # both before anything is held: a transfer without a byte for a minute is tried again
    here, there = Gallery.open(new_context(), store_id), Gallery.open(new_context(), store_id)
    uploads, downloads = Held(here.page, FILES, "PUT"), Held(there.page, FILES, "GET")
    contents = several(5)
    here.add(*(picture(f"{index}.png", content) for index, content in enumerate(contents)))
    here.expect_counts(uploading=2, queued_upload=3)
    expect(here.in_panel("sync-is-syncing")).to_have_text("Yes")
    expect(here.in_panel("sync-has-pending")).to_have_text("Yes")
    expect(here.page.get_by_test_id("transfer-progress-section")).to_be_visible()
    wait_until(lambda: len(uploads.waiting) == 2, "two uploads wait", timeout=SLOW, page=here.page)
    statuses = lambda: sorted(here.page.get_by_test_id("file-upload-status").all_inner_texts())  # noqa: E731
    two_go = lambda: statuses() == ["inProgress"] * 2 + ["queued"] * 3  # noqa: E731
    wait_until(two_go, lambda: f"two cards say so: {statuses()}", timeout=SLOW, page=here.page)
    ids = {card.root.get_attribute("data-file-id") for card in here.all_cards()}
    uploading, queued = here.listed("Uploading Files"), here.listed("Queued Uploads")
    assert (len(uploading), len(queued)) == (2, 3)
    assert set(uploading) | set(queued) == ids

    expect(there.cards).to_have_count(5)
    there.expect_counts(pending_download=5)
    for card in there.all_cards():
        expect(card.part("file-placeholder")).to_be_visible()
        expect(card.part("file-can-display")).to_have_text("false")
        expect(card.image).to_have_count(0)
    uploads.open()
    here.expect_all_uploaded()
    here.expect_counts()
    expect(here.page.get_by_test_id("transfer-progress-section")).to_be_hidden()
    assert len(uploads.seen) == 5

    there.expect_counts(downloading=5)
    wait_until(lambda: downloads.waiting, "downloads wait", timeout=SLOW, page=there.page)
    downloads.open()
    for card, content in zip(there.all_cards(), contents, strict=True):
        card.expect_synced(sha256(content))
        expect(card.image).to_be_visible()
    assert len(downloads.seen) == 5, "each file comes once"
    there.expect_counts()


def test_reload_of_a_synced_client_fetches_no_file(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.add(picture("red.png", RED))
    gallery.card(0).expect_uploaded()
    fetched: list[Request] = []
    gallery.page.context.on(
        "request",
        lambda request: fetched.append(request) if "/livestore-filesync-files/" in request.url else None,
    )
    gallery.reload()
    gallery.card(0).expect_image(320, 200)
    gallery.card(0).expect_synced(sha256(RED))
    source = gallery.card(0).image.get_attribute("src") or ""
    assert source.startswith("blob:")
    expect(gallery.headline).to_have_text("Everything is synced")
    assert not fetched


@pytest.mark.thorough
def test_edit_inverts_the_colours_everywhere(new_context: NewContext, store_id: str) -> None:
    here, there = Gallery.open(new_context(), store_id), Gallery.open(new_context(), store_id)
    here.add(picture("red.png", RED))
    expect(there.cards).to_have_count(1)
    there.card(0).expect_synced(sha256(RED))
    there.card(0).expect_image(320, 200)
    before = [gallery.card(0).image.get_attribute("src") for gallery in (here, there)]

    uploads = Held(here.page, FILES, "PUT")
    here.card(0).part("edit-button").click()
    wait_until(lambda: uploads.waiting, "the edited picture uploads", timeout=SLOW, page=here.page)
    expect(here.card(0).part("file-remote-key")).to_be_empty()
    expect(here.card(0).content_hash).not_to_have_text(sha256(RED))
    edited = here.card(0).content_hash.inner_text()
    expect(here.card(0).part("file-local-hash")).to_have_text(edited)
    expect(there.card(0).content_hash).to_have_text(edited)
    expect(there.card(0).part("file-placeholder")).to_be_visible()
    assert remote_exists(here.page, store_id, sha256(RED)), (
        "the old content goes only after the new one is up"
    )

    uploads.open()
    for gallery, old in zip((here, there), before, strict=True):
        card = gallery.card(0)
        card.expect_synced(edited)
        card.expect_image(320, 200)
        expect(card.image).not_to_have_attribute("src", old or "")
        pixel = card.image.evaluate(_PIXEL)
        assert all(abs(got - wanted) <= 2 for got, wanted in zip(pixel, CYAN, strict=True)), pixel
    assert remote_exists(here.page, store_id, sha256(RED)), "the old content is an earlier version"
    keep_nothing(here.page.context, store_id)
    gone = lambda: not remote_exists(here.page, store_id, sha256(RED))  # noqa: E731
    wait_until(gone, "the old object is gone", timeout=SLOW, page=here.page)


@pytest.mark.thorough
def test_delete_takes_the_card_and_the_remote_object(new_context: NewContext, store_id: str) -> None:
    here, there = Gallery.open(new_context(), store_id), Gallery.open(new_context(), store_id)
    here.add(picture("red.png", RED))
    expect(there.cards).to_have_count(1)
    there.card(0).expect_synced(sha256(RED))
    assert remote_exists(here.page, store_id, sha256(RED))
    here.card(0).part("delete-button").click()
    expect(here.cards).to_have_count(0)
    expect(here.page.get_by_test_id("empty-state")).to_be_visible()
    gone = lambda: not remote_exists(here.page, store_id, sha256(RED))  # noqa: E731
    wait_until(gone, "the object is gone", timeout=SLOW, page=here.page)
    expect(there.cards).to_have_count(0)
    here.expect_counts()


def test_switch_stops_metadata_in_both_directions(new_context: NewContext, store_id: str) -> None:
    here, there = Gallery.open(new_context(), store_id), Gallery.open(new_context(), store_id)
    switch = here.page.get_by_test_id("toggle-livestore-sync")
    expect(switch).to_have_text("Enabled")
    switch.click()
    expect(switch).to_have_text("Disabled")
    here.add(picture("red.png", RED))
    there.add(picture("other.png", several(1)[0]))
    there.card(0).expect_uploaded()
    here.card(0).expect_uploaded()  # the bytes travel on their own
    expect(here.headline).to_contain_text("Sync is off")
    expect(here.cards).to_have_count(1)
    expect(there.cards).to_have_count(1)
    here.reload()
    expect(here.cards).to_have_count(1)
    expect(here.page.get_by_test_id("toggle-livestore-sync")).to_have_text("Disabled")

    here.page.get_by_test_id("toggle-livestore-sync").click()
    for gallery in (here, there):
        expect(gallery.page.get_by_test_id("toggle-livestore-sync")).to_have_text("Enabled")
        expect(gallery.cards).to_have_count(2)
        gallery.expect_all_uploaded()
    there.expect_hashes(hashes(here.all_cards()))


@pytest.mark.thorough
def test_local_only_asks_nobody(new_context: NewContext, store_id: str) -> None:
    context = new_context()
    asked: list[str] = []

    def note(request: Request) -> None:
        if any(part in request.url for part in ("/api/", "/livestore-filesync-files/", "/sync?")):
            asked.append(request.url)

    context.on("request", note)
    note_sockets(context)
    gallery = Gallery.open(context, store_id, localOnly=1)
    gallery.add(picture("red.png", RED))
    gallery.card(0).expect_image(320, 200)
    assert sockets_of(gallery.page) == []
    expect(gallery.headline).to_have_text("Everything stays on this device")
    gallery.card(0).part("edit-button").click()
    expect(gallery.card(0).content_hash).not_to_have_text(sha256(RED))
    gallery.reload()
    gallery.card(0).expect_image(320, 200)
    expect(gallery.card(0).part("file-remote-key")).to_be_empty()
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")  # nor does the service worker
    gallery.card(0).part("delete-button").click()
    expect(gallery.cards).to_have_count(0)
    gallery.expect_counts()
    assert asked + sockets_of(gallery.page) == []


def test_offline_by_refused_requests_recovers_without_the_browsers_event(
    new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery.open(new_context(), store_id)
    for pattern in ("**/api/**", FILES):
        gallery.page.route(pattern, lambda route: route.abort())
    expect(gallery.headline).to_have_text("Offline — everything is kept on this device")
    contents = several(3)
    gallery.add(*(picture(f"{index}.png", content) for index, content in enumerate(contents)))
    expect(gallery.headline).to_have_text("Offline — 3 files wait to upload")
    gallery.expect_counts(queued_upload=3)
    for card in gallery.all_cards():
        expect(card.image).to_be_visible()
        expect(card.part("file-remote-key")).to_be_empty()
        expect(card.root).to_contain_text("Waits for network")
    gallery.page.unroute_all()
    gallery.expect_all_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")


@pytest.mark.thorough
def test_eight_large_files_added_offline_all_arrive(
    new_context: NewContext, store_id: str, tmp_path: Path
) -> None:
    here = Gallery.open(new_context(), store_id)
    here.page.route("**/api/**", lambda route: route.abort())
    expect(here.headline).to_contain_text("Offline")
    contents = [random.Random(seed).randbytes(8 * 1024 * 1024) for seed in range(8)]
    paths = [tmp_path / f"{seed}.bin" for seed in range(8)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    here.page.locator("input[type=file]").set_input_files(paths)
    expect(here.cards).to_have_count(8)
    here.expect_counts(queued_upload=8)
    here.page.unroute_all()
    there = Gallery.open(new_context(), store_id)
    expect(there.cards).to_have_count(8)
    for gallery in (here, there):
        for card, content in zip(gallery.all_cards(), contents, strict=True):
            card.expect_synced(sha256(content))


def test_what_is_no_picture_and_what_cannot_be_read(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.add(picture("plan.pdf", b"%PDF-1.4 no more", "application/pdf"), picture("torn.png", RED[:60]))
    document, torn = gallery.card(0), gallery.card(1)
    document.expect_uploaded()
    expect(document.image).to_have_count(0)
    expect(document.root.locator(".extension")).to_have_text("pdf")
    expect(document.part("edit-button")).to_be_hidden()
    expect(document.part("file-metadata")).to_be_empty()

    torn.part("edit-button").click()
    expect(gallery.toasts).to_have_count(1)
    expect(gallery.toasts).to_contain_text(
        "torn.png was not changed: the browser cannot read it as a picture"
    )
    gallery.toasts.get_by_role("button", name="Dismiss").click()
    expect(gallery.toasts).to_have_count(0)


def test_keyboard_details_and_full_view(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    page = gallery.page
    first, second = several(2)
    gallery.add(picture("first.png", first), picture("second.png", second))
    gallery.expect_all_uploaded()
    details = gallery.card(0).root.get_by_role("button", name="Details")
    details.focus()
    page.keyboard.press("Enter")
    expect(details).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Sync details").click()
    expect(page.locator("#sync-details")).to_have_attribute("aria-hidden", "false")

    gallery.card(0).root.get_by_role("button", name="View first.png").click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text("first.png · 40x30")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("second.png · 41x30")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("first.png")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

    gallery.card(0).part("delete-button").focus()
    page.keyboard.press("Enter")
    expect(gallery.cards).to_have_count(1)
    expect(gallery.card(0).part("delete-button")).to_be_focused()


@pytest.mark.parametrize(
    "width", [360, *(pytest.param(width, marks=pytest.mark.thorough) for width in (768, 1600))]
)
def test_page_fits_the_screen(new_context: NewContext, store_id: str, width: int) -> None:
    gallery = Gallery.open(new_context(viewport={"width": width, "height": 700}), store_id, localOnly=1)
    gallery.add(
        *(picture(f"{'long name ' * 9}{index}.png", content) for index, content in enumerate(several(3)))
    )
    gallery.page.get_by_role("button", name="Sync details").click()
    assert gallery.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
