"""What the gallery takes a file for, and what it says of its transfer and of the room that it takes."""

from __future__ import annotations

import importlib
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import filesync_web as fs
from demo import kinds, steering, trouble
from demo.kinds import Kind
from demo.listing import Entry
from tools.common import ROOT

HASH = "0" * 64
OVER_QUOTA = "there is no room for this upload: this store has 40 of 100 bytes left"
"""What filesync-server says then."""
STATE = fs.LocalFileState("1", "path", HASH, fs.Status.DONE, fs.Status.DONE)


def metadata(name: str, mime_type: str | None = None, width: int | None = None) -> fs.FileMetadata:
    return fs.FileMetadata(mime_type=mime_type, width=width, custom={"name": name})


@pytest.mark.parametrize(
    ("name", "mime_type", "kind"),
    [
        ("sea.jpg", "image/jpeg", Kind.PICTURE),
        ("sea", None, Kind.PICTURE),
        ("IMG_1.HEIC", "image/heic", Kind.PICTURE),
        ("clip.mp4", "video/mp4", Kind.VIDEO),
        ("memo.ogg", "audio/ogg; codecs=opus", Kind.AUDIO),
        ("paper.pdf", "application/pdf", Kind.PDF),
        ("paper.pdf", "text/html", Kind.TEXT),
        ("notes.md", "application/octet-stream", Kind.TEXT),
        ("notes", "text/plain", Kind.TEXT),
        ("page.html", "text/html", Kind.TEXT),
        ("data.geojson", "application/geo+json", Kind.TEXT),
        ("backup.zip", "application/zip", Kind.OTHER),
    ],
)
def test_kind_of_a_file(name: str, mime_type: str | None, kind: Kind) -> None:
    assert kinds.kind_of(metadata(name, mime_type)) is kind


def test_pictures_that_browsers_do_not_show_are_called_by_their_name() -> None:
    assert kinds.not_shown(metadata("IMG_1.HEIC")) == "HEIC"
    assert kinds.not_shown(metadata("scan", "image/tiff")) == "TIFF"
    assert kinds.not_shown(metadata("sea.jpg", "image/jpeg")) == ""
    assert kinds.is_drawing(metadata("logo", "image/svg+xml"))


def failed(error: str, *, upload: bool = True) -> fs.LocalFileState:
    way = "upload_status" if upload else "download_status"
    return replace(STATE, **{way: fs.Status.ERROR}, last_sync_error=error)


@pytest.mark.parametrize(
    ("error", "what", "to_do"),
    [
        (
            "the signer's /v1/sign/upload: the server answered 403 (this store takes no more)",
            "The server refuses this file: this store takes no more.",
            "Ask whoever runs it, then try again.",
        ),
        ("x: the server answered 413", "This file is too large for the server (413).", "Ask whoever"),
        (
            "x: the server answered 413 (one PUT takes at most 5 bytes)",
            "This file is too large for the server: one PUT takes at most 5 bytes.",
            "Ask whoever",
        ),
        (
            f"x: the server answered 413 ({OVER_QUOTA})",
            f"The server has no room for this file: {OVER_QUOTA}.",
            "Delete something",
        ),
        ("x: the server answered 507", "The server has no room for this file (507).", "Delete something"),
        ("x: the server answered 401; the token was refused", "The server did not accept", "Sign in again"),
        ("x: the server answered 418 (tea)", "The server could not do it: tea.", "Try again later."),
        ("this device has no room for the bytes", "This device is full.", "Free up space"),
        ("what arrived has another hash", "What arrived has another hash.", "Try again."),
    ],
)
def test_an_error_is_told_with_what_to_do(error: str, what: str, to_do: str) -> None:
    found = trouble.trouble_of(failed(error))
    assert found is not None
    assert found.what.startswith(what)
    assert found.to_do.startswith(to_do)
    assert not found.meant


def test_an_older_tab_is_told_to_reload() -> None:
    told = "This tab has an older version of the gallery. Reload it to go on; nothing is lost."
    assert trouble.plain(fs.OutdatedError("the event log is of a newer version")) == told


def test_other_errors_are_told_in_their_own_words() -> None:
    assert trouble.plain(fs.StoreError("the store was closed")) == "the store was closed"
    assert trouble.plain(KeyError()) == "KeyError"
    javascript = SimpleNamespace(message="the browser cannot read it")
    assert trouble.plain(javascript) == "the browser cannot read it"  # type: ignore[arg-type]


def test_what_the_user_cancelled_is_no_failure() -> None:
    upload, download = (trouble.trouble_of(failed("cancelled", upload=upload)) for upload in (True, False))
    assert upload is not None
    assert upload.meant
    assert str(upload) == "You have cancelled the upload. The file stays on this device."
    assert download is not None
    assert "download" in download.what
    assert trouble.trouble_of(STATE) is trouble.trouble_of(None) is None


def entry(state: fs.LocalFileState | None, *, size: int = 10, is_paused: bool = False) -> Entry:
    text = f'{{"sizeBytes": {size}}}'
    return Entry(fs.FileRecord("1", "path", "", HASH, text, 0, 0), state, is_paused)


