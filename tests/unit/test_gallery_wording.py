"""What the gallery says, in each state that it can be in."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import filesync_web as fs
from demo import trouble, wording

DONE, QUEUED, RUNNING = fs.Status.DONE, fs.Status.QUEUED, fs.Status.IN_PROGRESS
HASH = "0" * 64


def row(number: int, download: fs.Status = DONE, upload: fs.Status = DONE) -> fs.LocalFileState:
    return fs.LocalFileState(str(number), "path", HASH if download is DONE else "", download, upload)


def snapshot(*rows: fs.LocalFileState, **changes: Any) -> Any:
    values = {"online": True, "sync_enabled": True, "unsent": 0, "local_only": False, "total": len(rows)}
    values |= {"cancelled": 0, "paused": 0, "trouble": None}
    sync = {"sync_connected": True, "sync_failing": False}
    return SimpleNamespace(status=fs.get_sync_status(rows), **{**values, **sync, **changes})


@pytest.mark.parametrize(
    ("state", "tone", "text"),
    [
        (snapshot(), "good", "Ready"),
        (snapshot(row(1)), "good", "Everything is synced"),
        (snapshot(row(1), local_only=True), "good", "Everything stays on this device"),
        (snapshot(row(1, upload=QUEUED), online=False), "off", "Offline — 1 file waits to upload"),
        (
            snapshot(*(row(n, upload=QUEUED) for n in range(3)), online=False),
            "off",
            "Offline — 3 files wait to upload",
        ),
        (snapshot(row(1), online=False), "off", "Offline — everything is kept on this device"),
        (snapshot(row(1, upload=RUNNING)), "busy", "Uploading 1 file"),
        (snapshot(row(1, upload=RUNNING), row(2, upload=QUEUED)), "busy", "Uploading 1 of 2 files"),
        (
            snapshot(row(1, upload=RUNNING), row(2, download=RUNNING)),
            "busy",
            "Uploading 1 file, downloading 1 file",
        ),
        (snapshot(row(1, upload=QUEUED)), "wait", "1 file waiting"),
        (snapshot(row(1, upload=fs.Status.ERROR)), "bad", "1 file could not be synced"),
        (snapshot(row(1, upload=fs.Status.ERROR), cancelled=1), "off", "1 file not synced, as you wished"),
        (
            snapshot(row(1, upload=fs.Status.ERROR), row(2, upload=fs.Status.ERROR), cancelled=1),
            "bad",
            "1 file could not be synced",
        ),
        (snapshot(row(1, upload=QUEUED), paused=1), "off", "1 file paused"),
        (snapshot(row(1, upload=QUEUED), row(2, upload=QUEUED), paused=1), "wait", "1 file waiting"),
        (snapshot(row(1), sync_enabled=False, unsent=2), "off", "Sync is off — 2 changes not sent yet"),
        (snapshot(row(1), sync_enabled=False), "off", "Sync is off"),
        (snapshot(row(1), unsent=1), "busy", "Sending 1 change …"),
        (snapshot(sync_connected=False), "wait", "Connecting to your other devices …"),
        (snapshot(row(1), sync_connected=False), "wait", "Connecting to your other devices …"),
        (
            snapshot(row(1), sync_connected=False, sync_failing=True, unsent=1),
            "bad",
            "Changes of other devices do not arrive",
        ),
        (
            snapshot(row(1), sync_connected=False, local_only=True),
            "good",
            "Everything stays on this device",
        ),
        (
            snapshot(row(1, download=fs.Status.PENDING)),
            "wait",
            "1 file not uploaded yet by another device",
        ),
        (
            snapshot(replace(row(1), local_hash="")),  # evicted
            "good",
            "Everything is synced",
        ),
    ],
)
def test_headline(state: Any, tone: str, text: str) -> None:
    assert wording.headline(state) == wording.Message(tone, text)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (snapshot(), "No files yet"),
        (snapshot(sync_connected=False, local_only=True), "No files yet"),
        (snapshot(sync_connected=False), "Looking for your files …"),
        (snapshot(sync_connected=False, online=False), "No files on this device yet"),
        (snapshot(sync_connected=False, sync_enabled=False), "No files on this device yet"),
    ],
)
def test_nothing(state: Any, text: str) -> None:
    assert wording.nothing(state) == text


def test_headline_of_a_tab_that_has_to_be_reloaded() -> None:
    state = snapshot(row(1, upload=RUNNING), sync_failing=True, local_only=True, trouble=trouble.OUTDATED)
    assert wording.headline(state, saving=2) == wording.Message("bad", str(trouble.OUTDATED))


def test_headline_while_saving() -> None:
    assert wording.headline(snapshot(), saving=2).text == "Saving 2 files on this device …"


@pytest.mark.parametrize(
    ("remote_key", "state", "online", "percent", "text"),
    [
        ("key", row(1), True, None, None),
        ("", row(1, upload=RUNNING), True, 41.7, "Uploading 42 %"),
        ("", row(1, upload=RUNNING), True, None, "Uploading"),
        ("key", row(1, download=RUNNING), True, 5, "Downloading 5 %"),
        ("", row(1, upload=QUEUED), True, None, "Waiting to upload"),
        ("", row(1, upload=QUEUED), False, None, "Waits for network"),
        ("key", row(1, download=QUEUED), False, None, "Waits for network"),
        ("", row(1, upload=fs.Status.ERROR), True, None, "Upload failed"),
        ("key", row(1, download=fs.Status.ERROR), True, None, "Download failed"),
        ("", None, True, None, "Not uploaded yet"),
        ("key", replace(row(1), local_hash=""), True, None, "Not on this device"),
    ],
)
def test_badge(
    remote_key: str, state: fs.LocalFileState | None, online: bool, percent: float | None, text: str | None
) -> None:
    record = fs.FileRecord("1", "path", remote_key, HASH, None, 0, 0)
    display = fs.get_file_display_state(record, state)
    message = wording.badge(display, online=online, percent=percent)
    assert (message and message.text) == text


def test_a_badge_says_what_the_user_asked_of_a_transfer() -> None:
    record = fs.FileRecord("1", "path", "", HASH, None, 0, 0)
    waiting = fs.get_file_display_state(record, row(1, upload=QUEUED))
    paused = wording.badge(waiting, online=True, percent=None, is_paused=True)
    assert paused == wording.Message("off", "Paused")
    ended = replace(row(1, upload=fs.Status.ERROR), last_sync_error="cancelled")
    cancelled = wording.badge(fs.get_file_display_state(record, ended), online=True, percent=None)
    assert cancelled == wording.Message("off", "Cancelled")


def test_a_picture_that_is_not_shown_says_why() -> None:
    assert wording.unshown("HEIC") == "This browser does not show HEIC pictures"
    assert wording.why_unshown("HEIC").endswith("HEIC pictures. Save the file to open it elsewhere.")
    assert wording.unshown("") == "The browser cannot show this picture"
    assert wording.why_unshown("").startswith("The browser cannot show this picture: it is damaged")


def test_a_file_without_a_name_is_called_something() -> None:
    assert wording.title(None) == wording.title("") == "Untitled"
    assert wording.quoted("sea.png") == "“sea.png”"


def test_several_refusals_are_one_message() -> None:
    full = "this device has no room for the bytes"
    assert wording.refused([("a.png", full)]) == f"a.png was not added: {full}"
    assert wording.refused([("a.png", full), ("b.png", full)]) == f"2 files were not added: {full}"
    two_reasons = wording.refused([("a.png", full), ("b.png", "it cannot be read")])
    assert two_reasons == f"2 files were not added. The first, a.png: {full}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (437_400, "437 kB"),
        (999_600, "1.0 MB"),
        (6_120_000, "6.1 MB"),
        (42_000_000, "42 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_size(number: int | None, text: str) -> None:
    assert wording.size(number) == text


def test_dimensions() -> None:
    assert wording.dimensions(fs.FileMetadata(width=40, height=30)) == "40x30"
    assert wording.dimensions(fs.FileMetadata()) == ""


def test_what_is_longer_than_a_card_has_room_for_is_clipped() -> None:
    path = f"livestore-filesync-files/{'s' * 128}/{HASH}"
    assert wording.clipped(path) == path
    assert len(wording.clipped("n" * 100_000)) <= wording.MAX_SHOWN + 1


def test_folders_are_told_in_plain_words() -> None:
    assert wording.find_in("", 1000) == "Find in 1,000 files"
    assert wording.find_in("sea/deep/", 1000) == "Find in deep"
    assert wording.in_folder("sea/deep/", 1, 0) == "Folder deep: 1 file"
    assert wording.in_folder("", 1200, 2) == "All files: 1,200 files, 2 folders"
    assert wording.not_found("", "sea/deep/") == "No files in “sea/deep”"
    assert wording.not_found("x", "sea/") == "No file has “x” in its name."


def test_the_adding_of_a_folder_is_told_in_plain_words() -> None:
    assert wording.headline(snapshot(), 0, 1).text == "Looking through the folder … 1 file"
    assert wording.headline(snapshot(), 3, 1200).text == "Looking through the folder … 1,200 files"
    assert wording.headline(snapshot(), 3).text == "Saving 3 files on this device …"
    assert wording.stopped(1, 2) == "Stopped after 1 of 2 files."
    assert wording.stopped(0, 1200) == "Stopped after 0 of 1,200 files."
    assert wording.too_many(20_000).startswith("There are more than 20,000 files and folders")


def test_facts_are_told_in_one_line() -> None:
    assert wording.facts("2 kB", "", "here") == "2 kB · here"
