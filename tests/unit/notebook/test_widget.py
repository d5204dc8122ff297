"""The widget beside a page that is played here: what it asks of it, what it shows, and what its value is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.notebook import FileSyncWidget, chosen, widget
from filesync_web.notebook.chosen import PIECE_SIZE
from tests.harness.waiting import until
from tests.unit.file_sync.scene import Device, Tab

BIG = bytes(range(256)) * 4096 * 2 + b"the rest"


class PlayedPage:
    """The page's side of a widget: it has chosen files, and answers what it is asked about them."""

    def __init__(self, picker: FileSyncWidget, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: Callable[[dict[str, Any]], bool] = lambda _question: True
        self._picker = picker
        self._choices: dict[str, list[bytes]] = {}
        monkeypatch.setattr(picker, "send", self._hear)

    def choose(self, choice: str, **files: bytes) -> None:
        self._choices[choice] = list(files.values())
        described = [{"name": name, "type": "", "size": len(data)} for name, data in files.items()]
        self.tell({"tell": "chosen", "choice": choice, "files": described})

    def tell(self, message: dict[str, Any], *buffers: bytes) -> None:
        self._picker._handle_custom_msg(message, list(map(memoryview, buffers)))

    def _hear(self, question: dict[str, Any]) -> None:
        self.asked.append(question)
        if question["ask"] == "piece" and self.answers(question):
            about = {key: question[key] for key in ("choice", "position", "start")}
            data = self._choices[question["choice"]][question["position"]]
            self.tell({"tell": "piece", **about}, data[question["start"] : question["end"]])


def names(picker: FileSyncWidget) -> list[str]:
    """The names of the list, in its order."""
    return [row["name"] for row in picker.files]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "REFRESH_PAUSE", 0.0)


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    opened = await Device().tab()
    yield opened
    await opened.close()


@pytest.fixture
def picker(tab: Tab) -> FileSyncWidget:
    return FileSyncWidget(tab.sync)


@pytest.fixture
def page(picker: FileSyncWidget, monkeypatch: pytest.MonkeyPatch) -> PlayedPage:
    return PlayedPage(picker, monkeypatch)


async def test_chosen_files_are_saved_and_the_value_is_their_handles(
    tab: Tab, picker: FileSyncWidget, page: PlayedPage
) -> None:
    values: list[Any] = []
    picker.observe(lambda change: values.append(change["new"]), "value")
    page.choose("1", **{"small.txt": b"hello", "big.bin": BIG, "empty": b""})
    await until(lambda: values, "the value has changed")
    (value,) = values
    assert picker.value == value
    assert [type(handle) for handle in value] == [fs.FileOperationResult] * 3
    assert [await tab.sync.read_bytes(handle.file_id) for handle in value] == [b"hello", BIG, b""]
    metadata = [fs.get_file_metadata(tab.record(handle.file_id)) for handle in value]
    assert [(found.name, found.mime_type) for found in metadata] == [
        ("small.txt", "text/plain"),
        ("big.bin", "application/octet-stream"),
        ("empty", "application/octet-stream"),
    ]
    await until(lambda: page.asked[-1] == {"ask": "forget", "choice": "1"}, "the page may forget the files")


async def test_a_page_is_asked_for_one_piece_of_a_file_at_a_time(
    picker: FileSyncWidget, page: PlayedPage
) -> None:
    page.answers = lambda question: question["start"] == 0
    page.choose("1", big=BIG)
    await until(lambda: len(page.asked) == 2, "the second piece is asked for")
    spans = [(question["start"], question["end"]) for question in page.asked]
    assert spans == [(0, PIECE_SIZE), (PIECE_SIZE, 2 * PIECE_SIZE)]
    await until(lambda: picker.files[0]["fraction"], "the list shows how much has come")
    assert picker.files[0]["fraction"] == PIECE_SIZE / len(BIG)
    assert picker.files[0]["detail"] == "2.1 MB, saving"
    assert picker.value == ()
    page.answers = lambda _question: True
    page.tell(
        {"tell": "piece", "choice": "1", "position": 0, "start": PIECE_SIZE}, BIG[PIECE_SIZE : 2 * PIECE_SIZE]
    )
    await until(lambda: picker.value, "it is saved")


async def test_what_cannot_be_read_is_said_and_the_others_are_saved(
    tab: Tab, picker: FileSyncWidget, page: PlayedPage
) -> None:
    page.answers = lambda question: question["position"] != 0
    page.choose("1", **{"gone.txt": b"gone", "here.txt": b"here"})
    await until(lambda: page.asked, "the file is asked for")
    page.tell({"tell": "failed", "choice": "1", "position": 0, "start": 0, "message": "it was moved"})
    await until(lambda: picker.value, "the other one is saved")
    assert [await tab.sync.read_bytes(handle.file_id) for handle in picker.value] == [b"here"]
    await until(lambda: len(picker.files) == 2, "both are listed")
    assert picker.files[0]["failed"]
    assert "gone.txt" in picker.files[0]["name"]
    assert "it was moved" in picker.files[0]["detail"]
    page.answers = lambda _question: True
    page.choose("2", **{"more.txt": b"more"})
    await until(lambda: names(picker) == ["more.txt", "here.txt"], "the failure is gone")


