"""A person's way through the gallery in WebKitGTK, in nineteen steps."""

from __future__ import annotations

import io
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.gallery import TOKEN, png
from tests.harness import FaultProxy, ServerProcess
from tests.harness.waiting import wait_until
from tests.harness.webkit import WebKitBrowser
from tests.webkit.gallery import SLOW, Gallery

NewWebKit = Callable[..., WebKitBrowser]

_NOTE_MESSAGES = """
() => {
    window.noted = [];
    navigator.serviceWorker.addEventListener("message", ({ data }) => window.noted.push(data.type));
}
"""
_FETCH = """
async ([url, headers]) => {
    const response = await fetch(url, { headers });
    const body = [...new Uint8Array(await response.arrayBuffer())];
    return { status: response.status, source: response.headers.get("x-source"), body };
}
"""
_SEEK = """
async ([url, time]) => {
    const audio = new Audio(url);
    const event = (name) => new Promise((resolve, reject) => {
        audio.addEventListener(name, resolve, { once: true });
        audio.addEventListener("error", () => reject(new Error(audio.error.message)), { once: true });
    });
    audio.preload = "metadata";
    await event("loadedmetadata");
    audio.currentTime = time;
    await event("seeked");
    return [audio.duration, audio.currentTime];
}
"""


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two files for the chooser, 320 and 200 pixels wide."""
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    red.write_bytes(png(320, 200, (200, 30, 40)))
    blue.write_bytes(png(200, 320, (20, 60, 200)))
    return [red, blue]


@pytest.mark.feature("save, show, upload, download, edit, delete", engine="webkit")
def test_two_browsers_show_what_one_has_saved_edited_and_deleted(
    new_webkit: NewWebKit, site_url: str, pictures: list[Path], store_id: str
) -> None:
    here = Gallery(new_webkit(), store_id)  # 1 opened
    here.add(*pictures)  # 2 saved
    red, _blue = here.expect_synced(320, 200)  # 3 shown, 4 uploaded
    assert is_in_object_store(site_url, red.remote_key)
    there = Gallery(new_webkit(), store_id)
    there.expect_synced(320, 200)  # 5 on a second device

    here.click("edit-button", 0)
    here.expect_cards("the edit", lambda cards: cards[0].content_hash != red.content_hash)
    edited = here.expect_synced(320, 200)[0]  # 6 edited
    there.expect_cards("the edit", lambda cards: cards[0].content_hash == edited.content_hash)
    there.expect_synced(320, 200)  # 7 there, too

    here.click("delete-button", 0)
    here.expect_synced(200)  # 8 deleted
    there.expect_synced(200)  # 9 there, too


@pytest.mark.feature(
    "offline: save, reload, send later", "service worker: the app opens offline", engine="webkit"
)
def test_what_is_added_offline_survives_a_killed_browser(
    new_webkit: NewWebKit, new_server: Callable[..., ServerProcess], pictures: list[Path], store_id: str
) -> None:
    server = new_server()
    browser = new_webkit(server.url)
    gallery = Gallery(browser, store_id)
    gallery.page.wait_for_function("navigator.serviceWorker.controller !== null")
    server.stop()
    gallery.expect_headline("Offline")  # 10 offline
    gallery.add(pictures[0])
    gallery.expect_headline("Offline — 1 file waits to upload")  # 11 saved there
    gallery.reload()
    gallery.expect_cards("the picture", lambda cards: [card.width for card in cards] == [320])  # 12 reloaded
    browser.kill()
    gallery = Gallery(browser.open(), store_id)
    gallery.expect_cards(
        "the picture", lambda cards: [card.width for card in cards] == [320]
    )  # 13 started again

    server.start()
    (card,) = gallery.expect_synced(320)  # 14 uploaded when the server is back
    assert is_in_object_store(server.url, card.remote_key)


@pytest.mark.feature(
    "several tabs with one leader", "killed at any moment: nothing is lost, transfers go on", engine="webkit"
)
def test_another_tab_uploads_when_the_leader_is_killed(
    new_webkit: NewWebKit, fault_proxy: FaultProxy, pictures: list[Path], store_id: str
) -> None:
    browser = new_webkit(fault_proxy.url)
    leader, second, third = (Gallery(browser, store_id) for _ in range(3))
    trap = fault_proxy.set_trap("PUT", "/livestore-filesync-files/", "up", 0.5)
    third.add(pictures[0])
    wait_until(trap.sprung.is_set, "the upload has begun", timeout=SLOW)
    for tab in (leader, second):
        tab.expect_cards(
            "the picture", lambda cards: [card.width for card in cards] == [320]
        )  # 15 in three tabs
    leader.page.kill()
    fault_proxy.let_go()
    for tab in (second, third):
        tab.expect_synced(320)  # 16 another tab leads


@pytest.mark.feature("service worker: own files as URLs, with ranges and seeking", engine="webkit")
def test_own_copies_are_served_with_ranges_and_can_be_sought(
    new_webkit: NewWebKit, new_server: Callable[..., ServerProcess], tmp_path: Path, store_id: str
) -> None:
    """In a browser whose service workers have no storage: there the page is asked for the file."""
    sound = tmp_path / "sound.wav"
    sound.write_bytes(silence(seconds=60))
    server = new_server()
    gallery = Gallery(new_webkit(server.url, "late"), store_id)
    gallery.page.wait_for_function("navigator.serviceWorker.controller !== null")
    gallery.page.evaluate(_NOTE_MESSAGES)
    gallery.add(sound)
    (card,) = gallery.expect_cards(
        "the sound is uploaded", lambda cards: [card.upload for card in cards] == ["done"]
    )
    path = f"/{card.path}"
    server.stop()

    whole = gallery.page.evaluate(_FETCH, [path, {}])
    assert (whole["status"], whole["source"]) == (200, "local")  # 17 served without the server
    assert bytes(whole["body"]) == sound.read_bytes()
    assert "filesync:find" in gallery.page.evaluate("noted")
    part = gallery.page.evaluate(_FETCH, [path, {"Range": "bytes=4-11"}])
    assert (part["status"], part["source"]) == (206, "local")  # 18 with ranges
    assert bytes(part["body"]) == sound.read_bytes()[4:12]
    duration, time = gallery.page.evaluate(_SEEK, [path, 50])
    assert (round(duration), round(time)) == (60, 50)  # 19 a player seeks


def silence(seconds: int) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * seconds))
    return file.getvalue()


def is_in_object_store(origin: str, remote_key: str) -> bool:
    """Whether the object store has a first byte of it."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Range": "bytes=0-0"}
    request = urllib.request.Request(f"{origin}/livestore-filesync-files/{remote_key}", headers=headers)
    with urllib.request.urlopen(request, timeout=SLOW) as answer:
        return bool(answer.status == 206)
