"""The main job, as a person has it: add pictures, go offline, reload, close, open another browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Request, expect

from tests.browser.controlled_page import fetch
from tests.e2e.gallery import (
    FILES,
    SLOW,
    Gallery,
    Held,
    has_open_socket,
    jpeg,
    note_sockets,
    picture,
    png,
    remote_exists,
    sha256,
    sockets_of,
)
from tests.harness import Profile, ServerProcess
from tests.harness.browser import SAMPLE_MEMORY
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.firefox

NewContext = Callable[..., BrowserContext]
RED = png(320, 200, (200, 30, 40))
BLUE = png(200, 320, (20, 60, 200))


@pytest.mark.feature("save, show, upload, download, edit, delete")
def test_pictures_reach_another_browser_and_survive_restarts(
    new_server: Callable[..., ServerProcess], new_profile: Callable[..., Profile], store_id: str
) -> None:
    server = new_server()
    first, second = new_profile(server.url), new_profile(server.url)
    here = Gallery.open(first.open(), store_id)
    photo = jpeg(here.page, 2400, 2400)
    assert 5_000_000 < len(photo) < 15_000_000
    expect(here.page.get_by_test_id("empty-state")).to_be_visible()

    here.add(picture("red.png", RED), picture("photo.jpg", photo, "image/jpeg"))
    expect(here.page.get_by_test_id("empty-state")).to_be_hidden()
    here.card(0).expect_image(320, 200)
    here.card(1).expect_image(2400, 2400)
    here.expect_all_uploaded()

    there = Gallery.open(second.open(), store_id)

    def both_show_everything() -> None:
        for gallery in (here, there):
            expect(gallery.cards).to_have_count(2)
            gallery.card(0).expect_synced(sha256(RED))
            gallery.card(1).expect_synced(sha256(photo))
            gallery.card(0).expect_image(320, 200)
            gallery.card(1).expect_image(2400, 2400)

    both_show_everything()
    there.card(1).root.get_by_role("button", name="View").click()
    whole = there.page.get_by_role("dialog").locator("img")
    expect(whole).to_have_js_property("naturalWidth", 2400)
    first.close()
    second.close()
    server.restart()
    here, there = Gallery.open(first.open(), store_id), Gallery.open(second.open(), store_id)
    both_show_everything()
    newcomer = Gallery.open(new_profile(server.url).open(), store_id)
    expect(newcomer.cards).to_have_count(2)
    newcomer.card(1).expect_synced(sha256(photo))


@pytest.mark.feature("offline: save, reload, send later")
def test_picture_added_offline_survives_reload_and_uploads_when_online(
    new_server: Callable[..., ServerProcess], new_profile: Callable[..., Profile], store_id: str
) -> None:
    server = new_server()
    gallery = Gallery.open(new_profile(server.url).open(), store_id)
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")  # it opens offline from now on
    server.stop()
    expect(gallery.headline).to_contain_text("Offline")

    gallery.add(picture("red.png", RED))
    gallery.card(0).expect_image(320, 200)
    expect(gallery.headline).to_have_text("Offline — 1 file waits to upload")
    expect(gallery.card(0).part("file-upload-status")).to_have_text("queued")
    expect(gallery.card(0).part("file-remote-key")).to_be_empty()
    gallery.reload()
    gallery.card(0).expect_image(320, 200)
    expect(gallery.card(0).part("file-upload-status")).to_have_text("queued")

    server.start()
    gallery.card(0).expect_synced(sha256(RED))
    expect(gallery.headline).to_have_text("Everything is synced")
    assert remote_exists(gallery.page, store_id, sha256(RED))


@pytest.mark.feature("service worker: own files as URLs, with ranges and seeking")
def test_own_files_have_their_urls_where_there_is_no_network(new_context: NewContext, store_id: str) -> None:
    context = new_context()
    gallery = Gallery.open(context, store_id)
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")
    gallery.add(picture("red.png", RED))
    gallery.expect_all_uploaded()
    context.set_offline(True)
    for _ in range(3):
        answer = fetch(gallery.page, f"/livestore-filesync-files/{store_id}/{sha256(RED)}")
        assert (answer.status, answer.headers["x-source"], answer.body) == (200, "local", RED)
        gallery.reload()


@pytest.mark.feature("service worker: the app opens offline")
def test_gallery_opens_in_a_new_browser_without_its_server(
    new_server: Callable[..., ServerProcess], new_profile: Callable[..., Profile], store_id: str
) -> None:
    server = new_server()
    profile = new_profile(server.url)
    gallery = Gallery.open(profile.open(), store_id)
    gallery.add(picture("red.png", RED))
    gallery.card(0).expect_synced(sha256(RED))
    gallery.page.wait_for_function("() => navigator.serviceWorker.controller")
    server.stop()
    profile.close()

    gallery = Gallery.open(profile.open(), store_id)
    gallery.card(0).expect_image(320, 200)
    expect(gallery.headline).to_contain_text("Offline")
    gallery.add(picture("blue.png", BLUE))
    gallery.card(1).expect_image(200, 320)
    expect(gallery.headline).to_have_text("Offline — 1 file waits to upload")

    server.start()
    gallery.card(1).expect_synced(sha256(BLUE))
    assert remote_exists(gallery.page, store_id, sha256(BLUE))


@pytest.mark.thorough
def test_upload_is_done_again_after_a_reload_in_its_middle(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    held = Held(gallery.page, FILES, "PUT")
    gallery.add(picture("red.png", RED))
    wait_until(lambda: held.waiting, "the upload has begun", timeout=SLOW, page=gallery.page)
    expect(gallery.card(0).part("file-upload-status")).to_have_text("inProgress")

    gallery.page.unroute(FILES)
    gallery.reload()
    gallery.card(0).expect_synced(sha256(RED))
    gallery.expect_counts()
    assert remote_exists(gallery.page, store_id, sha256(RED))


@pytest.mark.thorough
def test_of_two_files_with_the_same_bytes_one_can_go(new_context: NewContext, store_id: str) -> None:
    here = Gallery.open(new_context(), store_id)
    uploads: list[Request] = []
    here.page.on("request", lambda request: uploads.append(request) if request.method == "PUT" else None)
    here.add(picture("one.png", RED))
    here.card(0).expect_uploaded()
    here.add(picture("two.png", RED))
    here.card(1).expect_uploaded()
    assert len(uploads) == 2
    # Only now: a client that has the bytes of the first already may upload those of the second.
    there = Gallery.open(new_context(), store_id)
    expect(there.cards).to_have_count(2)
    for gallery in (here, there):
        for card in gallery.all_cards():
            card.expect_synced(sha256(RED))
            card.expect_image(320, 200)

    here.card(0).part("delete-button").click()
    for gallery in (here, there):
        expect(gallery.cards).to_have_count(1)
        gallery.reload()
        expect(gallery.cards).to_have_count(1)
        expect(gallery.card(0).root).to_contain_text("two.png")
        gallery.card(0).expect_image(320, 200)
    assert remote_exists(here.page, store_id, sha256(RED))

    here.card(0).part("delete-button").click()
    expect(here.cards).to_have_count(0)
    gone = lambda: not remote_exists(here.page, store_id, sha256(RED))  # noqa: E731
    wait_until(gone, "the object is gone", timeout=SLOW, page=here.page)


@pytest.mark.only_in("chromium", reason="Playwright does not tell of Firefox's downloads")
def test_a_file_is_saved_to_the_disk(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id)
    gallery.add(picture("plan.pdf", b"%PDF-1.4 no more", "application/pdf"))
    with gallery.page.expect_download() as download:
        gallery.card(0).root.get_by_role("button", name="Save to disk").click()
    assert download.value.suggested_filename == "plan.pdf"
    assert download.value.path().read_bytes() == b"%PDF-1.4 no more"


@pytest.mark.feature("several tabs with one leader")
def test_three_tabs_show_the_same_and_another_takes_over(new_context: NewContext, store_id: str) -> None:
    context = new_context()
    note_sockets(context)
    tabs = [Gallery.open(context, store_id) for _ in range(3)]
    held = Held(context, FILES, "PUT")
    tabs[1].add(picture("red.png", RED), picture("blue.png", BLUE))
    for tab in tabs:
        expect(tab.cards).to_have_count(2)
        tab.card(0).expect_image(320, 200)
        tab.card(1).expect_image(200, 320)

    def leading() -> list[Gallery]:
        return [tab for tab in tabs if has_open_socket(tab.page)]

    def uploading(tab: Gallery) -> int:
        return sum(route.request.frame.page is tab.page for route in held.waiting)

    # A leader that does not answer for over a second, as on a busy machine, is replaced: never are there two.
    wait_until(
        lambda: [uploading(tab) >= 2 for tab in leading()] == [True],
        "one tab alone is connected, and has begun both uploads",
        timeout=SLOW,
        page=tabs[0].page,
    )
    [leader] = leading()
    uploaders = {route.request.frame.page for route in held.waiting}
    assert all(sockets_of(page) for page in uploaders), "a tab that never led uploads"
    for tab in tabs:  # every tab tells the same
        tab.expect_counts(uploading=2)
    others = [tab for tab in tabs if tab is not leader]
    context.unroute(FILES)
    leader.page.close()
    for tab in others:
        tab.expect_all_uploaded()
        tab.expect_counts()
    wait_until(
        lambda: [has_open_socket(tab.page) for tab in others].count(True) == 1,
        "exactly one other tab has connected",
        timeout=SLOW,
        page=others[0].page,
    )


@pytest.mark.only_in("chromium", reason="it is Chromium that samples memory")
def test_opens_in_a_browser_that_samples_its_memory(
    site_url: str, new_profile: Callable[..., Profile], store_id: str
) -> None:
    """Chromium does so on some machines, and crashes pages that run WebAssembly on a stack of its own."""
    Gallery.open(new_profile(site_url).open(SAMPLE_MEMORY), store_id)