def test_a_file_can_go_from_the_device_when_the_server_has_it_and_nobody_keeps_it() -> None:
    uploaded = Entry(fs.FileRecord("1", "path", "key", HASH, None, 0, 0), STATE)
    assert uploaded.can_go
    assert not uploaded._replace(is_pinned=True).can_go
    assert not uploaded._replace(state=replace(STATE, local_hash="")).can_go, "it is gone already"
    assert not entry(STATE).can_go, "it is not uploaded"


def test_a_transfer_can_be_steered_as_its_state_allows() -> None:
    running = replace(STATE, upload_status=fs.Status.IN_PROGRESS)
    queued = replace(STATE, download_status=fs.Status.QUEUED)
    assert steering.acts_of(entry(running)) == steering.acts_of(entry(queued)) == ("pause", "cancel")
    assert steering.acts_of(entry(queued, is_paused=True)) == ("resume", "cancel")
    assert steering.acts_of(entry(failed("why"))) == ("retry",)
    assert steering.acts_of(entry(STATE, is_paused=True)) == steering.acts_of(entry(None)) == ()


def test_a_card_offers_to_pause_a_long_transfer_only() -> None:
    running = replace(STATE, upload_status=fs.Status.IN_PROGRESS)
    queued = replace(STATE, upload_status=fs.Status.QUEUED)
    assert steering.act_on_card(entry(running)) == ""
    assert steering.act_on_card(entry(running, size=steering.LARGE)) == "pause"
    assert steering.act_on_card(entry(queued, size=steering.LARGE)) == ""
    assert steering.act_on_card(entry(queued, is_paused=True)) == "resume"
    assert steering.act_on_card(entry(failed("why"))) == "retry"


class Buttons(dict[str, Any]):
    """Parts of a page that are buttons."""

    def __init__(self) -> None:
        super().__init__(act=SimpleNamespace(dataset=SimpleNamespace()))

    def write(self, name: str, value: Any, attribute: str = "textContent") -> None:
        setattr(self[name], attribute, value)


def test_a_button_offers_an_act_with_a_file_or_is_hidden() -> None:
    buttons: Any = Buttons()
    steering.offer("cancel", "sea.png", buttons, "act")
    button = buttons["act"]
    assert (button.textContent, button.ariaLabel) == ("Cancel", "Cancel the transfer of sea.png")
    assert (button.dataset.action, button.hidden) == ("cancel", False)
    steering.offer("", "sea.png", buttons, "act")
    assert button.hidden


@pytest.fixture
def page_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    return importlib.import_module("space_words")


ROOM = fs.StorageStatus(
    available=True,
    persisted=True,
    private_mode=None,
    usage=3_000_000,
    quota=9_000_000,
    thumbnails=None,
    live=2_000_000,
)


def test_the_room_is_told_in_plain_words(page_module: ModuleType) -> None:
    words = page_module
    assert words.here(ROOM) == "2.0 MB on this device · 6.0 MB left"
    assert words.here(replace(ROOM, quota=None)) == "2.0 MB on this device"
    assert words.shares(ROOM) == {"live": 25.0, "versions": 0.0, "trash": 0.0, "thumbnails": 0.0}
    assert words.shares(replace(ROOM, trash=1))["trash"] == 1.0, "what is there can be seen"
    assert words.server(ROOM) == ""
    usage = fs.RemoteUsage(fs.Usage(5_000_000, 3, 8_000_000, None), fs.Usage(0, 0, None, None))
    assert words.server(replace(ROOM, remote=usage)) == "5.0 MB on the server, of 8.0 MB"
    assert "promised" in words.promise(ROOM)
    assert "private" in words.promise(replace(ROOM, private_mode=True))
    assert "no other copy" in words.promise(replace(ROOM, persisted=False), local_only=True)
    assert words.freed(0).startswith("Nothing can go")
    assert words.freed(2_000_000).startswith("2.0 MB freed")


def test_why_a_file_stays_is_told_without_its_hash(page_module: ModuleType) -> None:
    for reason in ("is pinned", "is not uploaded yet", "has not confirmed file 1 yet"):
        said = page_module.not_evicted(fs.NotEvictableError(f"{HASH} is kept: file 1 {reason}"))
        assert said.startswith("The file stays on this device: ")
        assert HASH not in said


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    return importlib.import_module("offline")


def test_ready_to_work_offline_is_said_when_it_is(offline: ModuleType) -> None:
    opens, here = offline.Opens, fs.SyncCounts()
    assert offline.readiness(opens.NOT_YET, here).text == "Getting ready to work offline …"
    assert offline.readiness(opens.YES, here).text == "Ready to work offline"
    assert offline.readiness(opens.YES, fs.SyncCounts(queued_upload_count=3)).tone == "good"
    one, two = fs.SyncCounts(on_demand_count=1), fs.SyncCounts(on_demand_count=1, downloading_count=1)
    assert offline.readiness(opens.YES, one).text == "Opens offline; 1 file is not on this device"
    assert offline.readiness(opens.YES, two).text == "Opens offline; 2 files are not on this device"
    assert offline.readiness(opens.NEVER, here).tone == "off"