async def test_a_page_that_has_gone_is_not_waited_for(
    picker: FileSyncWidget, page: PlayedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "PIECE_TIMEOUT", 0.0)
    page.answers = lambda _question: False
    page.choose("1", a=b"a")
    await until(lambda: picker.files and picker.files[0]["failed"], "the list says so")
    assert "closed or reloaded" in picker.files[0]["detail"]
    assert picker.value == ()
    page.tell({"tell": "piece", "choice": "1", "position": 0, "start": 0}, b"a")  # too late
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"tell": "chosen"},
        {"tell": "chosen", "choice": [], "files": []},
        {"tell": "chosen", "choice": "2", "files": "many"},
        {"tell": "chosen", "choice": "2", "files": ["one"]},
        {"tell": "chosen", "choice": "2", "files": [{"name": "a", "size": 1}]},
        {"tell": "chosen", "choice": "2", "files": [{"name": "a", "type": "", "size": "1"}]},
        {"tell": "chosen", "choice": "2", "files": [{"name": "a", "type": "", "size": -1}]},
        {"choice": "1", "position": 0, "start": 0},
        {"tell": "piece", "choice": "1", "position": [0], "start": 0},
        {"tell": "piece", "choice": "1"},
    ],
)
async def test_a_message_that_is_none_is_refused_and_nothing_is_disturbed(
    picker: FileSyncWidget, page: PlayedPage, caplog: pytest.LogCaptureFixture, message: Any
) -> None:
    page.answers = lambda _question: False
    page.choose("1", a=b"a")
    await until(lambda: page.asked, "the file is asked for")
    page.tell(message)
    await until(lambda: caplog.records, "it is told")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "refused" in caplog.text
    page.tell({"tell": "piece", "choice": "1", "position": 0, "start": 0}, b"a")
    await until(lambda: picker.value, "the file is saved")


async def test_a_short_piece_is_no_file(picker: FileSyncWidget, page: PlayedPage) -> None:
    page.answers = lambda _question: False
    page.choose("1", a=b"abc")
    await until(lambda: page.asked, "the file is asked for")
    page.tell({"tell": "piece", "choice": "1", "position": 0, "start": 0}, b"ab")
    await until(lambda: picker.files and picker.files[0]["failed"], "the list says so")
    assert "changed while it was read" in picker.files[0]["detail"]


async def test_the_list_follows_the_store(tab: Tab, picker: FileSyncWidget) -> None:
    assert (picker.files, picker.note) == ([], "0 files")
    saved = await tab.sync.save_file(b"hello", name="hello.txt")
    await until(lambda: names(picker) == ["hello.txt"], "it is listed")
    await until(lambda: picker.files[0]["detail"] == "5 B, uploaded", "it is uploaded")
    assert picker.note == "1 file"
    await tab.sync.delete_file(saved.file_id)
    await until(lambda: picker.files == [], "it is gone")


async def test_of_many_files_the_newest_are_listed(tab: Tab) -> None:
    for number in range(4):
        await tab.sync.save_file(b"x", name=f"{number}.txt")
    picker = FileSyncWidget(tab.sync, most=3)
    assert len(picker.files) == 3
    assert picker.note == "the newest 3 of 4 files"


async def test_the_value_goes_to_the_page_and_back(picker: FileSyncWidget) -> None:
    handle = fs.FileOperationResult("id", "path", "hash")
    picker.value = (handle,)
    state = picker.get_state("value")
    assert state == {"value": [{"file_id": "id", "path": "path", "content_hash": "hash"}]}
    picker.set_state(state)
    assert picker.value == (handle,)


async def test_a_closed_widget_hears_no_more(tab: Tab, picker: FileSyncWidget, page: PlayedPage) -> None:
    page.answers = lambda _question: False
    page.choose("1", a=b"abc")
    await until(lambda: page.asked and names(picker) == ["a"], "the file is asked for, and listed")
    picker.close()
    await until(lambda: page.asked[-1]["ask"] == "forget", "saving has been given up")
    await tab.sync.save_file(b"hello", name="hello.txt")
    await until(lambda: not len(picker._tasks), "its tasks have ended")
    assert names(picker) == ["a"]
    assert picker.value == ()


async def test_what_was_not_begun_is_not_left_as_if_it_went_on(
    tab: Tab, picker: FileSyncWidget, page: PlayedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def save_files(_sources: Any, **_options: Any) -> None:
        raise fs.SaveFilesError("the device is full", {0: fs.QuotaExceededError("full")}, [None, None])

    monkeypatch.setattr(tab.sync, "save_files", save_files)
    page.choose("1", a=b"a", b=b"b")
    await until(lambda: [row["failed"] for row in picker.files] == [True, True], "the list says so")
    assert {row["detail"] for row in picker.files} == {"was not saved"}


async def test_a_widget_whose_store_is_closed_shows_what_it_showed(tab: Tab, picker: FileSyncWidget) -> None:
    await tab.sync.save_file(b"hello", name="hello.txt")
    await until(lambda: picker.files, "it is listed")
    picker._refresh_soon()
    await tab.close()
    await asyncio.sleep(0)
    assert names(picker) == ["hello.txt"]


async def test_it_needs_a_file_sync() -> None:
    with pytest.raises(fs.NotInitializedError):
        FileSyncWidget()
