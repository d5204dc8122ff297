"""How the inspector's panel is kept up to date; what it looks like in a page is tested in browsers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from filesync_web.errors import FileSyncError, StoreError, UnknownFileError
from filesync_web.file_sync import FileSync
from filesync_web.inspector.panel import Panel
from filesync_web.testing.clock import settle


class HeldFileSync:
    """Answers when the test says so, with a report that has no more than its storage."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        self.asked: list[tuple[list[str] | None, bool, asyncio.Future[dict[str, Any]]]] = []

    async def debug_report(
        self, files: list[str] | None, *, names: bool = False, quick: bool = False
    ) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.asked.append((files, quick, answer))
        return await answer

    async def answer(self, error: FileSyncError | None = None) -> None:
        files, quick, answer = self.asked.pop(0)
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result({} if quick else {"service_worker": {"state": f"{files} in {self.store_id}"}})
        await settle()


class ShownPanel:
    """What the page would show."""

    is_in_page = is_watched = True
    is_removed = False
    made: ShownPanel

    def __init__(
        self, _stores: Sequence[str], on_action: Callable[[str, str], None], *, is_open: bool
    ) -> None:
        self.on_action = on_action
        self.hints: list[str] = []
        self.said = ""
        ShownPanel.made = self

    def show(self, _level: str, _word: str, _findings: str, sections: Iterable[Any]) -> None:
        self.hints = [section.hint for section in sections]

    def say(self, text: str) -> None:
        self.said = text

    def remove(self) -> None:
        self.is_removed = True


@asynccontextmanager
async def shown(monkeypatch: pytest.MonkeyPatch, *file_syncs: HeldFileSync) -> AsyncIterator[ShownPanel]:
    in_page = SimpleNamespace(InspectorPanel=ShownPanel)
    monkeypatch.setitem(sys.modules, "filesync_web.browser.inspector_panel", cast("Any", in_page))
    panel = Panel(cast("list[FileSync]", file_syncs), is_open=True)
    await settle()
    try:
        yield ShownPanel.made
    finally:
        panel.close()
        await settle()


async def test_a_report_of_the_store_before_is_not_shown_for_the_one_that_was_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = HeldFileSync("a"), HeldFileSync("b")
    async with shown(monkeypatch, a, b) as page:
        page.on_action("store", "1")
        await a.answer()
        assert page.hints == []
        [(_files, quick, _answer)] = b.asked
        assert not quick
        await b.answer()
        assert page.hints == ["None in b"]


async def test_what_names_no_file_does_not_end_the_next_search(monkeypatch: pytest.MonkeyPatch) -> None:
    a = HeldFileSync("a")
    async with shown(monkeypatch, a) as page:
        await a.answer()
        page.on_action("find", "no such file")
        await settle()
        page.on_action("find", "red")
        await a.answer(UnknownFileError("no such file"))
        assert page.said == ""
        await a.answer()
        assert page.hints == ["['red'] in a"]


async def test_it_goes_on_when_a_store_could_not_look_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    a = HeldFileSync("a")
    async with shown(monkeypatch, a) as page:
        page.on_action("find", "red")
        await a.answer()
        await a.answer(StoreError("it is being made anew"))
        assert page.said == "it is being made anew"
        page.on_action("refresh", "")
        await settle()
        await a.answer()
        assert page.hints == ["['red'] in a"]


async def test_it_says_why_there_is_no_report_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    a = HeldFileSync("a")
    async with shown(monkeypatch, a) as page:
        await a.answer()
        page.on_action("save", "")
        await settle()
        await a.answer(StoreError("the store is closed"))
        assert page.said == "the store is closed"


async def test_it_ends_when_the_page_has_taken_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    a = HeldFileSync("a")
    async with shown(monkeypatch, a) as page:
        await a.answer()
        page.on_action("refresh", "")
        await settle()
        page.is_in_page = False
        await a.answer()
        page.on_action("refresh", "")
        await settle()
        assert page.is_removed
        assert a.asked == []
