"""What the gallery opens beside pictures: video and sound that can be sought, documents and texts."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.browser.video import SECONDS, write_video
from tests.e2e.gallery import FILES, Gallery, picture

NewContext = Callable[..., BrowserContext]
SEEK = """
(player, time) => new Promise((resolve, reject) => {
    player.onerror = () => reject(new Error(player.error.message));
    player.onseeked = () => resolve(player.currentTime);
    player.pause();
    player.currentTime = time;
})
"""
WIDE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 160"><path d="M0 0h400v160H0z"/></svg>'


def open_file(gallery: Gallery, button: str) -> Locator:
    gallery.page.get_by_role("button", name=button).click()
    return gallery.page.get_by_role("dialog", name="File")


def sound(seconds: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", 0) * 8000 * seconds)
    return buffer.getvalue()


@pytest.mark.only_in("chromium", reason="it plays no sound where there is no device for it")
def test_video_and_sound_play_and_are_sought_by_the_service_worker(
    new_context: NewContext, store_id: str, tmp_path: Path
) -> None:
    gallery = Gallery.open(new_context(), store_id)
    page, clip = gallery.page, tmp_path / "clip.webm"
    write_video(page, clip, 4)
    page.wait_for_function("() => navigator.serviceWorker.controller")
    gallery.add(
        picture("clip.webm", clip.read_bytes(), "video/webm"), picture("memo.wav", sound(20), "audio/wav")
    )
    for button, tag, seconds in (("Play clip.webm", "video", 4 * SECONDS), ("Play memo.wav", "audio", 20)):
        player = open_file(gallery, button).locator(tag)
        expect(player).to_have_js_property("duration", seconds)
        assert "/livestore-filesync-files/" in player.evaluate("(player) => player.currentSrc")
        assert player.evaluate(SEEK, seconds - 3) == seconds - 3
        player.press("ArrowLeft")
        expect(player).to_be_visible()  # the key is the player's
        page.keyboard.press("Escape")
        expect(player).to_have_count(0)

    card = gallery.card(0)  # the same when the video is elsewhere: it plays before it is here
    card.expect_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")
    card.root.get_by_role("button", name="Details of clip.webm").click()
    card.root.get_by_role("button", name="Remove from this device").click()
    expect(card.root).to_contain_text("Not on this device")
    page.route(FILES, lambda route: route.abort())  # the page's own download does not come
    expect(open_file(gallery, "Play clip.webm").locator("video")).to_have_js_property("duration", 4 * SECONDS)


@pytest.mark.thorough
def test_texts_and_documents_are_shown_as_what_they_are(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    page = gallery.page
    page.evaluate(
        "Object.defineProperty(navigator, 'pdfViewerEnabled', { get: () => true, configurable: true })"
    )
    markup = b"<script>document.title = 'run'</script>"
    gallery.add(
        picture("page.html", markup, "text/html"),
        picture("paper.pdf", b"%PDF-1.4 no more", "application/pdf"),
        picture("long.txt", b"word " * 60_000, "text/plain"),
        picture("odd.csv", b"a\0b", "text/csv"),
    )
    viewer = open_file(gallery, "Open page.html")
    expect(viewer.get_by_label("Text")).to_have_text(markup.decode())
    assert page.title() != "run"
    viewer.get_by_role("button", name="Next file").click()
    frame = viewer.get_by_title("paper.pdf")
    assert str(frame.get_attribute("src")).startswith("blob:")
    viewer.get_by_role("button", name="Next file").click()
    expect(viewer).to_contain_text("The first 200 kB of 300 kB.")
    viewer.get_by_role("button", name="Next file").click()
    expect(viewer).to_contain_text("It is no text, though its name says so.")
    page.keyboard.press("Escape")

    page.evaluate("Object.defineProperty(navigator, 'pdfViewerEnabled', { get: () => false })")
    expect(open_file(gallery, "Open paper.pdf")).to_contain_text("This browser has no viewer for PDFs.")
    page.keyboard.press("Escape")
    page.evaluate("void (Blob.prototype.text = () => Promise.reject(new Error('The disk is gone.')))")
    expect(open_file(gallery, "Open long.txt")).to_contain_text("The disk is gone.")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="Playwright does not tell of Firefox's downloads")
def test_what_is_not_shown_is_saved_to_the_disk(new_context: NewContext, store_id: str) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    gallery.add(picture("things.zip", b"PK", "application/zip"))
    with gallery.page.expect_download() as download:
        open_file(gallery, "Open things.zip").get_by_role("button", name="Save to disk").click()
    assert download.value.suggested_filename == "things.zip"


def test_what_cannot_be_shown_says_so_and_a_drawing_is_shown_as_a_whole(
    new_context: NewContext, store_id: str
) -> None:
    gallery = Gallery.open(new_context(), store_id, localOnly=1)
    heic = b"\0\0\0\x18ftypheic" + bytes(99)
    gallery.add(picture("IMG_1.HEIC", heic, "image/heic"), picture("wide.svg", WIDE, "image/svg+xml"))
    expect(gallery.card(0).root).to_contain_text("This browser does not show HEIC pictures")
    viewer = open_file(gallery, "View IMG_1.HEIC")
    expect(viewer).to_contain_text(
        "This browser does not show HEIC pictures. Save the file to open it elsewhere."
    )
    expect(gallery.card(1).image).to_have_css("object-fit", "contain")
